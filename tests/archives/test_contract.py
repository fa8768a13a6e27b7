"""IMAP's adapter keeps to the contract of all."""

from pathlib import Path

import pytest
from tests import canaries
from tests.contracts import ArchiveContract, Archived

from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.model import RemoteFile
from imap_bulk.server.app import ArchiveServer, Scope, ServerOptions
from imap_bulk.server.storage import Storage
from imap_bulk.settings import Settings

NAMES = [f"imap_mag_l2_norm-gse_202601{day:02}_v001.0002.cdf" for day in range(1, 4)]
MISSING = RemoteFile("imap/mag/l2/2026/01/imap_mag_l2_norm-gse_20260109_v001.0002.cdf")


class TestImap(ArchiveContract):
    @pytest.fixture
    async def archived(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
        heads: list[dict[str, str]] = []
        handle = Storage.handle

        async def watched(storage: Storage, request: object) -> object:
            heads.append(dict(request.headers))  # type: ignore[attr-defined]
            return await handle(storage, request)  # type: ignore[arg-type]

        monkeypatch.setattr(Storage, "handle", watched)
        options = ServerOptions(tmp_path / "archive", keys={canaries.API_KEY: Scope.WRITE}, grace=0.2)
        async with ArchiveServer(options) as server:
            for name in NAMES:
                await server.add(name, name.encode())
            archive = ImapArchive(server.url, canaries.API_KEY, settings=Settings(wait_base=0))
            yield Archived(
                archive,
                ImapQuery(instrument=("mag",)),
                lambda file, body: body == file.name.encode(),
                len(NAMES),
                MISSING,
                heads,
            )
