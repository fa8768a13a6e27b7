"""The verbs from beginning to end: against the embedded archive, over real sockets."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imap_bulk import aio, bulk, errors, filenames
from imap_bulk import processes as processes_of_a_run
from imap_bulk.archives.base import Archive
from imap_bulk.archives.imap import ImapArchive
from imap_bulk.digest import Digest
from imap_bulk.engine.attempts import Report
from imap_bulk.environment import read_environment
from imap_bulk.model import Event, Outcome, Plan, Proof, RemoteFile, Result, Status, Transfer
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.settings import Settings

AT_ONCE = Settings(retries=1, wait_base=0.0, fsync=False)
MAG: dict[str, Any] = {"instrument": "mag"}


@pytest.fixture
async def filled(server: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path) -> ArchiveServer:
    """Push everything outgoing first."""
    result = await push(server, outgoing, tmp_path)
    assert result.complete
    return server


async def push(server: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path, *, url: str = "") -> Result:
    manifest = next(iter(outgoing.values())).parent / "manifest.txt"
    return await aio.push(manifest, data_dir=tmp_path / "source", url=url or server.url, settings=AT_ONCE)


async def pull(server: ArchiveServer, data_dir: Path) -> Result:
    return await aio.pull(data_dir=data_dir, url=server.url, settings=AT_ONCE, instrument="mag")


def tree(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files if ".imap-bulk" not in path.parts}


async def test_what_is_pushed_is_pulled(filled: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path) -> None:
    science = {key: path.read_bytes() for key, path in outgoing.items() if "mag/l2" in key}
    result = await pull(filled, tmp_path / "data")
    assert (result.wanted, result.done, result.verified) == (8, 8, 8)
    assert tree(tmp_path / "data") == science


async def test_names_and_keys_and_manifests_are_pulled(
    filled: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path
) -> None:
    wanted = ["naif0012.tls", "imap/ancillary/mag/imap_mag_l2-calibration_20250101_20250201_v001.cdf"]
    result = await aio.pull(wanted, data_dir=tmp_path / "data", url=filled.url, settings=AT_ONCE)
    assert (result.done, result.failed) == (2, 0)
    manifest = next(iter(outgoing.values())).parent / "manifest.txt"
    result = await aio.pull(manifest, data_dir=tmp_path / "data", url=filled.url, settings=AT_ONCE)
    assert (result.done, result.skipped) == (8, 2)
    assert tree(tmp_path / "data") == {key: path.read_bytes() for key, path in outgoing.items()}


async def test_a_second_pull_asks_for_no_file(filled: ArchiveServer, tmp_path: Path) -> None:
    await pull(filled, tmp_path / "data")
    requests: list[Transfer] = []
    archive = ImapArchive(filled.url, settings=AT_ONCE)
    files = await aio.query(url=filled.url, settings=AT_ONCE, **MAG)

    class Counting:
        name = archive.name

        async def __aenter__(self) -> "Counting":
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        def __getattr__(self, method: str) -> object:
            async def sign(transfer: Transfer) -> None:
                requests.append(transfer)

            return sign

    result = await bulk.pull(Counting(), bulk.each(files), tmp_path / "data", AT_ONCE)  # type: ignore[arg-type]
    assert (result.skipped, result.verified, requests) == (8, 8, [])


async def test_a_second_push_sends_nothing(
    filled: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path
) -> None:
    result = await push(filled, outgoing, tmp_path)
    assert (result.wanted, result.skipped, result.bytes) == (10, 10, 0)


async def test_without_a_journal_nothing_is_sent_twice_either(
    filled: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path
) -> None:
    result = await push(filled, outgoing, tmp_path / "elsewhere")
    assert (result.skipped, result.verified, result.bytes) == (10, 10, 0)


async def test_without_a_journal_what_is_on_disk_and_right_is_not_fetched(
    filled: ArchiveServer, tmp_path: Path
) -> None:
    await pull(filled, tmp_path / "data")
    (tmp_path / "data" / ".imap-bulk" / "journal.sqlite3").unlink()
    result = await pull(filled, tmp_path / "data")
    assert (result.skipped, result.bytes) == (8, 0)


async def test_a_file_that_changed_on_disk_is_pulled_again(filled: ArchiveServer, tmp_path: Path) -> None:
    await pull(filled, tmp_path / "data")
    victim = next(path for path in (tmp_path / "data" / "imap").rglob("*20260105*"))
    content = victim.read_bytes()
    victim.write_bytes(b"damaged")
    result = await pull(filled, tmp_path / "data")
    assert (result.done, result.skipped) == (1, 7)
    assert victim.read_bytes() == content


@pytest.mark.parametrize("fsync", [True, False])
@pytest.mark.parametrize("processes", [1, 2])
async def test_a_name_that_another_pull_took_at_once_is_not_vouched_for(
    server: ArchiveServer, tmp_path: Path, fsync: bool, processes: int
) -> None:
    """Two archives whose files have the same names: what one run has verified is not what the other one left."""
    names = [f"imap_mag_l2_norm-gse_202601{day:02}_v001.{n:04}.cdf" for day in range(1, 21) for n in (1, 2)]
    contents = {name: name.encode() for name in names}
    for name, content in contents.items():
        await server.add(name, content)
    wanted = [
        RemoteFile(filenames.parse(name).key, len(content), Digest("sha256", hashlib.sha256(content).hexdigest()))
        for name, content in contents.items()
    ]
    data_dir, settings = tmp_path / "data", replace(AT_ONCE, fsync=fsync, processes=processes)

    async def move(
        archive: Archive, transfers: Iterable[Transfer], count: int, root: Path, settings: Settings, report: Report
    ) -> None:
        def late(event: Any) -> None:
            if isinstance(event, Outcome):
                other = event.transfer.path.with_name(".other")
                other.write_bytes(event.transfer.path.read_bytes()[::-1])
                other.replace(event.transfer.path)
            report(event)

        await processes_of_a_run.move(archive, transfers, count, root, settings, late)

    archive = ImapArchive(server.url, settings=settings)
    first = await bulk.pull(archive, bulk.each(wanted), data_dir, settings, move=move)
    second = await bulk.pull(archive, bulk.each(wanted), data_dir, settings)
    assert (first.done, second.done) == (40, 40)
    assert set(tree(data_dir).values()) == set(contents.values())


async def test_a_file_the_archive_lacks_fails_alone(filled: ArchiveServer, tmp_path: Path) -> None:
    missing = "imap_mag_l2_norm-gse_20270101_v001.0001.cdf"
    result = await aio.pull(
        ["naif0012.tls", missing], data_dir=tmp_path / "data", url=filled.url, settings=AT_ONCE
    )
    assert (result.done, result.failed, result.passing) == (1, 1, 0)
    assert missing in str(result.failures[0].error)
    with pytest.raises(errors.IncompleteRun, match="1 of 2"):
        result.raise_for_failures()


async def test_a_key_that_leads_out_fails_alone_and_writes_nothing(filled: ArchiveServer, tmp_path: Path) -> None:
    files = [RemoteFile("../escaped.cdf"), RemoteFile("imap/spice/lsk/naif0012.tls")]
    archive = ImapArchive(filled.url, settings=AT_ONCE)
    result = await bulk.pull(archive, bulk.each(files), tmp_path / "data", AT_ONCE)
    assert (result.done, result.failed) == (1, 1)
    assert isinstance(result.failures[0].error, errors.UnsafePath)
    assert not (tmp_path / "escaped.cdf").exists()


async def test_the_events_add_up(filled: ArchiveServer, tmp_path: Path) -> None:
    events: list[Event] = []
    await aio.pull(data_dir=tmp_path / "data", url=filled.url, settings=AT_ONCE, report=events.append, **MAG)
    plan, *_, result = events
    outcomes = [event for event in events if isinstance(event, Outcome)]
    assert isinstance(plan, Plan)
    assert isinstance(result, Result)
    assert plan.files == len(outcomes) == result.done == 8
    assert {outcome.verified_by for outcome in outcomes} == {Proof.REPR_DIGEST}


async def test_programs_hear_of_each_file_that_was_there(filled: ArchiveServer, tmp_path: Path) -> None:
    await pull(filled, tmp_path / "data")
    events: list[Event] = []
    await aio.pull(data_dir=tmp_path / "data", url=filled.url, settings=AT_ONCE, report=events.append, **MAG)
    outcomes = [event for event in events if isinstance(event, Outcome)]
    assert len(outcomes) == 8
    assert {(outcome.status, outcome.verified_by) for outcome in outcomes} == {(Status.SKIPPED, Proof.REPR_DIGEST)}
    assert {outcome.transfer.path.exists() for outcome in outcomes} == {True}


async def test_a_dry_run_moves_nothing(filled: ArchiveServer, tmp_path: Path) -> None:
    events: list[Event] = []
    archive = ImapArchive(filled.url, settings=AT_ONCE)
    files = await aio.query(url=filled.url, settings=AT_ONCE, **MAG)
    await bulk.pull(archive, bulk.each(files), tmp_path / "data", AT_ONCE, events.append, dry_run=True)
    assert len([event for event in events if isinstance(event, Transfer)]) == 8
    assert tree(tmp_path / "data") == {}


async def test_a_cancelled_run_still_counts_and_is_simply_run_again(filled: ArchiveServer, tmp_path: Path) -> None:
    counts: list[Result] = []

    def stop_at_once(event: Event) -> None:
        if isinstance(event, Outcome) and event.status is Status.DONE:
            running.cancel()
        if isinstance(event, Result):
            counts.append(event)

    running = asyncio.create_task(
        aio.pull(
            data_dir=tmp_path / "data",
            url=filled.url,
            settings=replace(AT_ONCE, jobs=1),
            report=stop_at_once,
            **MAG,
        )
    )
    with pytest.raises(asyncio.CancelledError):
        await running
    assert counts[0].wanted == counts[0].done + counts[0].cancelled == 8
    again = await pull(filled, tmp_path / "data")
    assert again.skipped == counts[0].done
    assert again.complete


async def test_verify_finds_what_is_no_longer_right(filled: ArchiveServer, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    await pull(filled, data_dir)
    assert (await aio.verify(data_dir=data_dir, settings=AT_ONCE)).verified == 8
    files = sorted((data_dir / "imap").rglob("*.cdf"))
    files[1].write_bytes(b"damaged")
    files[2].unlink()
    result = await aio.verify(data_dir=data_dir, settings=AT_ONCE)
    assert (result.done, result.failed) == (6, 2)
    assert all(isinstance(failure.error, errors.Corrupted) for failure in result.failures)


async def test_verify_tells_of_a_data_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such data directory"):
        await aio.verify(data_dir=tmp_path / "dtaa")


async def test_verify_holds_files_to_a_manifest(
    filled: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path
) -> None:
    manifest = next(iter(outgoing.values())).parent / "manifest.txt"
    await aio.pull(manifest, data_dir=tmp_path / "data", url=filled.url, settings=AT_ONCE)
    result = await aio.verify(manifest, data_dir=tmp_path / "data", settings=AT_ONCE)
    assert (result.done, result.verified) == (10, 10)


async def test_a_manifest_digest_outranks_what_storage_says(filled: ArchiveServer, tmp_path: Path) -> None:
    file = RemoteFile("imap/spice/lsk/naif0012.tls", digest=Digest("sha256", "0" * 64))
    result = await aio.pull([file], data_dir=tmp_path / "data", url=filled.url, settings=AT_ONCE)
    assert isinstance(result.failures[0].error, errors.Rejected)
    assert tree(tmp_path / "data") == {}


async def test_another_archive_is_not_taken_for_the_first(
    filled: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path
) -> None:
    async with ArchiveServer(ServerOptions(tmp_path / "second")) as second:
        result = await push(second, outgoing, tmp_path)
    assert result.done == 10


async def test_pull_wants_either_files_or_filters(tmp_path: Path) -> None:
    with pytest.raises(errors.BadQuery, match="either"):
        await aio.pull(data_dir=tmp_path)
    with pytest.raises(errors.BadQuery, match="either"):
        await aio.pull("naif0012.tls", data_dir=tmp_path, instrument="mag")


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (None, "NoneType"),
        ([None], "NoneType"),
        (12, "int"),
        (b"naif0012.tls", "bytes"),
        ([{"file_path": "a"}], "dict"),
    ],
)
async def test_what_names_no_file_is_told_by_its_type(files: Any, kind: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=f"^files are named by text or paths, not by this {kind}$"):
        await aio.push(files, data_dir=tmp_path)


def test_files_that_were_found_go_into_sets() -> None:
    before, after = [
        [RemoteFile(f"imap/{name}", meta={"file_path": name}) for name in names] for names in ("ab", "bc")
    ]
    assert {file.name for file in set(after) - set(before)} == {"c"}


def test_what_the_environment_tells_is_shown_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_API_KEY", "not-a-secret")
    monkeypatch.setenv("IMAP_ACCESS_TOKEN", "not-a-secret")
    assert "not-a-secret" not in repr(read_environment())
