"""One large object through several streams: faster on poor lines, and as strict as one."""

import asyncio
import contextlib
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.scripted import (
    CONTENT,
    Run,
    Signer,
    Storage,
    etag,
    expired,
    flipped,
    plain,
    ranged,
    refusal,
    spoiled,
)

from imap_bulk import errors
from imap_bulk.engine import partial as partial_module
from imap_bulk.engine import ranges
from imap_bulk.model import Progress, SignedUrl, Status, Transfer

BLOCK = 1 << 15
OTHER = CONTENT[::-1]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_module, "BLOCK_BYTES", BLOCK)


@pytest.fixture
def run(run: Run) -> Run:
    run.settings = replace(
        run.settings, parallel_bytes=BLOCK, parallel_latency=0.0, streams=4, chunk_bytes=1 << 13
    )
    return run


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_a_large_object_comes_in_blocks(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == CONTENT
    assert len(storage.requests) == -(-len(CONTENT) // BLOCK)
    assert all("If-Match" in request.headers for request in storage.requests[1:])


async def test_a_small_object_comes_in_one_piece(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged(CONTENT[: BLOCK - 1])]
    await run(wanted)
    assert len(storage.requests) == 1


async def test_a_storage_without_ranges_is_asked_for_none(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [plain()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert len(storage.requests) == 1


async def test_an_object_that_is_replaced_between_parts_is_never_mixed(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [ranged(), ranged(), ranged(), ranged(OTHER)]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == OTHER


async def test_a_mix_that_storage_hides_is_found_at_the_end(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged(), ranged(OTHER, etag_of=CONTENT), *[ranged()] * 14, ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == CONTENT


async def test_a_stream_that_breaks_costs_no_more_than_its_block(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [ranged(), ranged(), ranged(until=100), ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == CONTENT
    blocks = -(-len(CONTENT) // BLOCK)
    assert len(storage.requests) <= blocks + 2


async def test_one_expiry_costs_one_signing(run: Run, storage: Storage, wanted: Transfer, signer: Signer) -> None:
    async def only_the_second_url(request: web.Request) -> web.StreamResponse:
        first = request.query["X-Amz-Signature"] == "secret1"
        if first and len(storage.requests) > 3:
            return await expired()(request)
        return await ranged()(request)

    storage.answers = [only_the_second_url]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert signer.signed == 2
    assert wanted.path.read_bytes() == CONTENT


async def test_a_url_that_is_about_to_expire_is_not_used_for_another_request(
    run: Run, storage: Storage, wanted: Transfer, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = signer.sign_download

    async def short_lived(transfer: Transfer) -> SignedUrl:
        signed = await sign(transfer)
        return replace(signed, expires_at=0.0) if signer.signed == 1 else signed

    monkeypatch.setattr(signer, "sign_download", short_lived)
    storage.answers = [ranged()]
    (outcome,) = await run(wanted)
    assert (outcome.status, signer.signed) == (Status.DONE, 2)
    signatures = [request.query["X-Amz-Signature"] for request in storage.requests]
    assert signatures.count("secret1") == 1


@pytest.mark.parametrize(
    "fault",
    [
        refusal(503),
        refusal(500),
        flipped(),
        ranged(until=10),
        spoiled(ranged(), Content_Range="bytes 5-9/10"),
        spoiled(ranged(), ETag=""),
        refusal(416),
    ],
)
async def test_a_fault_of_one_part_is_survived(
    run: Run, storage: Storage, wanted: Transfer, fault: object
) -> None:
    storage.answers = [ranged(), ranged(), fault, ranged()]  # type: ignore[list-item]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == CONTENT
    assert files_below(run.root) == [wanted.path]


async def test_a_part_that_cannot_be_had_fails_the_file(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged(), ranged(), refusal(404)]
    (outcome,) = await run(wanted)
    assert type(outcome.error) is errors.Vanished
    assert not wanted.path.exists()


async def test_what_a_slow_connection_still_has_to_bring_is_brought_by_others(
    run: Run, storage: Storage, wanted: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_LEAST_BYTES", 1 << 10)
    slow, helped = 2 * BLOCK, asyncio.Event()

    async def slow_at_one_block(request: web.Request) -> web.StreamResponse:
        first = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if slow < first < slow + BLOCK:
            helped.set()
        if first != slow:
            return await ranged()(request)
        part = CONTENT[slow : slow + BLOCK]
        headers = {"ETag": etag(CONTENT), "Content-Range": f"bytes {slow}-{slow + BLOCK - 1}/{len(CONTENT)}"}
        response = web.StreamResponse(status=206, headers=headers)
        response.content_length = len(part)
        await response.prepare(request)
        await response.write(part[:100])
        async with asyncio.timeout(20):
            await helped.wait()
        with contextlib.suppress(ConnectionError):  # nobody may be there any more to take it
            await response.write(part[100:])
        return response

    storage.answers = [slow_at_one_block]
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.attempts) == (Status.DONE, 1)
    assert wanted.path.read_bytes() == CONTENT


@given(data=st.data(), blocks=st.lists(st.integers(1, 1 << 21), min_size=1, max_size=6))
def test_however_parts_are_taken_over_every_byte_is_fetched_once(data: st.DataObject, blocks: list[int]) -> None:
    ends = list(accumulate(blocks))
    shares = ranges._Shares(list(pairwise([0, *ends])))
    fetched: list[tuple[int, int]] = []
    whole: list[tuple[int, int]] = []
    under_way: list[tuple[ranges._Part, int]] = []
    while True:
        old, warm = data.draw(st.booleans()), data.draw(st.booleans())
        part = shares.first() if data.draw(st.booleans()) else shares.next(is_warm=warm, is_gap_old=old)
        if part:
            under_way.append((part, part.at))
        elif not under_way:
            break
        part, begun = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        part.at = part.end - data.draw(st.integers(0, part.end - part.at))
        if part.at < part.end:
            under_way.append((part, begun))
            continue
        fetched.append((begun, part.end))
        if shares.end(part):
            whole.append((part.block.start, part.block.end))
    fetched.sort()
    assert [end for _, end in fetched] == [*[start for start, _ in fetched][1:], ends[-1]]
    assert sorted(whole) == list(pairwise([0, *ends]))


async def test_progress_never_exceeds_the_size(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [ranged(), ranged(until=100), ranged()]
    await run(wanted)
    positions = [event.bytes for event in run.events if isinstance(event, Progress)]
    assert positions[-1] == max(positions) == len(CONTENT)


async def test_without_memory_for_more_streams_one_does_it(run: Run, storage: Storage, wanted: Transfer) -> None:
    run.settings = replace(run.settings, memory_bytes=2 * run.settings.chunk_bytes)
    storage.answers = [ranged()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == CONTENT
