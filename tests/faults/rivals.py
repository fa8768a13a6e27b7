"""What takes part in the fault lab: imap-bulk, and the tools that people use instead, each at its most patient.

Every tool gets the retries and the timeouts that it offers, ten seconds where they can be chosen, and credentials
in the most careful way that it knows and that reaches the archive at all. wget2 cannot take part: it leaves the
port out of the Host header, which the signatures of an archive on a free port cover.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.canaries import ACCESS_TOKEN, API_KEY

from imap_bulk import __version__

OURS = "imap-bulk"
USUAL_IDLE = 30.0

_RIVALS = Path(os.environ.get("IMAP_BULK_RIVALS") or sys.prefix)
"""The virtual environment of the rivals that come from PyPI; else our own."""

_PYTHON = str(_RIVALS / "bin" / "python")
SEARCH_PATH = f"{_RIVALS / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
_VERSIONS = (
    "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
)


@dataclass(frozen=True, slots=True)
class Credential:
    """What an archive may ask for: a key, or a bearer token."""

    secret: str
    prefix: str
    """Below which the archive's routes ask for it."""
    variable: str
    headers: dict[str, str]


KEY = Credential(API_KEY, "/api-key", "IMAP_API_KEY", {"x-api-key": API_KEY})
TOKEN = Credential(ACCESS_TOKEN, "/authorized", "IMAP_ACCESS_TOKEN", {"Authorization": f"Bearer {ACCESS_TOKEN}"})
NOTHING = Credential("", "", "", {})


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be fetched by a tool."""

    url: str
    key: str
    sha256: str
    place: Path
    credential: Credential = NOTHING
    idle: float = USUAL_IDLE
    """Idle timeout of imap-bulk, in seconds."""
    in_parts: bool = False
    """Whether imap-bulk is to fetch in parts."""

    @property
    def file(self) -> Path:
        """Where the file is to be."""
        return self.place / self.key

    @property
    def path(self) -> str:
        """What is to be asked for, at the archive."""
        return f"{self.credential.prefix}/download/{self.key}"

    @property
    def source(self) -> str:
        """What the tools that know no archive are given."""
        return self.url + self.path

    def headers(self, option: str, form: str = "{}: {}") -> list[str]:
        """Return the options that hand over the credential as a header."""
        return [word for header in self.credential.headers.items() for word in (option, form.format(*header))]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: how it is told to fetch a file, and where it comes from."""

    command: Callable[[Job], Sequence[str]]
    program: str = ""
    package: str = ""
    """The Python package that it is, if it is one."""
    version_words: list[str] = field(default_factory=lambda: ["--version"])

    @property
    def version(self) -> str | None:
        """What is installed; None where nothing is."""
        if self.package:
            return _distributions().get(self.package)
        program = shutil.which(self.program, path=SEARCH_PATH)
        if not program:
            return None
        told = subprocess.run([program, *self.version_words], capture_output=True, text=True, check=False)
        found = re.search(r"[0-9]+(\.[0-9]+)+", told.stdout)
        return found[0] if found else "?"


@cache
def _distributions() -> dict[str, str]:
    told = subprocess.run([_PYTHON, "-I", "-c", _VERSIONS], capture_output=True, text=True, check=True)
    versions: dict[str, str] = json.loads(told.stdout)
    return versions


def _imap_bulk(job: Job) -> Sequence[str]:
    if job.in_parts or job.idle != USUAL_IDLE:
        module = ["tests.faults.lab_client", "--idle", str(job.idle), *(["--in-parts"] if job.in_parts else [])]
        return [sys.executable, "-m", *module, job.url, str(job.place), job.key]
    place = ["--url", job.url, "--data-dir", str(job.place)]
    return [sys.executable, "-m", "imap_bulk", *place, "pull", "-q", job.key]


def _imap_data_access(job: Job) -> Sequence[str]:
    return ["imap-data-access", "--url", job.url, "--data-dir", str(job.place), "download", job.key]


def _curl(job: Job) -> Sequence[str]:
    retry = ["--retry", "5", "--retry-all-errors", "-C", "-", "--speed-limit", "1", "--speed-time", "10"]
    secret = ["--oauth2-bearer", ACCESS_TOKEN] if job.credential is TOKEN else job.headers("-H")
    return ["curl", "-sSfL", *retry, *secret, "-o", str(job.file), job.source]


def _wget(job: Job) -> Sequence[str]:
    retry = ["-t", "6", "--waitretry=2", "--timeout=10", "--retry-on-http-error=403,429,500,503"]
    return ["wget", "-q", "-c", *retry, *job.headers("--header"), "-O", str(job.file), job.source]


def _aria2c(job: Job) -> Sequence[str]:
    streams = ["-x16", "-s16", "-k1M", "-m5", "--retry-wait=1", "--timeout=10", "--quiet=true"]
    place = ["-d", str(job.file.parent), "-o", job.file.name]
    return ["aria2c", *streams, *job.headers("--header"), *place, job.source]


def _rclone(job: Job) -> Sequence[str]:
    patience = ["--timeout", "10s", "--contimeout", "10s", "--retries", "5", "--retries-sleep", "1s"]
    return ["rclone", "copyurl", *patience, *job.headers("--header"), job.source, str(job.file)]


_PARFIVE = """
import sys, aiohttp, parfive
url, directory, name, headers = sys.argv[1:4] + [dict(x.split(": ") for x in sys.argv[4:])]
config = parfive.SessionConfig(headers=headers or None, timeouts=aiohttp.ClientTimeout(total=0, sock_read=10))
downloader = parfive.Downloader(progress=False, config=config)
downloader.enqueue_file(url, path=directory, filename=name, checksum=True)
results = downloader.download()
for _ in range(5):
    results = downloader.retry(results) if results.errors else results
sys.exit(bool(results.errors))
"""


def _parfive(job: Job) -> Sequence[str]:
    headers = [": ".join(header) for header in job.credential.headers.items()]
    return [_PYTHON, "-c", _PARFIVE, job.source, str(job.file.parent), job.file.name, *headers]


_POOCH = """
import sys, pooch
url, directory, name, digest, headers = sys.argv[1:5] + [dict(x.split(": ") for x in sys.argv[5:])]
registry = pooch.create(directory, "", registry={name: digest}, urls={name: url}, retry_if_failed=5)
registry.fetch(name, downloader=pooch.HTTPDownloader(headers=headers, timeout=10))
"""


def _pooch(job: Job) -> Sequence[str]:
    headers = [": ".join(header) for header in job.credential.headers.items()]
    return [_PYTHON, "-c", _POOCH, job.source, str(job.file.parent), job.file.name, job.sha256, *headers]


_OBSTORE = """
import sys, obstore
from obstore.store import HTTPStore
origin, key, path, headers = sys.argv[1:4] + [dict(x.split(": ") for x in sys.argv[4:])]
options = {"allow_http": True, "timeout": "10s"} | ({"default_headers": headers} if headers else {})
answer = obstore.get(HTTPStore.from_url(origin, client_options=options), key)
with open(path, "wb") as file:
    for chunk in answer:
        file.write(chunk)
"""


def _obstore(job: Job) -> Sequence[str]:
    headers = [": ".join(header) for header in job.credential.headers.items()]
    return [_PYTHON, "-c", _OBSTORE, job.url, job.path.removeprefix("/"), str(job.file), *headers]


TOOLS: dict[str, Tool] = {
    OURS: Tool(_imap_bulk, package="imap-bulk"),
    "imap-data-access": Tool(_imap_data_access, package="imap-data-access"),
    "parfive": Tool(_parfive, package="parfive"),
    "pooch+sha256": Tool(_pooch, package="pooch"),
    "obstore": Tool(_obstore, package="obstore"),
    "aria2c -x16": Tool(_aria2c, "aria2c"),
    "rclone copyurl": Tool(_rclone, "rclone", version_words=["version"]),
    "wget -c": Tool(_wget, "wget"),
    "curl --retry": Tool(_curl, "curl"),
}


@cache
def installed() -> dict[str, str]:
    """Return the version of every tool that is here."""
    versions = {name: tool.version for name, tool in TOOLS.items()} | {OURS: __version__}
    return {name: version for name, version in versions.items() if version}
