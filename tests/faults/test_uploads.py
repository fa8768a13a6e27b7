"""R19: uploads through faults: no false failure, no false success, no torn object."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.faults.bench import AT_ONCE, SIZES, assert_accounted, key_of, name_of, seeds
from tests.faults.clients import final_files, run
from tests.faults.conftest import Faulty

from imap_bulk import aio, errors
from imap_bulk.cli.ending import ExitCode
from imap_bulk.model import Event, Outcome, Progress, Result, Status
from imap_bulk.server.app import ArchiveServer, ServerOptions

SENT = ("empty", "byte", "small", "medium")
PASSING = ["put-lost", "put-reset", "put-403", "put-etag", "storage:503-zero", "storage:500", "storage:reset-head"]
MEDIUM = name_of("medium")


class Sender:
    """Files to push to archives that fail."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.outbox = place / "outbox"
        self.outbox.mkdir()
        self.sources: dict[str, str] = {}
        self.outcomes: list[Outcome] = []
        for size in SENT:
            content = hashlib.shake_128(size.encode()).digest(SIZES[size])
            (self.outbox / name_of(size)).write_bytes(content)
            self.sources[key_of(name_of(size))] = hashlib.sha256(content).hexdigest()

    async def push(
        self, spec: str, seed: int = 0, watch: Callable[[Event], None] = lambda _: None, **settings: Any
    ) -> Result:
        """Push everything, and hold the run to the truth: to what the archive has at the end."""
        self.outcomes.clear()

        def note(event: Event) -> None:
            if isinstance(event, Outcome):
                self.outcomes.append(event)
            watch(event)

        options = ServerOptions(self._place / "archive", chaos=spec, seed=seed, grace=0.1)
        async with ArchiveServer(options) as server:
            result = await aio.push(
                self.outbox,
                data_dir=self._place / "data",
                url=server.url,
                settings=replace(AT_ONCE, **settings),
                report=note,
            )
        assert_accounted(result, self.outcomes)
        holds = final_files(options.root)
        assert holds.items() <= self.sources.items(), "a torn object"
        for outcome in self.outcomes:
            if outcome.status in (Status.DONE, Status.SKIPPED):
                assert outcome.transfer.key in holds, "a false success"
        return result


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    return Sender(tmp_path)


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("times", [1, 2])
async def test_an_upload_that_fails_for_a_while_arrives(sender: Sender, fault: str, times: int) -> None:
    result = await sender.push(f"{fault}*{times}", outage_max=60.0)
    assert (result.done, result.failed) == (len(SENT), 0)
    assert result.verified == len(SENT)


@pytest.mark.parametrize("seed", seeds(3, 100))
async def test_a_mix_of_faults_loses_and_tears_nothing(sender: Sender, seed: int) -> None:
    spec = ",".join(f"{fault}=0.1" for fault in PASSING)
    result = await sender.push(spec, seed, retries=20, outage_max=60.0)
    assert result.done == len(SENT)


async def test_an_upload_whose_answer_is_always_lost_has_arrived_all_the_same(sender: Sender) -> None:
    assert (await sender.push("put-lost=1,streak=0", outage_max=60.0)).done == len(SENT)


@pytest.mark.parametrize(
    ("fault", "error"),
    [("put-reset", errors.Interrupted), ("put-403", errors.UrlExpired), ("storage:503-bare", errors.Busy)],
)
async def test_an_upload_that_never_arrives_is_a_failure(
    sender: Sender, fault: str, error: type[errors.BulkError]
) -> None:
    result = await sender.push(f"{fault}=1,streak=0")
    assert (result.failed, result.passing) == (len(SENT), len(SENT))
    assert all(isinstance(outcome.error, error) for outcome in sender.outcomes)


async def test_a_storage_that_always_names_another_digest_is_not_believed(sender: Sender) -> None:
    result = await sender.push("put-etag=1,streak=0")
    assert result.failed == len(SENT)
    assert all(isinstance(outcome.error, errors.Rejected) for outcome in sender.outcomes)


async def test_a_second_push_after_failures_brings_the_rest(sender: Sender) -> None:
    first = await sender.push("storage:500=1,streak=0")
    second = await sender.push("streak=2")
    assert (first.failed, second.done) == (len(SENT), len(SENT))


async def test_a_source_that_changes_while_an_answer_is_lost_is_no_success(sender: Sender) -> None:
    def change(event: Event) -> None:
        if isinstance(event, Progress) and event.transfer.key == key_of(MEDIUM) and event.bytes == SIZES["medium"]:
            (sender.outbox / MEDIUM).write_bytes(b"changed" * 1000)

    result = await sender.push("put-lost*1", watch=change, outage_max=60.0)
    assert (result.done, result.failed) == (len(SENT) - 1, 1)


async def test_a_file_that_storage_cannot_take_in_one_piece_is_refused_before_anything_is_sent(
    faulty: Faulty, tmp_path: Path
) -> None:
    bench = await faulty("streak=2", root=tmp_path / "archive")
    large = tmp_path / "outbox" / MEDIUM
    large.parent.mkdir()
    with large.open("wb") as file:
        file.truncate((5 << 30) + 1)  # takes no space
    place = ["--url", bench.server.url, "--data-dir", str(bench.data_dir)]
    ended = await run(*place, "push", "-q", str(large))
    assert ended.code == ExitCode.USAGE
    assert f"{large}" in ended.stderr
    assert "storage takes at most 5 GiB in one upload" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert bench.at_storage() == []
    assert final_files(tmp_path / "archive") == {}


async def test_a_file_that_storage_cannot_take_in_one_piece_is_told_before_anything_moves(
    faulty: Faulty, tmp_path: Path
) -> None:
    bench = await faulty("streak=2", root=tmp_path / "archive")
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    (outbox / name_of("small")).write_bytes(b"small")
    with (outbox / MEDIUM).open("wb") as file:
        file.truncate((5 << 30) + 1)
    manifest = outbox / "list.txt"
    manifest.write_text(f"{name_of('small')}\n{MEDIUM}\n")
    place = ["--url", bench.server.url, "--data-dir", str(bench.data_dir)]
    for source in (outbox / MEDIUM, manifest):
        ended = await run(*place, "push", "-q", str(outbox / name_of("small")), str(source))
        assert ended.code == ExitCode.USAGE
        assert "storage takes at most 5 GiB in one upload" in ended.stderr
    assert bench.arrivals == []
