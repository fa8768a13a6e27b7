"""What is there and right does not move: decided hundreds at once, and as each file by itself would be."""

import hashlib
import os
from collections.abc import AsyncIterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_bulk import bulk
from imap_bulk.archives.imap import ImapArchive
from imap_bulk.bulk.wanting import BATCH, downloads
from imap_bulk.digest import Digest
from imap_bulk.engine.places import part_path, safe_path
from imap_bulk.errors import UnsafePath
from imap_bulk.journal import Journal
from imap_bulk.model import (
    Direction,
    Event,
    Outcome,
    Plan,
    Proof,
    RemoteFile,
    Result,
    Skipped,
    Status,
    Transfer,
)
from imap_bulk.settings import Settings

URL = "https://archive.example"
DEAD = 2**22 + 1
"""No process has this number: Linux counts up to 2**22."""

CONTENT, OTHER = b"what came", b"something else"


def digest(content: bytes, algorithm: str) -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, content).hexdigest())


@dataclass(frozen=True)
class Case:
    """One file: what is recorded of it, what became of it since, and what is wanted."""

    is_recorded: bool
    recorded_place: str
    recorded_digest: Digest | None
    proof: Proof | None
    since: str
    size: int | None
    digest: Digest | None

    def key(self, number: int) -> str:
        return f"imap/mag/l2/2026/01/n{number}_é😀.cdf"

    def make(self, root: Path, number: int, journal: Journal) -> None:
        """Leave behind what an earlier run, and whoever came since, have left."""
        path = root / self.key(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
        if self.is_recorded:
            place = path if self.recorded_place == "same" else path.with_name("other.cdf")
            place.write_bytes(CONTENT)
            transfer = Transfer(Direction.PULL, self.key(number), place)
            outcome = Outcome(transfer, Status.DONE, digest=self.recorded_digest, verified_by=self.proof)
            journal.write(outcome)
        after = path.stat().st_mtime_ns + 1_000_000_000
        match self.since:
            case "gone":
                path.unlink()
            case "touched":
                os.utime(path, ns=(after, after))
            case "shortened":
                path.write_bytes(CONTENT[:-1])
            case "replaced":
                path.write_bytes(OTHER)
            case "a directory":
                path.unlink()
                path.mkdir()

    def is_there(self, root: Path, number: int, wishes: Settings) -> tuple[bool, Proof | None]:
        """Say by the plain rule whether the file need not move, and what proves it."""
        path = root / self.key(number)
        if wishes.overwrite:
            return False, None
        unchanged = self.is_recorded and self.recorded_place == "same" and self.since == ""
        if unchanged and self.size in (None, len(CONTENT)):
            if self.digest and self.digest == self.recorded_digest:
                return True, Proof.MANIFEST
            verified = self.proof is not None and self.proof.verifies
            if self.digest is None and (verified or not wishes.require_verified):
                return True, self.proof
        if self.digest and path.is_file() and self.digest == digest(path.read_bytes(), self.digest.algorithm):
            return True, Proof.MANIFEST
        return False, None


digests = st.builds(digest, st.sampled_from([CONTENT, OTHER]), st.sampled_from(["md5", "sha256"]))
cases = st.builds(
    Case,
    is_recorded=st.sampled_from([True, True, False]),
    recorded_place=st.sampled_from(["same", "same", "same", "another"]),
    recorded_digest=st.none() | digests,
    proof=st.none() | st.sampled_from(list(Proof)),
    since=st.sampled_from(["", "", "", "gone", "touched", "shortened", "replaced", "a directory"]),
    size=st.sampled_from([None, None, len(CONTENT), len(OTHER)]),
    digest=st.none() | digests,
)


async def skipped(root: Path, files: AsyncIterable[RemoteFile], wishes: Settings) -> dict[str, Outcome]:
    """Plan a pull; return what it skips, by key, after holding the plan and the count to that."""
    events: list[Event] = []
    await bulk.pull(ImapArchive(URL), files, root, wishes, bulk.of_each(events.append), dry_run=True)
    outcomes = {event.transfer.key: event for event in events if isinstance(event, Outcome)}
    todo = [event.key for event in events if isinstance(event, Transfer)]
    (plan,) = [event for event in events if isinstance(event, Plan)]
    assert all(outcome.status is Status.SKIPPED for outcome in outcomes.values())
    assert (plan.files, plan.skipped) == (len(todo), len(outcomes))
    assert not outcomes.keys() & set(todo)
    return outcomes


@given(
    st.lists(cases, min_size=1, max_size=8),
    st.builds(Settings, overwrite=st.sampled_from([False, False, False, True]), require_verified=st.booleans()),
)
@settings(max_examples=150, deadline=None)
async def test_files_are_decided_together_as_each_would_be(
    tmp_path_factory: pytest.TempPathFactory, several: list[Case], wishes: Settings
) -> None:
    root = tmp_path_factory.mktemp("data")
    with Journal(root, URL, Direction.PULL) as journal:
        for number, case in enumerate(several):
            case.make(root, number, journal)
    expected = {
        case.key(number): proof
        for number, case in enumerate(several)
        for is_there, proof in [case.is_there(root, number, wishes)]
        if is_there
    }
    files = [RemoteFile(case.key(number), case.size, case.digest) for number, case in enumerate(several)]
    found = await skipped(root, bulk.each([*files, files[0]]), wishes)
    assert {key: outcome.verified_by for key, outcome in found.items()} == expected
    for key, outcome in found.items():
        if outcome.digest and outcome.transfer.digest:
            assert outcome.digest == outcome.transfer.digest
        assert outcome.transfer.path == root / key


def bring(root: Path, count: int) -> list[RemoteFile]:
    """Leave files, and a journal of them, as an earlier run does."""
    files = [RemoteFile(f"imap/mag/l2/2026/01/n{number}.cdf") for number in range(count)]
    with Journal(root, URL, Direction.PULL) as journal:
        for file in files:
            path = root / file.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(CONTENT)
            transfer = Transfer(Direction.PULL, file.key, path)
            proof = digest(CONTENT, "md5")
            journal.write(Outcome(transfer, Status.DONE, digest=proof, verified_by=Proof.ETAG))
    return files


async def test_more_files_than_are_planned_at_once_are_all_found_each_once(tmp_path: Path) -> None:
    files = bring(tmp_path, 2 * BATCH + 5)
    gone = files[BATCH + 1]
    (tmp_path / gone.key).unlink()
    found = await skipped(tmp_path, bulk.each([*files, *files]), Settings())
    assert found.keys() == {file.key for file in files} - {gone.key}


async def test_a_data_directory_is_the_same_however_it_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = bring(tmp_path / "data", 3)
    monkeypatch.chdir(tmp_path / "data")
    for spelled in (tmp_path / "data", Path(), Path("../data"), Path("imap/..")):
        assert len(await skipped(spelled, bulk.each(files), Settings())) == 3


async def test_what_a_manifest_proves_is_written_down_so_that_the_next_run_need_not(tmp_path: Path) -> None:
    files = [replace(file, digest=digest(CONTENT, "sha256")) for file in bring(tmp_path, 3)]
    result = await bulk.pull(ImapArchive(URL), bulk.each(files), tmp_path, Settings(), offline=True)
    assert (result.skipped, result.verified) == (3, 3)
    with Journal(tmp_path, URL, Direction.PULL) as journal:
        records = list(journal.records())
    assert {(record.digest, record.verified_by) for record in records} == {(files[0].digest, Proof.MANIFEST)}


@pytest.mark.parametrize("proof", [None, digest(CONTENT, "sha256")], ids=["journal", "manifest"])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_a_dead_process_left_beside_a_file_that_is_known_to_be_right_goes_away_but_in_a_dry_run(
    tmp_path: Path, dry_run: bool, proof: Digest | None
) -> None:
    """Of two runs at once, one that is killed leaves part files of what the other one brings."""
    (file,) = bring(tmp_path, 1)
    wanted, path = replace(file, digest=proof), tmp_path / file.key
    dead = Path(part_path(os.fspath(path), DEAD))
    dead.write_bytes(CONTENT)
    files = bulk.each([wanted])
    result = await bulk.pull(ImapArchive(URL), files, tmp_path, Settings(), offline=not dry_run, dry_run=dry_run)
    assert result.skipped == 1
    assert dead.exists() == dry_run


async def test_what_is_there_is_told_many_at_once_and_counts_file_by_file(tmp_path: Path) -> None:
    files = bring(tmp_path, 2 * BATCH)
    events: list[Event] = []
    await bulk.pull(ImapArchive(URL), bulk.each(files), tmp_path, Settings(), events.append, offline=True)
    told = [event for event in events if isinstance(event, (Skipped, Outcome))]
    (plan,) = [event for event in events if isinstance(event, Plan)]
    (result,) = [event for event in events if isinstance(event, Result)]
    assert [isinstance(event, Skipped) for event in told] == [True, True]
    assert (plan.skipped, result.wanted, result.skipped, result.verified) == (2 * BATCH,) * 4


@given(
    st.text("aAc.-_ nul:con1/imap\\\n\0", max_size=12) | st.from_regex(r"[A-Za-z0-9_.-]{1,8}(/[a-z.0]{0,5}){0,2}")
)
@settings(max_examples=500)
async def test_a_place_below_the_data_directory_is_the_safe_one_or_none(key: str) -> None:
    root = Path("/data")
    keys = [key, f"imap/{key}", key, f"{key}/long_name.cdf", f"{key}/long_name.cdf"]

    async def files() -> AsyncIterable[RemoteFile]:
        for each in keys:
            yield RemoteFile(each)

    placed = [(wanted.key, wanted.path) async for batch in downloads(files(), root) for wanted in batch.wanted]
    expected = []
    for each in keys:
        try:
            expected.append((each, str(safe_path(root, each))))
        except UnsafePath:
            continue
    assert placed == expected
