"""The rivals that are no Python, and the list of all."""

import json
import shutil
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from benchmarks.rivals import Job, Ours, OursOnDask, Program, Rival, Script, search_path
from benchmarks.workloads import DataFile, Direction

_PART_MIB = 8
_ARIA2_MOST = 16  # it takes no more than that for --max-connection-per-server


class Curl(Program):
    """curl --parallel."""

    name = program = "curl"

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        options = ["-q", "--no-progress-meter", "--fail", "--location", "--parallel"]
        return [
            "curl", *options, "--parallel-max", str(job.jobs), "--config", job.write("curl.txt", self._lines(job)),
        ]  # fmt: skip

    def _lines(self, job: Job) -> list[str]:
        pairs = ((f'url = "{job.download_url(file)}"', f'output = "{job.dest / file.key}"') for file in job.files)
        return [line for pair in pairs for line in pair]


class CurlPut(Curl):
    """curl --parallel, PUT alone: it cannot read a signed URL out of an answer, so it is given them."""

    name = "curl-put-only"
    directions = frozenset({Direction.PUSH})

    def _lines(self, job: Job) -> list[str]:
        lines = ['header = "Expect:"']
        for file in job.files:
            lines += [f'upload-file = "{job.source / file.key}"', f'url = "{_signed_put(job, file)}"']
        return lines


def _signed_put(job: Job, file: DataFile) -> str:
    secure = [HTTPSHandler(context=job.identity.context())] if job.identity else []
    opener = build_opener(ProxyHandler({}), *secure)
    with opener.open(f"{job.url}/upload/{file.name}") as answer:
        return str(json.load(answer))


class Wget2(Program):
    """wget2: threads, keep-alive."""

    name = program = "wget2"

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        urls = job.write("urls.txt", [job.download_url(file) for file in job.files])
        parts = [f"--chunk-size={_PART_MIB}M"] if job.streams > 1 else []
        return [
            "wget2", "--no-config", "--no-hsts", "--quiet", "--tries=1", f"--max-threads={job.jobs}", *parts,
            "--force-directories", "--no-host-directories", "--cut-dirs=1", f"--directory-prefix={job.dest}",
            *_authority(job), f"--input-file={urls}",
        ]  # fmt: skip


class Aria2(Program):
    """aria2c without checksums."""

    name = "aria2"
    program = "aria2c"

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        lines = []
        for file in job.files:
            path = job.dest / file.key
            lines += [job.download_url(file), f"  dir={path.parent}", f"  out={path.name}", *self._check(file)]
        return [
            "aria2c", "--no-conf", "--quiet", f"--max-concurrent-downloads={job.jobs}", *_authority(job),
            f"--split={job.streams}", f"--max-connection-per-server={min(job.streams, _ARIA2_MOST)}",
            "--min-split-size=1M", "--file-allocation=none", "--auto-file-renaming=false",
            f"--input-file={job.write('aria2.txt', lines)}",
        ]  # fmt: skip

    def _check(self, file: DataFile) -> list[str]:
        return []


class Aria2Checking(Aria2):
    """aria2c that is told the sha256 of each file."""

    name = "aria2+sha256"
    verifies = True

    def _check(self, file: DataFile) -> list[str]:
        return [f"  checksum=sha-256={file.sha256}"]


class Rclone(Program):
    """rclone copy from its http backend, which asks for each file's size first."""

    name = program = "rclone"
    version_words = ("version",)

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        wanted = job.write("wanted.txt", [file.key for file in job.files])
        return [
            "rclone", "copy", "--quiet", "--retries", "1", "--http-url", f"{job.url}/download/",
            "--files-from-raw", wanted, "--no-traverse", "--no-check-dest", *_rclone_parts(job),
            "--transfers", str(job.jobs), "--checkers", str(job.jobs), ":http:", str(job.dest),
        ]  # fmt: skip


class RcloneCopyUrl(Program):
    """rclone copyurl with a list; old versions cannot."""

    name = "rclone-copyurl"
    program = "rclone"
    version_words = ("version",)

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        lines = [f"{job.download_url(file)},{file.key}" for file in job.files]
        return [
            "rclone", "copyurl", "--quiet", "--urls", job.write("urls.csv", lines), str(job.dest),
            "--transfers", str(job.jobs),
        ]  # fmt: skip


def _authority(job: Job) -> list[str]:
    return [f"--ca-certificate={job.identity.authority}"] if job.identity else []


def _rclone_parts(job: Job) -> list[str]:
    return [
        f"--multi-thread-streams={job.streams}", f"--multi-thread-cutoff={_PART_MIB}M",
        f"--multi-thread-chunk-size={_PART_MIB}M",
    ]  # fmt: skip


def all_rivals() -> list[Rival]:
    """Return everybody, installed or not; ours comes first."""
    return [
        Ours(),
        Curl(),
        CurlPut(),
        Wget2(),
        Aria2(),
        Aria2Checking(),
        Rclone(),
        RcloneCopyUrl(),
        Script("obstore", "obstore", "with_obstore.py"),
        Script("parfive", "parfive", "with_parfive.py"),
        Script("naive-aiohttp", "aiohttp", "naive_aiohttp.py", pushes=True),
        Script("imap-data-access", "imap-data-access", "official.py", "1", pushes=True),
        Script("imap-data-access-16-threads", "imap-data-access", "official.py", "16", pushes=True),
    ]


def clusters() -> list[Rival]:
    """Return imap-bulk on clusters of several sizes; they take part only where they are named."""
    return [OursOnDask(workers) for workers in (1, 2, 4)]


def path_of(program: str) -> str:
    """Return where a run would find a program; the name itself where it would not."""
    return shutil.which(program, path=search_path()) or program
