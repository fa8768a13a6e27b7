"""What a query finds is pinned, and pulled again from its pins: held to them, or refused."""

import hashlib
import time
from pathlib import Path

import pytest
from tests.faults.clients import fill, final_files

from imap_bulk import aio, errors, lockfile, pinning
from imap_bulk.archives.imap import ImapArchive
from imap_bulk.cache import Cache
from imap_bulk.digest import Digest
from imap_bulk.journal import Journal
from imap_bulk.lockfile import LockFile, Pin
from imap_bulk.model import Direction, Outcome, Proof, RemoteFile, Status, Transfer
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.settings import Settings

AT_ONCE = Settings(retries=0, fsync=False)
NOWHERE = "http://127.0.0.1:9"
MAG = {"instrument": "mag"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", str(tmp_path / "cache"))


async def pins_of(server: ArchiveServer, data_dir: Path) -> tuple[Pin, ...]:
    files = await aio.query(url=server.url, settings=AT_ONCE, instrument="mag")
    archive = ImapArchive(server.url, settings=AT_ONCE)
    result, pins = await pinning.pin(archive, files, data_dir, AT_ONCE, cache=Cache(data_dir.parent / "cache"))
    assert result.complete
    return tuple(sorted(pins, key=lambda pin: pin.key))


@pytest.fixture
async def locked(server: ArchiveServer, tmp_path: Path) -> Path:
    """Archive files, and pin them; return the lock file."""
    await fill(server, [1000, 2000, 0])
    pins = await pins_of(server, tmp_path / "data")
    lockfile.write(tmp_path / "data.lock", LockFile(server.url, MAG, pins))
    return tmp_path / "data.lock"


async def test_pins_are_what_was_verified(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [1000, 2000, 0])
    pins = await pins_of(server, tmp_path)
    assert {pin.key: pin.digest.value for pin in pins} == wanted
    assert [pin.size for pin in pins] == [1000, 2000, 0]
    assert {pin.verified_by for pin in pins} == {Proof.REPR_DIGEST}


async def test_what_the_journal_vouches_for_is_pinned_without_a_download(
    server: ArchiveServer, tmp_path: Path
) -> None:
    await fill(server, [1000])
    first = await pins_of(server, tmp_path)
    files = [RemoteFile(pin.key, meta={"ingestion_date": pin.archived}) for pin in first]
    archive = ImapArchive(server.url, settings=AT_ONCE)
    result, pins = await pinning.pin(archive, files, tmp_path, AT_ONCE, cache=Cache(tmp_path / "new"))
    assert (result.skipped, pins) == (1, first)
    assert Cache(tmp_path / "new").has(first[0].digest)


async def test_what_was_archived_again_since_it_came_is_not_pinned_as_it_was(tmp_path: Path) -> None:
    now = [time.time()]
    options = ServerOptions(tmp_path / "archive", clock=lambda: now[0], grace=0.2)
    async with ArchiveServer(options) as server:
        (key,) = await fill(server, [1000])
        await pins_of(server, tmp_path / "data")
        now[0] += 3600
        await server.add(key.rpartition("/")[2], b"other content")
        (pin,) = await pins_of(server, tmp_path / "data")
    assert pin.size == len(b"other content")
    assert (tmp_path / "data" / key).read_bytes() == b"other content"


@pytest.mark.parametrize("damage", [False, True])
async def test_what_an_md5_confirmed_is_held_to_it_while_its_sha256_is_computed(
    server: ArchiveServer, tmp_path: Path, damage: bool
) -> None:
    (key,) = await fill(server, [1000])
    path = tmp_path / key
    archive = ImapArchive(server.url, settings=AT_ONCE)
    assert (await aio.pull([key], data_dir=tmp_path, url=server.url, settings=AT_ONCE)).complete
    content = path.read_bytes()
    with Journal(tmp_path, archive.name, Direction.PULL) as journal:
        transfer = Transfer(Direction.PULL, key, path)
        if damage:
            path.write_bytes(content[::-1])
        md5 = Digest("md5", hashlib.md5(content).hexdigest())
        journal.write(Outcome(transfer, Status.DONE, digest=md5, verified_by=Proof.ETAG))
    pinned = pinning.pin(archive, [RemoteFile(key)], tmp_path, AT_ONCE)
    if damage:
        with pytest.raises(errors.Corrupted, match="no longer what was verified"):
            await pinned
    else:
        sha256 = Digest("sha256", hashlib.sha256(content).hexdigest())
        assert (await pinned)[1] == (Pin(key, 1000, sha256, Proof.ETAG),)


async def test_a_locked_pull_brings_exactly_what_is_pinned(
    server: ArchiveServer, locked: Path, tmp_path: Path
) -> None:
    await server.add("imap_mag_l2_norm-gse_20261224_v001.0001.cdf", b"archived later")
    result = await aio.pull(locked=locked, data_dir=tmp_path / "other", url=server.url, settings=AT_ONCE)
    assert (result.wanted, result.done, result.verified) == (3, 3, 3)
    pinned = {pin.key: pin.digest.value for pin in lockfile.read(locked).pins}
    assert final_files(tmp_path / "other") == pinned


async def test_a_locked_pull_needs_no_archive_when_the_cache_has_all(locked: Path, tmp_path: Path) -> None:
    result = await aio.pull(locked=locked, data_dir=tmp_path / "other", url=NOWHERE, settings=AT_ONCE)
    assert (result.done, result.cached, result.verified) == (3, 3, 3)


async def test_an_object_that_is_not_what_was_pinned_is_refused(locked: Path, tmp_path: Path) -> None:
    async with ArchiveServer(ServerOptions(tmp_path / "changed")) as changed:
        wanted = await fill(changed, [1000, 2000, 0], seed=1)
        result = await aio.pull(
            locked=locked, data_dir=tmp_path / "other", url=changed.url, settings=AT_ONCE,
            cache_dir=tmp_path / "empty",
        )  # fmt: skip
    assert (result.done, result.failed) == (1, 2)  # the empty file is the same one
    assert all("the archive holds sha256:" in str(failure.error) for failure in result.failures)
    assert not set(final_files(tmp_path / "other").values()) & set(list(wanted.values())[:2])


async def test_a_size_that_is_not_what_was_pinned_is_refused(
    server: ArchiveServer, locked: Path, tmp_path: Path
) -> None:
    lock = lockfile.read(locked)
    first = lock.pins[0]._replace(size=999)
    lockfile.write(locked, LockFile(lock.archive, lock.query, (first,)))
    result = await aio.pull(
        locked=locked, data_dir=tmp_path / "other", url=server.url, settings=AT_ONCE, cache_dir=tmp_path / "empty"
    )
    assert (result.done, result.failed) == (0, 1)
    assert final_files(tmp_path / "other") == {}


async def test_files_beside_a_lock_file_are_refused(locked: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.BadQuery, match="or a lock file"):
        await aio.pull(["naif0012.tls"], locked=locked, data_dir=tmp_path, url=NOWHERE)
    with pytest.raises(errors.BadQuery, match="or a lock file"):
        await aio.pull(instrument="mag", locked=locked, data_dir=tmp_path, url=NOWHERE)


async def test_a_pin_that_leads_out_of_the_data_directory_is_refused(locked: Path, tmp_path: Path) -> None:
    lock = lockfile.read(locked)
    outside = lock.pins[0]._replace(key="../escaped.cdf")
    lockfile.write(locked, LockFile(lock.archive, lock.query, (outside,)))
    result = await aio.pull(locked=locked, data_dir=tmp_path / "other", url=NOWHERE, settings=AT_ONCE)
    assert (result.failed, (tmp_path / "escaped.cdf").exists()) == (1, False)
