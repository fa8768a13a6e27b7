"""The credentials of all tests, in one place, and the net that catches whatever repeats one of them.

All are of one form, so one look finds any of them, in whatever slot it was and wherever it turns up: plain, or in
the base64 of basic authentication. A signed URL's signature is as much a secret while it lives, except at storage,
which it is for. Clients that are known to give their key away (the official one gives it to storage) do not
get one of these.
"""

import asyncio.subprocess
import base64
import logging
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click.testing
import pytest
from aiohttp import web

from imap_bulk.server.storage import Storage

_MARK = "canary-"

API_KEY = f"{_MARK}8f3a1c7e5b"
READ_KEY = f"{_MARK}2d90b6e1f4"
"""Of one who may only read, where there are several keys."""
UNKNOWN_KEY = f"{_MARK}c41d7708ea"
ACCESS_TOKEN = f"{_MARK}5b1e77c0d2"
PASSWORD = f"{_MARK}97f25ab3c6"
"""In the archive's URL."""
PROXY_PASSWORD = f"{_MARK}e60c38d19b"
NETRC_PASSWORD = f"{_MARK}13a9f4d58c"
AWS_SECRET = f"{_MARK}7ce2805fb1"
SIGNING_SECRET = f"{_MARK}4f6ad2937e"
"""What a server signs URLs with."""
SIGNATURE = f"{_MARK}b8150ce94d"
"""At the end of a URL that is signed by hand."""


def _base64_forms(mark: bytes) -> list[bytes]:
    """Return how base64 writes `mark` behind 0, 1 or 2 bytes: the characters that no neighbour can change."""
    forms = []
    for before in range(3):
        text = base64.b64encode(bytes(before) + mark)
        forms.append(text[-(-before * 8 // 6) : (before + len(mark)) * 8 // 6])
    return forms


_CREDENTIALS = [_MARK.encode(), *_base64_forms(_MARK.encode())]
_SIGNED = re.compile(rb"X-Amz-(?:Signature|Credential|Security-Token)(?:=|%3D)\w", re.IGNORECASE)

_LARGE_BYTES = 1 << 20
_CONTENT = {".cdf", ".pkts", ".part"}
"""Endings of what the tests themselves fill, with gigabytes of noise; only small ones of these are looked at."""


def assert_clean(text: str) -> None:
    """Fail if a text holds a credential, or anything of a signature, be it only the name."""
    assert _credential_at(_raw(text)) is None
    assert "x-amz-signature" not in text.lower()
    assert "x-amz-credential" not in text.lower()


def _credential_at(raw: bytes) -> int | None:
    # Plain searches: one expression for all of it takes a hundred times as long for what a suite leaves.
    return next((raw.find(mark) for mark in _CREDENTIALS if mark in raw), None)


def _signature_at(raw: bytes) -> int | None:
    found = _SIGNED.search(raw) if b"x-amz-" in raw.lower() else None
    return found and found.start()


def _raw(text: str | bytes | None) -> bytes:
    return text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text or b""


class Net:
    """Looks at what a suite says, sends to storage and leaves behind; `caught` tells where secrets were."""

    def __init__(self) -> None:
        self.caught: list[str] = []

    def look(self, place: str, *texts: str | bytes | None) -> None:
        """Look for secrets of any kind in texts."""
        for raw in map(_raw, texts):
            self._catch(_credential_at(raw), place, raw)
            self._catch(_signature_at(raw), place, raw)

    def look_at_request(self, request: web.BaseRequest) -> None:
        """Look for credentials in the head of a request to storage; its URL may be signed, its body is a file."""
        head: list[str | bytes] = [request.raw_path, *(part for field in request.raw_headers for part in field)]
        for raw in map(_raw, head):
            self._catch(_credential_at(raw), f"at storage: {request.method} {request.path}", raw)

    def look_at_files(self, root: Path) -> None:
        """Look for secrets in all files below a directory, and in their names."""
        for path in root.rglob("*"):
            self.look(f"the name of {path}", str(path.relative_to(root)))
            if path.is_symlink() or not path.is_file():
                continue
            if path.suffix not in _CONTENT or path.stat().st_size <= _LARGE_BYTES:
                self.look(str(path), path.read_bytes())

    def _catch(self, at: int | None, place: str, raw: bytes) -> None:
        if at is not None:
            test = os.environ.get("PYTEST_CURRENT_TEST", "the suite")
            self.caught.append(f"{test}: {place}: {raw[max(0, at - 60) : at + 30]!r}")

    @contextmanager
    def cast(self) -> Iterator[None]:
        """Look, inside, at all logs, at what processes and commands print, and at all requests to storage."""
        root, ear = logging.getLogger(), _Ear(self)
        before = root.level
        root.addHandler(ear)
        root.setLevel(logging.DEBUG)
        with pytest.MonkeyPatch.context() as patch:
            self._watch_processes(patch)
            self._watch_commands(patch)
            self._watch_storage(patch)
            yield
        root.removeHandler(ear)
        root.setLevel(before)

    def _watch_processes(self, patch: pytest.MonkeyPatch) -> None:
        communicate = subprocess.Popen.communicate
        communicate_async = asyncio.subprocess.Process.communicate

        def watched(process: Any, *args: Any, **kwargs: Any) -> Any:
            said = communicate(process, *args, **kwargs)
            self.look("said by a process", *said)
            return said

        async def watched_async(process: Any, *args: Any) -> Any:
            said = await communicate_async(process, *args)
            self.look("said by a process", *said)
            return said

        patch.setattr(subprocess.Popen, "communicate", watched)
        patch.setattr(asyncio.subprocess.Process, "communicate", watched_async)

    def _watch_commands(self, patch: pytest.MonkeyPatch) -> None:
        invoke = click.testing.CliRunner.invoke

        def watched(runner: Any, *args: Any, **kwargs: Any) -> click.testing.Result:
            result = invoke(runner, *args, **kwargs)
            self.look("said by a command", result.stdout, result.stderr)
            return result

        patch.setattr(click.testing.CliRunner, "invoke", watched)

    def _watch_storage(self, patch: pytest.MonkeyPatch) -> None:
        handle = Storage.handle

        async def watched(storage: Storage, request: web.BaseRequest) -> web.StreamResponse:
            self.look_at_request(request)
            return await handle(storage, request)

        patch.setattr(Storage, "handle", watched)


class _Ear(logging.Handler):
    """Looks at every log record of this process, its traceback included."""

    def __init__(self, net: Net) -> None:
        super().__init__(logging.DEBUG)
        self._net = net

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "aiohttp.access":
            return  # what a test's own storage was asked for, signed URLs and all
        self._net.look(f"the log of {record.name}", self.format(record))
