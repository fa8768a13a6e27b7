"""Records on their way: what the archive's answers mean for each of them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import canaries
from tests.archives.aurorax.conftest import Open
from tests.archives.aurorax.fake import Answer, FakeAurorax, page, refusing

from imap_bulk import errors
from imap_bulk.archives.aurorax import Kind
from imap_bulk.archives.aurorax.batches import Batches, Fate, Verdict, _by_entry
from imap_bulk.archives.aurorax.records import Entry
from imap_bulk.archives.aurorax.refusals import Maintenance

UPLOAD = "/data_sources/400/ephemeris"


def epoch(number: int) -> str:
    return f"2020-01-01T{number // 60:02}:{number % 60:02}:00"


def entries(count: int) -> list[Entry]:
    return [
        Entry(number, f"r.jsonl line {number + 1}", epoch(number), json.dumps({"epoch": epoch(number)}).encode())
        for number in range(count)
    ]


async def send(
    archive_at: Open, fake: FakeAurorax, batch: Sequence[Entry], *, bisect: bool = True, **given: Any
) -> list[Verdict]:
    async with await archive_at(fake, **given) as archive:
        verdicts = await Batches(archive.api, archive.settings, Kind.EPHEMERIS, 400, bisect).send(batch)
    return sorted(verdicts, key=lambda verdict: verdict.entry.number)


def fates(verdicts: list[Verdict]) -> list[Fate]:
    return [verdict.fate for verdict in verdicts]


async def test_202_accepts_them_all(archive_at: Open) -> None:
    fake = FakeAurorax()
    assert fates(await send(archive_at, fake, entries(3), api_key=canaries.API_KEY)) == [Fate.ACCEPTED] * 3
    (asked,) = fake.asked
    assert asked.body == [{"epoch": epoch(number)} for number in range(3)]
    assert asked.headers["x-aurorax-api-key"] == canaries.API_KEY
    assert asked.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("naming", [True, False], ids=["named", "unnamed"])
async def test_bad_records_are_found_and_the_others_accepted(archive_at: Open, naming: bool) -> None:
    bad = {epoch(3), epoch(17), epoch(18)}
    fake = FakeAurorax(bad=bad, naming=naming)
    verdicts = await send(archive_at, fake, entries(40))
    refused = {verdict.entry.key: str(verdict.error) for verdict in verdicts if verdict.fate is Fate.REFUSED}
    assert set(refused) == bad
    assert refused[epoch(3)].startswith(f"r.jsonl line 4 ({epoch(3)}): AssertionError: ")
    assert len(fake.uploaded) == 37
    assert (len(fake.asked) == 2) == naming


async def test_without_bisection_a_refused_batch_is_refused_as_a_whole(archive_at: Open) -> None:
    fake = FakeAurorax(bad={epoch(3)}, naming=True)
    verdicts = await send(archive_at, fake, entries(8), bisect=False)
    assert fates(verdicts) == [Fate.REFUSED] * 8
    assert len(fake.asked) == 1
    assert "its batch was refused because of another record" in str(verdicts[0].error)
    assert "the record of 2020-01-01T00:03:00 is bad" in str(verdicts[3].error)


async def test_too_large_a_batch_is_halved_until_it_fits(archive_at: Open) -> None:
    fake = FakeAurorax(most_records=3)
    assert fates(await send(archive_at, fake, entries(10), bisect=False)) == [Fate.ACCEPTED] * 10
    assert len(fake.uploaded) == 10


async def test_a_record_that_is_too_large_by_itself_is_refused(archive_at: Open) -> None:
    (verdict,) = await send(archive_at, FakeAurorax(most_records=0), entries(1))
    assert "the archive answered 413" in str(verdict.error)


async def test_a_duplicate_among_others_does_not_make_duplicates_of_them(archive_at: Open) -> None:
    first = refusing(409, "Duplicate", "There was a duplicate record found. No changes were made.")
    fake = FakeAurorax(overrides={UPLOAD: [first, first]})  # the two records, then the first of them
    assert fates(await send(archive_at, fake, entries(2))) == [Fate.DUPLICATE, Fate.ACCEPTED]


async def test_without_bisection_a_duplicate_speaks_for_its_batch(archive_at: Open) -> None:
    fake = FakeAurorax(overrides={UPLOAD: [refusing(409, "DUPLICATE")]})
    assert fates(await send(archive_at, fake, entries(2), bisect=False)) == [Fate.DUPLICATE] * 2


async def test_a_conflict_is_no_duplicate(archive_at: Open) -> None:
    fake = FakeAurorax(overrides={UPLOAD: [refusing(409, "Conflict")]})
    assert fates(await send(archive_at, fake, entries(2))) == [Fate.REFUSED] * 2


@pytest.mark.parametrize(
    "fault",
    [refusing(429, **{"Retry-After": "0"}), refusing(503, "Unavailable"), page(502), refusing(500), page(202)],
    ids=["429", "503", "502", "500", "page"],
)
async def test_a_passing_fault_is_tried_again(archive_at: Open, fault: Answer) -> None:
    fake = FakeAurorax(overrides={UPLOAD: [fault, fault]})
    assert fates(await send(archive_at, fake, entries(2))) == [Fate.ACCEPTED] * 2
    assert len(fake.asked) == 3


@pytest.mark.parametrize(
    ("status", "error"), [(429, errors.Busy), (500, errors.ServerFault), (502, errors.ServerFault)]
)
async def test_a_fault_that_does_not_pass_fails_the_batch_alone(
    archive_at: Open, status: int, error: type[errors.BulkError]
) -> None:
    fake = FakeAurorax(overrides={UPLOAD: [refusing(status)] * 9})
    verdicts = await send(archive_at, fake, entries(2))
    assert fates(verdicts) == [Fate.REFUSED] * 2
    assert all(type(verdict.error) is error for verdict in verdicts)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusing(401, "NotAuthenticated"), errors.AccessDenied),
        (refusing(403, "NotPermitted"), errors.AccessDenied),
        (refusing(404, "NotFound"), errors.NotFound),
        (refusing(405), errors.Rejected),
        (refusing(503, "Unavailable", "The service is in Maintenance Mode."), Maintenance),
    ],
    ids=["401", "403", "404", "405", "maintenance"],
)
async def test_what_every_batch_would_meet_ends_the_push(
    archive_at: Open, answer: Answer, error: type[errors.BulkError]
) -> None:
    fake = FakeAurorax(overrides={UPLOAD: [answer] * 9})
    with pytest.raises(error):
        await send(archive_at, fake, entries(2))
    assert len(fake.asked) == 1


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_nothing_but_202_says_that_records_were_taken(archive_at: Open, status: int) -> None:
    fake = FakeAurorax(overrides={UPLOAD: [refusing(status)] * 9})
    (verdict,) = await send(archive_at, fake, entries(1))
    assert f"the archive answered {status}, not 202" in str(verdict.error)


@given(st.sets(st.integers(0, 29), max_size=6), st.sampled_from(["{}", "{}Z", "epoch={}.", "({}.000Z)", "'{}'"]))
@settings(max_examples=50)
def test_a_message_names_the_record_whose_epoch_it_holds(bad: set[int], form: str) -> None:
    messages = [form.format(epoch(number)) for number in bad]
    assert set(_by_entry(entries(30), messages)) == bad


@pytest.mark.parametrize("message", ["x/a.jpg is bad", "a.jpgx is bad", "a.jpg and b.jpg are bad", "bad"])
def test_a_message_that_names_none_or_several_tells_nothing(message: str) -> None:
    batch = [Entry(number, "", name, b"") for number, name in enumerate(("a.jpg", "b.jpg"))]
    assert _by_entry(batch, [message]) == {}
