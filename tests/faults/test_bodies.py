"""R3, R4, R5: bodies that end early, have a wrong length, or are wrong by one bit."""

import pytest
from tests.faults.bench import IN_PARTS, SIZES, SMALL, name_of, seeds
from tests.faults.conftest import Faulty

from imap_bulk import errors
from imap_bulk.model import Proof, Status
from imap_bulk.server import storage
from imap_bulk.server.chaos.fault import Kind

CUT = ["truncate-length", "truncate-chunked", "truncate-close", "reset-body"]
WRONG_LENGTH = ["length-short", "length-zero", "length-more", "length-double", "length-absent"]
HEADERS = {"Repr-Digest": Proof.ETAG, "ETag": Proof.REPR_DIGEST}
"""Digest header that storage leaves out -> what is left to verify by."""


def without(monkeypatch: pytest.MonkeyPatch, *headers: str) -> None:
    """Let storage leave out headers."""
    told = storage._object_headers

    def fewer(*args: object) -> dict[str, str]:
        return {name: value for name, value in told(*args).items() if name not in headers}  # type: ignore[arg-type]

    monkeypatch.setattr(storage, "_object_headers", fewer)


# --- R3


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", CUT)
@pytest.mark.parametrize("seed", seeds(1, 40))
async def test_a_body_that_is_cut_off_is_never_taken_for_the_file(
    faulty: Faulty, fault: str, size: str, seed: int
) -> None:
    bench = await faulty(f"{fault}*2", seed)
    assert (await bench.pull(name_of(size))).done == 1
    assert bench.faults == ([] if size == "empty" else [fault] * 2)


@pytest.mark.parametrize("fault", CUT)
async def test_a_body_that_is_always_cut_off_fails_as_passing(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"{fault}=1,streak=0")
    result = await bench.pull(SMALL[:6])
    assert (result.failed, result.passing) == (6, 6)


async def test_a_body_that_is_cut_off_is_gone_on_with_from_where_it_was(faulty: Faulty) -> None:
    bench = await faulty("truncate-length*2")
    await bench.pull(name_of("large"))
    assert [arrival.kind for arrival in bench.at_storage()] == [Kind.WHOLE, Kind.PART, Kind.PART]
    positions = [progress.bytes for progress in bench.progress]
    assert positions == sorted(positions), "bytes were fetched twice"


@pytest.mark.parametrize("fault", CUT)
async def test_parts_that_are_cut_off_are_never_taken_for_parts(
    faulty: Faulty, small_blocks: int, fault: str
) -> None:
    bench = await faulty(f"{fault}=0.4", seed=3)
    result = await bench.pull(name_of("medium"), **IN_PARTS, retries=20)
    assert result.done == 1
    assert fault in bench.faults


# --- R4


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", WRONG_LENGTH)
@pytest.mark.parametrize("seed", seeds(1, 40))
async def test_a_body_of_a_wrong_length_is_never_taken_for_the_file(
    faulty: Faulty, fault: str, size: str, seed: int
) -> None:
    bench = await faulty(f"{fault}*2", seed)
    assert (await bench.pull(name_of(size))).done == 1


@pytest.mark.parametrize("fault", ["length-short", "length-zero", "length-more", "length-double"])
async def test_a_length_that_is_always_wrong_fails(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"{fault}=1,streak=0")
    assert (await bench.pull(name_of("small"))).failed == 1


@pytest.mark.parametrize("fault", WRONG_LENGTH)
async def test_parts_of_a_wrong_length_are_never_taken_for_parts(
    faulty: Faulty, small_blocks: int, fault: str
) -> None:
    bench = await faulty(f"{fault}=0.15", seed=4)
    assert (await bench.pull(name_of("medium"), **IN_PARTS, retries=40)).done == 1
    assert fault in bench.faults


async def test_a_part_of_a_wrong_length_is_no_changed_object(faulty: Faulty, small_blocks: int) -> None:
    bench = await faulty("length-more=0.15", seed=4)
    assert (await bench.pull(name_of("large"), **IN_PARTS, retries=40)).done == 1
    assert len(bench.faults) > 2


# --- R5


@pytest.mark.parametrize("missing", [None, *HEADERS])
@pytest.mark.parametrize("seed", seeds(2, 100))
async def test_every_bit_flip_is_found_by_whichever_digest_there_is(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch, missing: str | None, seed: int
) -> None:
    if missing:
        without(monkeypatch, missing)
    bench = await faulty("flip*2", seed)
    result = await bench.pull([*SMALL, name_of("byte"), name_of("medium")])
    assert result.done == result.verified == len(SMALL) + 2
    assert bench.faults == ["flip"] * 2 * result.done
    proof = HEADERS.get(missing or "", Proof.REPR_DIGEST)
    assert {outcome.verified_by for outcome in bench.outcomes} == {proof}


async def test_a_bit_that_is_always_flipped_is_a_failure_that_says_so(faulty: Faulty) -> None:
    bench = await faulty("flip=1,streak=0")
    result = await bench.pull(SMALL[:6])
    assert result.failed == 6
    assert all(isinstance(outcome.error, errors.DigestMismatch) for outcome in bench.outcomes)


@pytest.mark.parametrize("seed", seeds(2, 100))
async def test_every_bit_flip_in_a_part_is_found(faulty: Faulty, small_blocks: int, seed: int) -> None:
    bench = await faulty("flip=0.05", seed)
    result = await bench.pull(name_of("medium"), **IN_PARTS, retries=50)
    assert result.done == result.verified == 1


async def test_without_any_digest_nothing_is_called_verified(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, *HEADERS)
    bench = await faulty("streak=2")
    result = await bench.pull(SMALL)
    assert (result.done, result.verified, result.unverified) == (len(SMALL), 0, len(SMALL))
    assert {outcome.verified_by for outcome in bench.outcomes} == {Proof.SIZE}


async def test_without_any_digest_nothing_comes_where_verification_is_required(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, *HEADERS)
    bench = await faulty("flip=0.5")
    await bench.pull(SMALL, require_verified=True)
    assert {(outcome.status, type(outcome.error)) for outcome in bench.outcomes} == {
        (Status.FAILED, errors.Unverified)
    }
