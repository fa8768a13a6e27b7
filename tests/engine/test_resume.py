"""Going on from what is here: only behind the same object, and never with a byte that was not hashed again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.scripted import CONTENT, KEY, Answer, Run, Storage, etag, plain, ranged, refusal, spoiled

from imap_bulk import errors
from imap_bulk.digest import Digest
from imap_bulk.engine import partial as partial_module
from imap_bulk.engine.commit import PartFile
from imap_bulk.engine.partial import Identity, Partial, PartRecord, resumable
from imap_bulk.engine.places import Places
from imap_bulk.model import Status, Transfer

OTHER = CONTENT[::-1]
HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_module, "BLOCK_BYTES", 1 << 16)


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def asked(storage: Storage) -> list[str | None]:
    return [request.headers.get("Range") for request in storage.requests]


async def test_a_broken_download_goes_on_where_it_broke(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged(until=HALF), ranged()]
    (outcome,) = await run(wanted)
    first, second = asked(storage)
    assert first is None
    assert second
    assert HALF - run.settings.chunk_bytes <= int(second[6:-1]) <= HALF
    assert storage.requests[1].headers["If-Match"] == etag()
    assert wanted.path.read_bytes() == CONTENT
    assert outcome.status is Status.DONE


async def test_attempts_that_make_progress_do_not_count(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged(until=80_000)] * 20 + [ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert outcome.attempts > run.settings.retries + 1


async def test_content_that_was_not_accepted_is_not_gone_on_from(
    run: Run, storage: Storage, wanted: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = iter([errors.Garbled("a login page"), None])

    def judge(_: Transfer, part: Path) -> None:
        if verdict := next(verdicts):
            raise verdict

    monkeypatch.setattr(run.signer, "accept", judge)
    storage.answers = [ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert asked(storage) == [None, None]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(ranged(OTHER), id="the object was replaced, and If-Match is heeded"),
        pytest.param(spoiled(ranged(OTHER, etag_of=CONTENT), ETag=etag(OTHER)), id="If-Match is ignored"),
        pytest.param(refusal(412), id="412"),
    ],
)
async def test_another_object_starts_over(run: Run, storage: Storage, wanted: Transfer, second: Answer) -> None:
    storage.answers = [ranged(until=HALF), second, ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert asked(storage)[2] is None
    assert wanted.path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(
            spoiled(ranged(), Content_Range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"), id="other start"
        ),
        pytest.param(spoiled(ranged(), Content_Range="bytes 1000-1999/2000"), id="other total"),
        pytest.param(spoiled(ranged(), Content_Range=""), id="206 without Content-Range"),
        pytest.param(spoiled(ranged(), ETag=""), id="206 without ETag"),
        pytest.param(refusal(416), id="416"),
    ],
)
async def test_a_part_that_was_not_asked_for_is_asked_for_again(
    run: Run, storage: Storage, wanted: Transfer, second: Answer
) -> None:
    storage.answers = [ranged(until=HALF), second, ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert asked(storage)[2] == asked(storage)[1]
    assert wanted.path.read_bytes() == CONTENT


async def test_a_storage_that_only_sends_wrong_parts_is_asked_for_the_whole(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    wrong = spoiled(ranged(), Content_Range="")
    storage.answers = [ranged(until=HALF), wrong, wrong, wrong, ranged()]
    run.settings = replace(run.settings, retries=5)
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert asked(storage)[-1] is None
    assert wanted.path.read_bytes() == CONTENT


async def test_a_range_that_is_ignored_is_a_new_start(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged(until=HALF), plain()]
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.attempts) == (Status.DONE, 2)
    assert wanted.path.read_bytes() == CONTENT


async def test_a_part_sent_with_status_200_is_a_part(run: Run, storage: Storage, wanted: Transfer) -> None:
    async def like_rclone(request: object) -> object:
        response = await ranged()(request)  # type: ignore[arg-type]
        response.set_status(200)
        return response

    storage.answers = [ranged(until=HALF), like_rclone]  # type: ignore[list-item]
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.attempts) == (Status.DONE, 2)
    assert wanted.path.read_bytes() == CONTENT


async def test_an_object_that_keeps_changing_is_given_up(run: Run, storage: Storage, wanted: Transfer) -> None:
    contents = [bytes([number]) * len(CONTENT) for number in range(20)]
    storage.answers = [ranged(content, until=HALF) for content in contents]
    run.settings = replace(run.settings, retries=10)
    (outcome,) = await run(wanted)
    assert type(outcome.error) is errors.Rejected
    assert len(storage.requests) <= 6
    assert files_below(run.root) == []


async def test_a_flip_before_the_break_is_found_at_the_end(run: Run, storage: Storage, wanted: Transfer) -> None:
    flipped = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    storage.answers = [ranged(flipped, etag_of=CONTENT, until=HALF), ranged(), ranged()]
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.attempts) == (Status.DONE, 3)
    assert asked(storage)[2] is None
    assert wanted.path.read_bytes() == CONTENT


async def test_a_failed_download_leaves_what_a_later_run_goes_on_from(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [ranged(until=HALF), refusal(404)]
    await run(wanted)
    storage.requests.clear()
    run.events.clear()
    storage.answers = [ranged()]
    (outcome,) = await run(wanted)
    (second,) = asked(storage)
    assert second
    assert int(second[6:-1]) > 0
    assert outcome.bytes < len(CONTENT)
    assert files_below(run.root) == [wanted.path]
    assert wanted.path.read_bytes() == CONTENT


async def test_an_abandoned_part_whose_bytes_have_changed_is_not_gone_on_from(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [ranged(until=HALF), refusal(404)]
    await run(wanted)
    (part,) = (path for path in files_below(run.root) if path.suffix == ".part")
    with part.open("r+b") as file:
        file.write(b"!")
    storage.requests.clear()
    storage.answers = [ranged()]
    await run(wanted)
    assert asked(storage) == [None]
    assert files_below(run.root) == [wanted.path]
    assert wanted.path.read_bytes() == CONTENT


async def test_without_a_strong_etag_nothing_is_gone_on_from(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [spoiled(ranged(until=HALF), ETag=""), plain()]
    storage.answers[0] = _weak(ranged(until=HALF))
    (outcome,) = await run(wanted)
    assert asked(storage) == [None, None]
    assert outcome.status is Status.DONE


def _weak(answer: Answer) -> Answer:
    async def weaken(request: object) -> object:
        from aiohttp import web

        response = web.StreamResponse(headers={"ETag": 'W/"x"'})
        response.content_length = len(CONTENT)
        await response.prepare(request)  # type: ignore[arg-type]
        await response.write(CONTENT[:HALF])
        request.transport.close()  # type: ignore[attr-defined]
        return response

    return weaken  # type: ignore[return-value]


# The part file and its record


def _part(root: Path) -> PartFile:
    Places(root).prepare(root / KEY)
    return PartFile(root / KEY)


@pytest.fixture
def started(tmp_path: Path) -> Callable[[int], tuple[Path, PartRecord]]:
    """Make the part file of a process that died after `length` bytes."""

    def start(length: int) -> tuple[Path, PartRecord]:
        partial = Partial(KEY, _part(tmp_path), "md5", Identity(etag(), len(CONTENT)))
        for at in range(0, length, 1 << 14):
            partial.append(CONTENT[at : min(at + (1 << 14), length)])
        old, record = partial.part.path, PartRecord.read(partial.part.record)
        assert record
        dead = old.with_name(old.name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-"))
        partial.part.record.rename(dead.with_name(f"{dead.name}.json"))
        old.rename(dead)
        os.close(partial.part._fd)
        partial.part._fd = -1
        return dead, record

    return start


def test_a_dead_process_leaves_a_part_that_is_found(
    tmp_path: Path, started: Callable[[int], tuple[Path, PartRecord]]
) -> None:
    dead, record = started(200_000)
    assert resumable(Places(tmp_path).abandoned(tmp_path / KEY), KEY) == (dead, record)
    assert 200_000 - (1 << 16) - (1 << 14) <= record.proven <= 200_000


def test_the_part_of_another_key_is_not_taken(
    tmp_path: Path, started: Callable[[int], tuple[Path, PartRecord]]
) -> None:
    started(200_000)
    assert resumable(Places(tmp_path).abandoned(tmp_path / KEY), "imap/another/key") is None


def test_the_part_with_the_most_proven_bytes_is_taken(
    tmp_path: Path, started: Callable[[int], tuple[Path, PartRecord]]
) -> None:
    started(100_000)
    longer, _ = started(300_000)
    found = resumable(Places(tmp_path).abandoned(tmp_path / KEY), KEY)
    assert found
    assert found[0] == longer


@given(st.binary())
def test_whatever_a_record_holds_reading_it_does_not_fail(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "record"
        path.write_bytes(content)
        assert PartRecord.read(path) is None or content


@given(
    st.lists(st.integers(0, 12), unique=True),
    st.integers(1, 4),
    st.sets(st.integers(0, 12)),
)
def test_blocks_arrive_in_any_order_and_are_proven_in_theirs(
    order: list[int], size_in_blocks: int, proven_after: set[int]
) -> None:
    import tempfile

    block = partial_module.BLOCK_BYTES
    content = os.urandom(1000) * (block * 13 // 1000 + 1)
    content = content[: block * 12 + size_in_blocks]
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        partial = Partial(KEY, PartFile(root / "x"), "md5", Identity(etag(content), len(content)))
        blocks = list(partial.missing())
        for number in [*order, *(n for n in range(len(blocks)) if n not in order)]:
            if number >= len(blocks):
                continue
            start, end = blocks[number]
            partial.part.write(start, content[start:end])
            partial.add_block(start, end - start)
            if number in proven_after:
                partial.prove()
                assert partial.front == len(content) or partial.front in {start for start, _ in blocks}
        partial.prove()
        assert partial.front == partial.position == len(content)
        assert list(partial.missing()) == []
        assert str(partial.digest()) == f"md5:{etag(content)[1:-1]}"
        assert partial.digest() == Digest.of(partial.part.path, "md5")
        partial.part.discard()


_WRITER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from imap_bulk.engine.commit import PartFile\n"
    "PartFile(Path(sys.argv[1])).write(0, b'half')\n"
    "print(flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.fixture
def writer(wanted: Transfer) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which has a part file of what is wanted open until it is killed."""
    wanted.path.parent.mkdir(parents=True)
    command = [sys.executable, "-c", _WRITER, str(wanted.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


async def test_what_a_process_leaves_that_was_writing_when_the_run_began_is_removed(
    run: Run, storage: Storage, wanted: Transfer, writer: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Transfer, __: Path) -> None:
        writer.kill()
        writer.wait()

    monkeypatch.setattr(run.signer, "accept", die)
    storage.answers = [ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert list(wanted.path.parent.iterdir()) == [wanted.path]


async def test_what_a_living_process_writes_stays(
    run: Run, storage: Storage, wanted: Transfer, writer: subprocess.Popen[bytes]
) -> None:
    storage.answers = [ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    (part,) = wanted.path.parent.glob(f".*-{writer.pid}-*.part")
    assert part.read_bytes() == b"half"
