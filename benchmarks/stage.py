"""The other side: API and storage on two ports, as nginx, or as the embedded archive where nginx is missing."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

from benchmarks.link import Link
from benchmarks.network import ROOT
from benchmarks.tls import Identity
from benchmarks.workloads import DIRECTORY, DataFile

_PATIENCE = 60.0
_SBIN = "/usr/sbin:/usr/local/sbin"
_TICKS = os.sysconf("SC_CLK_TCK")


class Stage(Protocol):
    """Serves what is below a source directory, and takes uploads."""

    name: str
    url: str
    """Base URL of the API."""
    received: Path
    """Uploaded files are below it, by their keys."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def forget_uploads(self) -> None:
        """Be as if nothing had been uploaded."""

    def cpu_seconds(self) -> float:
        """CPU time that the server has used so far."""


def nginx_program() -> str | None:
    """Return the path of nginx, which is often where only root looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{_SBIN}")


def open_stage(
    kind: str,
    link: Link,
    source: Path | None,
    scratch: Path,
    files: Sequence[DataFile],
    identity: Identity | None = None,
) -> Stage:
    """Make the stage of a kind: auto, nginx or embedded. Raises RuntimeError.

    It serves what is below `source`, nothing if None, and knows the digests of `files`; `scratch` is its own.
    With an `identity` it speaks TLS.
    """
    program = nginx_program()
    if kind == "embedded" or (kind == "auto" and not program):
        if identity:
            raise RuntimeError("the embedded archive speaks no TLS; install nginx-light")
        if link.host != link.listen:
            raise RuntimeError("the embedded archive would lead past the proxy; install nginx-light")
        return Embedded(link, source, scratch)
    if not program:
        raise RuntimeError("nginx is not installed; install nginx-light, or leave --server out")
    return Nginx(program, link, source, scratch, files, identity)


class Nginx:
    """One nginx process: static records, a redirect to the other port, sendfile, and PUT by its dav module."""

    def __init__(
        self,
        program: str,
        link: Link,
        source: Path | None,
        scratch: Path,
        files: Sequence[DataFile],
        identity: Identity | None,
    ) -> None:
        told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
        self.name = f"nginx {re.sub('.*/', '', told.strip())}"
        self.received = scratch / "uploads"
        self._program = program
        self._scratch = scratch
        self._link = link
        self.url = f"{_scheme(identity)}://{link.host}:{link.ports[0]}"
        self.received.mkdir()
        (scratch / "records.json").write_text(json.dumps([_record(file) for file in files]))
        (scratch / "digests.map").write_text("".join(_map_lines(files)))
        (scratch / "checksums.map").write_text("".join(_checksum_lines(files)))
        conf = _nginx_conf(scratch, source or self.received, self.received, link, identity)
        (scratch / "nginx.conf").write_text(conf)

    def __enter__(self) -> Self:
        command = [
            *self._link.prefix,
            self._program,
            "-p",
            str(self._scratch),
            "-c",
            "nginx.conf",
            "-e",
            "error.log",
        ]
        with (self._scratch / "output.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for port in self._link.ports:
            _wait_for((self._link.listen, port), self._process, self._scratch / "output.log")
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._process)

    def forget_uploads(self) -> None:
        """See `Stage.forget_uploads`."""
        shutil.rmtree(self.received)
        self.received.mkdir()

    def cpu_seconds(self) -> float:
        """See `Stage.cpu_seconds`."""
        return _cpu_seconds(self._process)


class Embedded:
    """The archive that imap-bulk brings along: slower than nginx, so tools differ less from each other."""

    name = "embedded archive"

    def __init__(self, link: Link, source: Path | None, scratch: Path) -> None:
        self.received = scratch / "archive"
        place = [str(self.received), link.listen, *map(str, link.ports), *([str(source)] if source else [])]
        self._command = [*link.prefix, sys.executable, "-m", "benchmarks.archive", *place]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the embedded archive did not start")
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._process)
        if self._process.stdout:
            self._process.stdout.close()

    def forget_uploads(self) -> None:
        """See `Stage.forget_uploads`."""
        if not any(self.received.rglob("*.cdf")):
            return
        self.__exit__()
        shutil.rmtree(self.received)
        self.__enter__()

    def cpu_seconds(self) -> float:
        """See `Stage.cpu_seconds`."""
        return _cpu_seconds(self._process)


def _wait_for(address: tuple[str, int], process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(address, timeout=5):
            return
        time.sleep(0.01)
    _end(process)
    raise RuntimeError(f"the server does not answer: {log.read_text()[-2000:]}")


def _end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _cpu_seconds(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> float:
    """Read the CPU time of a process; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _record(file: DataFile) -> dict[str, object]:
    descriptor = file.name.split("_")[3]
    return {
        "file_path": file.key, "instrument": "mag", "data_level": "l2", "descriptor": descriptor,
        "start_date": "20260101", "repointing": None, "major_version": 1, "minor_version": 1,
        "version": "v001.0001", "extension": "cdf", "ingestion_date": "20260102 00:00:00", "cr": None,
        "crid": None, "released": True,
    }  # fmt: skip


def _map_lines(files: Sequence[DataFile]) -> list[str]:
    """Say what storage answers: a digest to a GET; to a PUT what S3 would compute, known beforehand."""
    lines = []
    for file in files:
        digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
        lines += [f'/store/{file.key} "sha-256=:{digest}:";\n', f"/put/{file.key} '\"{file.md5}\"';\n"]
    return lines


def _checksum_lines(files: Sequence[DataFile]) -> list[str]:
    """Say what storage answers to a PUT beside the ETag: the checksum that S3 computes of its own accord."""
    return [f'/put/{file.key} "{base64.b64encode(bytes.fromhex(file.crc64nvme)).decode()}";\n' for file in files]


def _scheme(identity: Identity | None) -> str:
    return "https" if identity else "http"


def _nginx_conf(scratch: Path, source: Path, received: Path, link: Link, identity: Identity | None) -> str:
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    signature = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=BENCH%2F{now[:8]}%2Fus-west-2%2Fs3%2Faws4_request"
        f"&X-Amz-Date={now}&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    )
    values = {
        "SCRATCH": scratch, "SOURCE": source, "RECEIVED": received, "DIRECTORY": DIRECTORY, "SIGNATURE": signature,
        "LISTEN": link.listen, "HOST": link.host, "API": link.ports[0], "STORE": link.ports[1],
        "SCHEME": _scheme(identity), "SSL": "ssl" if identity else "", "TLS": identity.nginx if identity else "",
    }  # fmt: skip
    template = (Path(__file__).parent / "nginx.conf").read_text()
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), template)
