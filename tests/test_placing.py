"""A pull that has a cache: what it has is not asked for, and only what was verified enters it."""

import hashlib
from pathlib import Path

import pytest
from tests.faults.clients import fill, final_files

from imap_bulk import aio, errors
from imap_bulk.cache import Cache
from imap_bulk.digest import Digest
from imap_bulk.model import Event, Outcome, Proof, RemoteFile, Result, Status
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.settings import Settings

AT_ONCE = Settings(retries=1, wait_base=0.0, fsync=False)
NOWHERE = "http://127.0.0.1:9"
"""An archive that cannot be asked: nothing listens on the port of `discard`."""


def pinned(wanted: dict[str, str]) -> list[RemoteFile]:
    return [RemoteFile(key, digest=Digest("sha256", value)) for key, value in wanted.items()]


async def pull(wanted: dict[str, str], place: Path, data_dir: str, url: str = NOWHERE, **more: object) -> Result:
    return await aio.pull(
        pinned(wanted),
        data_dir=place / data_dir,
        url=url,
        settings=AT_ONCE,
        cache_dir=place / "cache",
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
async def wanted(server: ArchiveServer, tmp_path: Path) -> dict[str, str]:
    """Archive files, and pull them once with a cache; return the sha256 of each by key."""
    wanted = await fill(server, [0, 1000, 1_500_000])
    assert (await pull(wanted, tmp_path, "first", server.url)).done == 3
    return wanted


async def test_what_the_cache_has_is_placed_without_a_request(wanted: dict[str, str], tmp_path: Path) -> None:
    events: list[Event] = []
    result = await pull(wanted, tmp_path, "second", report=events.append)
    assert (result.done, result.cached, result.verified, result.bytes) == (3, 3, 3, 0)
    assert final_files(tmp_path / "second") == wanted
    outcomes = [event for event in events if isinstance(event, Outcome)]
    assert {(outcome.status, outcome.verified_by, outcome.is_cached) for outcome in outcomes} == {
        (Status.DONE, Proof.MANIFEST, True)
    }
    assert len(outcomes) == result.wanted


async def test_the_journal_vouches_for_what_was_placed(wanted: dict[str, str], tmp_path: Path) -> None:
    await pull(wanted, tmp_path, "second")
    result = await pull(wanted, tmp_path, "second", offline=True)
    assert (result.skipped, result.cached) == (3, 0)


async def test_a_corrupt_entry_is_fetched_again_and_mended(
    server: ArchiveServer, wanted: dict[str, str], tmp_path: Path
) -> None:
    entry = max((tmp_path / "cache" / "sha256").rglob("*"), key=lambda path: path.stat().st_size)
    entry.chmod(0o644)
    entry.write_bytes(b"!" * entry.stat().st_size)
    result = await pull(wanted, tmp_path, "second", server.url)
    assert (result.done, result.cached, result.bytes) == (3, 2, 1_500_000)
    assert final_files(tmp_path / "second") == wanted
    assert (await pull(wanted, tmp_path, "third")).cached == 3


async def test_overwrite_means_the_archive(server: ArchiveServer, wanted: dict[str, str], tmp_path: Path) -> None:
    settings = Settings(overwrite=True, fsync=False)
    result = await aio.pull(
        pinned(wanted), data_dir=tmp_path / "x", url=server.url, settings=settings, cache_dir=tmp_path / "cache"
    )
    assert (result.done, result.cached) == (3, 0)


async def test_offline_a_miss_is_a_failure_and_no_request(wanted: dict[str, str], tmp_path: Path) -> None:
    missing = "imap/mag/l2/2026/12/imap_mag_l2_norm-gse_20261201_v001.0001.cdf"
    result = await pull({**wanted, missing: "0" * 64}, tmp_path, "second", offline=True)
    assert (result.done, result.failed, result.passing) == (3, 1, 0)
    assert isinstance(result.failures[0].error, errors.NotCached)
    assert missing in str(result.failures[0].error)


async def test_offline_a_query_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.BadQuery, match="offline"):
        await aio.pull(instrument="mag", data_dir=tmp_path, url=NOWHERE, offline=True)


async def test_a_pull_without_known_digests_fills_the_cache_too(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [1000, 2000])
    await aio.pull(
        instrument="mag", data_dir=tmp_path / "first", url=server.url, settings=AT_ONCE,
        cache_dir=tmp_path / "cache",
    )  # fmt: skip
    assert (await pull(wanted, tmp_path, "second")).cached == 2


async def test_a_wrong_body_does_not_enter(tmp_path: Path) -> None:
    async with ArchiveServer(ServerOptions(tmp_path / "archive", chaos="flip=1.0")) as server:
        wanted = await fill(server, [1000])
        result = await pull(wanted, tmp_path, "data", server.url)
    assert result.failed == 1
    assert Cache(tmp_path / "cache").usage().files == 0
    assert final_files(tmp_path / "data") == {}


async def test_a_directory_that_leads_out_is_not_written_through(wanted: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "imap").symlink_to(tmp_path / "outside")
    result = await pull(wanted, tmp_path, "second")
    assert result.failed == 3
    assert list((tmp_path / "outside").iterdir()) == []


async def test_the_environment_names_a_cache(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", str(tmp_path / "told"))
    await fill(server, [1000])
    await aio.pull(instrument="mag", data_dir=tmp_path / "data", url=server.url, settings=AT_ONCE)
    assert Cache(tmp_path / "told").usage().files == 1


def test_the_same_content_under_two_names_is_one_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"same")
        cache.keep(tmp_path / name, Digest("sha256", hashlib.sha256(b"same").hexdigest()))
    assert cache.usage().files == 1
