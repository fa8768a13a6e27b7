"""An archive and its storage that live in virtual time: an engine runs against them with its usual patience."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.engine.virtual_time import clock

from imap_bulk import errors
from imap_bulk.engine.engine import Engine
from imap_bulk.engine.pace import Paces
from imap_bulk.model import Direction, Outcome, Pacing, Progress, Proof, Setback, SignedUrl, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import Body, Response
from imap_bulk.transport.base import Closing

HOST = "storage.example"
SETTINGS = Settings(fsync=False)
ROUND_TRIP = 0.05
BODY = bytes(1000)


class _Answer(Closing):
    """An answer whose body takes a second."""

    latency = ROUND_TRIP

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {"Content-Length": str(len(body)), **headers}
        self._body = body

    async def piece(self) -> bytes:
        if self._body and self.status == 200:
            await asyncio.sleep(1.0)
        body, self._body = self._body, b""
        return body

    def at_hand(self) -> None:
        return None

    def flood(self) -> None:
        return None

    def close(self) -> None:
        pass


@dataclass
class VirtualArchive:
    """Signs, and plays storage too: some files are broken, and at times everything is."""

    broken: set[str] = field(default_factory=set)
    """Keys for which storage answers `status` every time."""
    unsigned: set[str] = field(default_factory=set)
    """Keys for which the archive does."""
    given_once: set[str] = field(default_factory=set)
    """Keys that are broken once they were given."""
    status: int = 500
    outage: tuple[float, float] = (0.0, 0.0)
    """From when until when storage answers `status` to everything, or refuses connections if that is 0."""
    content_proves = False
    asked: list[tuple[float, str]] = field(default_factory=list)
    """When storage was asked for which key."""
    signed: Counter[str] = field(default_factory=Counter)

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        self.signed[transfer.key] += 1
        await asyncio.sleep(ROUND_TRIP)
        if transfer.key in self.unsigned:
            raise errors.ServerFault(f"{transfer.key}: the archive answered {self.status}")
        return SignedUrl("GET", f"https://{HOST}/{transfer.key}")

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        raise NotImplementedError

    def accept(self, transfer: Transfer, part: Path) -> Proof | None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    async def get(self, signed: SignedUrl, headers: Mapping[str, str]) -> Response:
        key = signed.url.rpartition("/")[2]
        self.asked.append((clock(), key))
        await asyncio.sleep(ROUND_TRIP)
        is_out = self.outage[0] <= clock() < self.outage[1]
        if is_out and not self.status:
            raise errors.Interrupted(f"{key}: no connection")
        if is_out or key in self.broken:
            return _Answer(self.status, {}, b"InternalError")
        if "Range" in headers:
            return _Answer(206, {"Content-Range": f"bytes 0-0/{len(BODY)}"}, BODY[:1])
        if key in self.given_once:
            self.broken.add(key)
        return _Answer(200, {}, BODY)

    async def put(self, signed: SignedUrl, body: Body, size: int) -> Response:
        raise NotImplementedError

    async def pull(self, root: Path, keys: list[str], settings: Settings = SETTINGS) -> dict[str, Outcome]:
        """Have an engine bring the files of these keys, and return how each ended."""
        outcomes: dict[str, Outcome] = {}

        def note(event: Progress | Setback | Outcome | Pacing) -> None:
            if isinstance(event, Outcome):
                outcomes[event.transfer.key] = event

        paces = Paces(settings, clock)
        engine = Engine(self, self, root, settings, paces=paces)
        await engine.run([Transfer(Direction.PULL, key, root / key) for key in keys], note)
        return outcomes
