"""R10, R16, R20: signed URLs that have expired, that lead elsewhere; files that seem to be missing."""

import time

import pytest
from tests.faults.bench import IN_PARTS, SMALL, Bench, key_of, name_of, seeds
from tests.faults.conftest import Faulty

from imap_bulk import errors
from imap_bulk.digest import Digest
from imap_bulk.model import Event, Progress, RemoteFile
from imap_bulk.retry import MAX_DOUBTS, MAX_RENEWALS

EXPIRED = ["url-expired", "url-expired-400", "token-expired", "bad-signature"]
FEW = SMALL[:8]
MEDIUM = name_of("medium")


# --- R10


@pytest.mark.parametrize("fault", EXPIRED)
@pytest.mark.parametrize("times", [1, MAX_RENEWALS])
async def test_an_expired_url_costs_one_signing(faulty: Faulty, fault: str, times: int) -> None:
    bench = await faulty(f"{fault}*{times}")
    assert (await bench.pull(FEW, retries=0)).done == len(FEW)
    assert bench.signings == (times + 1) * len(FEW)


@pytest.mark.parametrize("fault", EXPIRED)
async def test_a_url_that_is_always_expired_is_not_signed_for_ever(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"{fault}=1,streak=0")
    result = await bench.pull(FEW)
    assert (result.failed, result.passing) == (len(FEW), len(FEW))
    assert bench.signings == (MAX_RENEWALS + 1) * len(FEW)


@pytest.mark.parametrize("fault", EXPIRED)
@pytest.mark.parametrize("seed", seeds(1, 50))
async def test_an_expiry_between_parts_loses_no_byte(
    faulty: Faulty, small_blocks: int, fault: str, seed: int
) -> None:
    bench = await faulty(f"{fault}=0.15,streak=1", seed)
    assert (await bench.pull(MEDIUM, **IN_PARTS, retries=0)).done == 1
    blocks = -(-((1 << 20) + 1) // small_blocks)
    right = [arrival for arrival in bench.at_storage() if not arrival.fault]
    assert len(right) <= blocks + bench.signings, "parts were fetched twice"
    assert bench.signings <= 1 + len(bench.faults)


class Clock:
    """A clock of the archive's own."""

    def __init__(self, skew: float) -> None:
        self.skew = skew

    def __call__(self) -> float:
        return time.time() + self.skew


async def test_all_streams_of_a_file_renew_once_together(faulty: Faulty, small_blocks: int) -> None:
    clock = Clock(0.0)
    bench = await faulty("streak=2", clock=clock, url_lifetime_download=600)

    def expire(event: Event) -> None:
        if isinstance(event, Progress) and event.bytes > 1 << 19 and not clock.skew:
            clock.skew = 601.0

    bench.watch = expire
    assert (await bench.pull(MEDIUM, **IN_PARTS, retries=0)).done == 1
    assert bench.signings == 2


@pytest.mark.parametrize("minutes", [-15, 15, -1440, 1440])
async def test_a_skewed_clock_makes_nothing_expire(faulty: Faulty, small_blocks: int, minutes: int) -> None:
    bench = await faulty("streak=2", clock=Clock(minutes * 60.0), url_lifetime_download=300)
    assert (await bench.pull([*FEW, MEDIUM], **IN_PARTS, retries=0)).done == len(FEW) + 1
    assert bench.signings == len(FEW) + 1


# --- R16


@pytest.mark.parametrize("fault", ["redirect-file", "redirect-ftp"])
async def test_a_redirect_to_another_scheme_is_refused_at_once(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"{fault}=1,streak=0")
    result = await bench.pull(FEW)
    assert (result.failed, result.passing) == (len(FEW), 0)
    assert {(type(outcome.error), outcome.attempts) for outcome in bench.outcomes} == {(errors.Rejected, 1)}
    assert bench.at_storage() == []


async def test_a_redirect_without_a_signature_is_asked_for_again(faulty: Faulty) -> None:
    bench = await faulty("redirect-unsigned*2")
    assert (await bench.pull(FEW)).done == len(FEW)


# --- R20


@pytest.mark.parametrize("origin", ["api", "storage"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_listed_file_that_is_missing_for_a_moment_still_comes(
    faulty: Faulty, origin: str, times: int
) -> None:
    bench = await faulty(f"{origin}:missing*{times}")
    assert (await bench.pull_listed()).done == len(SMALL)


@pytest.mark.parametrize("origin", ["api", "storage"])
async def test_a_listed_file_that_stays_missing_is_told_from_one_that_never_was(
    faulty: Faulty, origin: str
) -> None:
    bench = await faulty(f"{origin}:missing=1,streak=0")
    result = await bench.pull_listed(retries=2)
    assert (result.failed, result.passing) == (len(SMALL), len(SMALL))
    assert {outcome.attempts for outcome in bench.outcomes} <= {2, 3}
    assert not any(isinstance(outcome.error, errors.NotFound) for outcome in bench.outcomes)


async def test_a_file_that_nobody_has_listed_is_not_asked_for_again(faulty: Faulty) -> None:
    bench = await faulty("streak=2")
    result = await bench.pull(name_of("nowhere"))
    assert (result.failed, result.passing) == (1, 0)
    assert isinstance(bench.outcome.error, errors.NotFound)
    assert bench.outcome.attempts == 1


@pytest.mark.parametrize("times", [1, 2])
async def test_a_pinned_file_that_is_missing_for_a_moment_still_comes(faulty: Faulty, times: int) -> None:
    bench = await faulty(f"api:missing*{times}")
    assert (await bench.pull(pinned(bench))).done == len(SMALL)


async def test_a_pinned_file_that_stays_missing_is_not_there(faulty: Faulty) -> None:
    bench = await faulty("api:missing=1,streak=0")
    result = await bench.pull(pinned(bench), retries=2)
    assert (result.failed, result.passing) == (len(SMALL), 0)
    assert all(isinstance(outcome.error, errors.NotFound) for outcome in bench.outcomes)
    assert {outcome.attempts for outcome in bench.outcomes} == {1 + MAX_DOUBTS}


def pinned(bench: Bench) -> list[RemoteFile]:
    """Return the small files with their digests, as a lock file does."""
    return [RemoteFile(key_of(name), digest=Digest("sha256", bench.archived[key_of(name)])) for name in SMALL]
