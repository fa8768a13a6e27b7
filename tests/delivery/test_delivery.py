"""Files go from an archive to a bucket of a real S3 server: each whole and right, none twice, none stays here."""

import asyncio
import hashlib
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests import canaries
from tests.delivery import faulty
from tests.delivery.conftest import QUICK, Run
from tests.delivery.faulty import Proxy
from tests.server import rclone

from imap_bulk.archives.imap import ImapArchive
from imap_bulk.delivery.listing import listed
from imap_bulk.digest import Digest
from imap_bulk.engine.pace import Paces
from imap_bulk.errors import BadBucket, Interrupted, SourceChanged, Stalled
from imap_bulk.model import Direction, Pacing, Plan, SignedUrl, Transfer
from imap_bulk.server.app import ArchiveServer

Held = dict[str, bytes]
PATIENT = replace(QUICK, retries=5)


async def test_each_file_is_put_at_the_prefix_and_its_key(run: Run, held: Held) -> None:
    result = await run()
    assert (result.done, result.verified, result.failed) == (len(held), len(held), 0)
    assert run.stored() == held
    assert run.left_on_disk() == []


async def test_an_outcome_tells_address_size_and_etag(run: Run, held: Held) -> None:
    await run()
    told = {outcome.transfer.key: outcome.stored for outcome in run.outcomes()}
    assert all(
        stored
        and (stored.address, stored.size, stored.etag)
        == (f"{run.destination}/{key}", len(held[key]), hashlib.md5(held[key]).hexdigest())
        for key, stored in told.items()
    )


async def test_a_second_run_moves_nothing_and_asks_for_no_single_object(
    run: Run, held: Held, proxy: Proxy
) -> None:
    await run()
    proxy.asked.clear()
    result = await run()
    assert (result.done, result.skipped, result.verified) == (0, len(held), len(held))
    assert set(proxy.asked) == {"GET"}
    assert proxy.asked["GET"] == 2  # is the bucket there; what does it list


async def test_what_was_deleted_or_overwritten_in_the_bucket_comes_again(run: Run, held: Held) -> None:
    await run()
    gone, other, *_ = held
    run.delete(gone)
    run.overwrite(other, bytes(len(held[other])))
    result = await run()
    assert (result.done, result.skipped) == (2, len(held) - 2)
    assert run.stored() == held


async def test_without_the_journal_everything_comes_again(run: Run, held: Held) -> None:
    await run()
    shutil.rmtree(run.data_dir)
    result = await run()
    assert (result.done, run.stored()) == (len(held), held)


async def test_what_is_in_one_bucket_is_not_taken_to_be_in_another(run: Run, held: Held) -> None:
    await run()
    run.prefix += "-other"
    result = await run()
    assert (result.done, run.stored()) == (len(held), held)


async def test_overwrite_brings_everything(run: Run, held: Held) -> None:
    await run()
    result = await run(replace(QUICK, overwrite=True))
    assert (result.done, result.skipped) == (len(held), 0)


async def test_a_file_on_disk_is_no_object_in_the_bucket(run: Run, held: Held) -> None:
    for key, body in held.items():
        path = run.data_dir / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    result = await run()
    assert (result.done, run.stored()) == (len(held), held)


async def test_a_dry_run_tells_the_plan_and_writes_nothing(run: Run, held: Held, proxy: Proxy) -> None:
    await run(dry_run=True)
    planned = {event.key for event in run.events if isinstance(event, Transfer)}
    assert (planned, run.stored(), run.data_dir.exists()) == (set(held), {}, False)
    assert set(proxy.asked) == {"GET"}


async def test_a_dry_run_leaves_out_what_the_bucket_holds(run: Run, held: Held) -> None:
    await run()
    run.delete(next(iter(held)))
    await run(dry_run=True)
    (plan,) = (event for event in run.events if isinstance(event, Plan))
    assert (plan.files, plan.skipped) == (1, len(held) - 1)


async def test_several_processes_deliver_each_by_a_way_of_its_own(
    run: Run, server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        await server.add(f"imap_hi_l1a_d{number:04}_20260101_v001.0001.cdf", b"%d" % number * 999)
    sign, line = ImapArchive.sign_download, asyncio.Lock()

    async def sign_slowly(archive: ImapArchive, transfer: Transfer) -> SignedUrl:
        async with line:
            await asyncio.sleep(0.02)  # here alone: the other process takes on most
        return await sign(archive, transfer)

    monkeypatch.setattr(ImapArchive, "sign_download", sign_slowly)
    result = await run(replace(QUICK, processes=2))
    assert (result.done, len(run.stored()), run.left_on_disk()) == (result.wanted, result.wanted, [])
    engines = [event.host for event in run.events if isinstance(event, Pacing)]
    assert Counter(engines) == dict.fromkeys(engines, 2)


@pytest.mark.parametrize(
    "fault",
    [
        faulty.refusing(500, "InternalError"),
        faulty.refusing(503, "SlowDown"),
        faulty.refusing(400, "RequestTimeout"),
        faulty.breaking,
        faulty.losing,
        faulty.damaging,
        faulty.damaging_unseen,
        faulty.encrypting,
    ],
    ids=["500", "503", "timeout", "broken", "lost", "damaged", "damaged-unseen", "encrypted"],
)
async def test_what_passes_is_gone_through(run: Run, held: Held, proxy: Proxy, fault: faulty.Fault) -> None:
    proxy.puts = [fault, None] * 3
    result = await run(PATIENT)
    assert (result.done, run.stored(), run.left_on_disk()) == (len(held), held, [])
    assert {setback.host for setback in run.setbacks()} <= {proxy.url.removeprefix("http://")}


@pytest.mark.parametrize("fault", [faulty.deaf, faulty.silent])
async def test_a_bucket_that_falls_silent_is_not_waited_for(
    run: Run, held: Held, proxy: Proxy, fault: faulty.Fault
) -> None:
    proxy.puts = [fault] * len(held)  # the large one among them, more than sockets hold
    result = await run(replace(PATIENT, idle_timeout=0.5))
    assert (result.done, run.stored()) == (len(held), held)
    assert {type(setback.error) for setback in run.setbacks()} == {Stalled}


async def test_bytes_that_are_no_longer_what_was_verified_are_not_stored(run: Run, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"rotten")
    transfer = Transfer(Direction.PULL, "imap/x.cdf", part)
    async with run.destination.opened(QUICK) as begin:
        with pytest.raises(SourceChanged, match="nothing was stored"):
            await begin(Paces(QUICK)).deliver(
                transfer, part, Digest("sha256", hashlib.sha256(b"sound").hexdigest())
            )
    assert run.stored() == {}


async def test_a_fault_of_the_bucket_costs_no_second_download(run: Run, held: Held, proxy: Proxy) -> None:
    proxy.puts = [faulty.refusing(503, "SlowDown")] * 3
    result = await run(PATIENT)
    assert result.bytes == sum(map(len, held.values()))
    assert proxy.asked["PUT"] == len(held) + 3


async def test_wrong_bytes_that_storage_kept_are_removed(run: Run, proxy: Proxy) -> None:
    proxy.puts = [faulty.damaging_unseen] * 100
    result = await run(replace(QUICK, outage_max=0.0))
    assert result.done == 0
    assert run.stored() == {}


async def test_what_fails_at_the_bucket_is_a_passing_failure_and_the_next_run_goes_on(
    run: Run, held: Held, proxy: Proxy
) -> None:
    proxy.puts = [None] * 4 + [faulty.refusing(500, "InternalError")] * 1000
    result = await run(replace(QUICK, outage_max=0.0))
    assert (result.done, result.passing) == (4, len(held) - 4)
    proxy.puts = []
    again = await run()
    assert (again.done, again.skipped, run.stored()) == (len(held) - 4, 4, held)


async def test_the_url_is_good_for_the_md5_and_the_sha256_that_are_sent(
    run: Run, held: Held, proxy: Proxy
) -> None:
    await run()
    puts = [head for head in proxy.heads if "Content-MD5" in head]
    assert len(puts) == len(held)
    assert all("X-Amz-SignedHeaders=content-md5%3Bhost%3Bx-amz-meta-sha256&" in head for head in puts)
    sums = {hashlib.sha256(body).hexdigest() for body in held.values()}
    assert {told for told in sums if any(f"'x-amz-meta-sha256': '{told}'" in head for head in puts)} == sums


async def test_an_object_with_an_opaque_etag_that_s3_tells_the_crc_of_is_not_read_back(
    run: Run, held: Held, proxy: Proxy
) -> None:
    proxy.puts = [faulty.encrypting_as_aws] * len(held)
    await run()
    assert (proxy.asked["GET"], run.stored()) == (1, held)


async def test_an_object_with_an_opaque_etag_is_read_back_and_known_again(
    run: Run, held: Held, proxy: Proxy
) -> None:
    proxy.puts = [faulty.encrypting] * len(held)
    await run()
    assert proxy.asked["GET"] == 1 + len(held)
    assert (await run()).skipped == len(held)


# --- what is wrong from the beginning


async def test_a_refused_key_is_told_before_the_archive_is_asked(run: Run) -> None:
    run.secret = f"{canaries.AWS_SECRET}x"
    with pytest.raises(BadBucket, match=r"SignatureDoesNotMatch.*check AWS_ACCESS_KEY_ID") as refused:
        await run()
    canaries.assert_clean(str(refused.value))
    assert run.events == []


async def test_a_missing_bucket_is_named(run: Run) -> None:
    run.bucket = "nowhere"
    with pytest.raises(BadBucket, match=rf"{run.destination} at .*NoSuchBucket.*make the bucket"):
        await run()


async def test_a_bucket_in_another_region_is_told(run: Run, proxy: Proxy) -> None:
    proxy.gets = [faulty.refusing(301, "PermanentRedirect")]
    with pytest.raises(BadBucket, match="set AWS_REGION to that of the bucket"):
        await run()


async def test_a_storage_that_does_not_answer_is_a_passing_failure(run: Run) -> None:
    run.endpoint = "http://127.0.0.1:1"
    with pytest.raises(Interrupted, match="cannot be listed"):
        await run(replace(QUICK, retries=0))


async def test_a_list_that_fails_once_is_asked_for_again(run: Run, held: Held, proxy: Proxy) -> None:
    await run()
    proxy.gets = [faulty.refusing(503, "SlowDown"), None, faulty.refusing(500, "InternalError")]
    assert (await run()).skipped == len(held)


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (400, "ExpiredToken"), (404, "NoSuchBucket")])
async def test_a_key_that_is_refused_under_way_ends_the_run(
    run: Run, held: Held, proxy: Proxy, status: int, code: str
) -> None:
    proxy.puts = [None] * 3 + [faulty.refusing(status, code)] * 1000
    with pytest.raises(OSError, match=code) as ended:
        await run()
    assert ended.value.filename == str(run.destination)
    proxy.puts = []
    result = await run()
    assert (result.complete, run.stored(), run.left_on_disk()) == (True, held, [])


async def test_a_long_list_that_breaks_goes_on_where_it_was(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "s3" / run.bucket / run.prefix / "imap"
    place.mkdir(parents=True)
    names = [f"{number:04}" for number in range(2100)]
    for name in names:
        (place / name).touch()
    with rclone.serving(tmp_path / "s3") as storage:
        async with faulty.before(storage.endpoint) as proxy:
            run.endpoint = proxy.url
            bucket = run.destination.bucket
            proxy.gets = [None, faulty.refusing(503, "SlowDown"), None, faulty.breaking]
            pages = [page async for page in listed(bucket, bucket.open(retries=0), "imap", QUICK)]
    assert [key for page in pages for key, _, _ in page] == [f"imap/{name}" for name in names]
    assert proxy.asked["GET"] == 3 + 2


# --- secrets


async def test_neither_side_sees_the_others_credentials(run: Run, proxy: Proxy) -> None:
    await run()
    assert not [head for head in proxy.heads if canaries.AWS_SECRET in head or "x-api-key" in head.lower()]
    for path in run.data_dir.rglob("*"):
        if path.is_file():
            assert canaries.AWS_SECRET.encode() not in path.read_bytes()
            assert b"X-Amz-" not in path.read_bytes()
