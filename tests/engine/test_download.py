"""One GET: no wrong byte under a final name, whatever storage does."""

import asyncio
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from tests.engine.scripted import CONTENT, Answer, Run, Storage, cut, expired, flipped, good, plain, refusal

from imap_bulk import errors
from imap_bulk.digest import Digest
from imap_bulk.engine.places import part_path
from imap_bulk.model import Progress, Proof, SignedUrl, Status, Transfer
from imap_bulk.transport import StorageTransport

ENCRYPTED = {"ETag": f'"{"0" * 32}"', "x-amz-server-side-encryption": "aws:kms"}
"""What S3 tells of an object that a key of KMS encrypts: the ETag looks like an MD5."""

SHA256 = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_the_bytes_arrive_under_their_final_name(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [good()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == CONTENT
    assert files_below(run.root) == [wanted.path]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
async def test_files_of_all_sizes_arrive_whole(run: Run, storage: Storage, wanted: Transfer, size: int) -> None:
    storage.answers = [good((CONTENT)[:size])]
    (outcome,) = await run(wanted)
    assert outcome.bytes == size
    assert wanted.path.read_bytes() == CONTENT[:size]


@pytest.mark.parametrize(
    ("answer", "digest", "proof"),
    [
        (good(headers={"Repr-Digest": SHA256.repr_digest()}), SHA256, Proof.MANIFEST),
        (good(headers={"Repr-Digest": SHA256.repr_digest()}), None, Proof.REPR_DIGEST),
        (good(), None, Proof.ETAG),
        (good(headers={"ETag": '"d41d8cd98f00b204e9800998ecf8427e-3"'}), None, Proof.SIZE),
        (good(headers=ENCRYPTED), None, Proof.SIZE),
        (plain(), None, Proof.SIZE),
    ],
)
async def test_the_outcome_says_what_verified_it(
    run: Run, storage: Storage, wanted: Transfer, answer: Answer, digest: Digest | None, proof: Proof
) -> None:
    storage.answers = [answer]
    (outcome,) = await run(replace(wanted, digest=digest))
    assert outcome.verified_by is proof


async def test_unverified_bytes_have_their_digest_recorded(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [plain()]
    (outcome,) = await run(wanted)
    assert outcome.digest == SHA256


@pytest.mark.parametrize("fault", [flipped(), cut(), cut(None), refusal(500), refusal(503), expired()])
async def test_a_passing_fault_costs_another_attempt(
    run: Run, storage: Storage, wanted: Transfer, fault: Answer
) -> None:
    storage.answers = [fault, good()]
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.attempts) == (Status.DONE, 2)
    assert wanted.path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (flipped(), errors.DigestMismatch),
        (cut(), errors.Interrupted),
        (refusal(500), errors.ServerFault),
        (refusal(503), errors.Busy),
        (expired(), errors.UrlExpired),
        (refusal(404), errors.Vanished),
    ],
)
async def test_a_fault_that_stays_leaves_no_file(
    run: Run, storage: Storage, wanted: Transfer, fault: Answer, error: type[errors.BulkError]
) -> None:
    storage.answers = [fault]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.FAILED
    assert type(outcome.error) is error
    assert files_below(run.root) == []


async def test_a_body_without_length_or_digest_is_never_believed(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    async def closed_early(request: web.Request) -> web.StreamResponse:
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + CONTENT[:1000])
        request.transport.close()
        return web.Response()

    storage.answers = [closed_early]
    (outcome,) = await run(wanted)
    assert type(outcome.error) is errors.Interrupted
    assert files_below(run.root) == []


async def test_more_bytes_than_announced_are_not_written(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [plain()]
    (outcome,) = await run(replace(wanted, size=10))
    assert type(outcome.error) is errors.DigestMismatch
    assert files_below(run.root) == []


async def test_an_object_of_another_size_than_the_manifests_is_believed_when_told_twice(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [good()]
    (outcome,) = await run(replace(wanted, size=10))
    assert (type(outcome.error), outcome.attempts) == (errors.Rejected, 2)
    assert f"{len(CONTENT)} bytes, 10 are expected" in str(outcome.error)
    assert files_below(run.root) == []


async def test_a_size_that_was_wrong_but_once_costs_another_attempt(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [good(b"a page in between"), good()]
    (outcome,) = await run(replace(wanted, size=len(CONTENT)))
    assert (outcome.status, outcome.attempts) == (Status.DONE, 2)


async def test_every_attempt_has_a_url_of_its_own(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [expired(), good()]
    await run(wanted)
    assert [request.query["X-Amz-Signature"] for request in storage.requests] == ["secret1", "secret2"]


async def test_another_object_than_the_manifest_means_is_refused_at_once(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [good(headers={"Repr-Digest": SHA256.repr_digest()})]
    (outcome,) = await run(replace(wanted, digest=Digest("sha256", "0" * 64)))
    assert type(outcome.error) is errors.Rejected
    assert outcome.attempts == 1


async def test_a_file_that_is_there_and_right_is_not_fetched_again(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    wanted.path.parent.mkdir(parents=True)
    wanted.path.write_bytes(CONTENT)
    storage.answers = [good()]
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.verified_by) == (Status.SKIPPED, Proof.ETAG)


async def test_what_a_dead_process_left_beside_a_file_that_is_right_goes_away(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    # Killed before the journal knew of a file, a run fetches it once more, and may be killed in the midst of it.
    wanted.path.parent.mkdir(parents=True)
    wanted.path.write_bytes(CONTENT)
    dead = Path(part_path(os.fspath(wanted.path), 2**22 + 1))
    dead.write_bytes(CONTENT[:100])
    storage.answers = [good()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.SKIPPED
    assert list(wanted.path.parent.iterdir()) == [wanted.path]


@pytest.mark.parametrize("there", [b"", b"stub", CONTENT[:-1] + b"x"])
async def test_a_wrong_file_of_another_tool_is_replaced(
    run: Run, storage: Storage, wanted: Transfer, there: bytes
) -> None:
    wanted.path.parent.mkdir(parents=True)
    wanted.path.write_bytes(there)
    storage.answers = [good()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert wanted.path.read_bytes() == CONTENT


async def test_overwrite_fetches_also_what_is_there(run: Run, storage: Storage, wanted: Transfer) -> None:
    wanted.path.parent.mkdir(parents=True)
    wanted.path.write_bytes(CONTENT)
    storage.answers = [good()]
    run.settings = replace(run.settings, overwrite=True)
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE


@pytest.mark.parametrize(
    ("answer", "told"), [(plain(), Proof.COUNT), (good(), Proof.ETAG)], ids=["no digest", "a digest"]
)
async def test_what_the_content_proves_counts_where_no_digest_is_known(
    run: Run, storage: Storage, wanted: Transfer, answer: Answer, told: Proof
) -> None:
    storage.answers = [answer]
    run.signer.proof = Proof.COUNT
    (outcome,) = await run(wanted)
    assert outcome.verified_by is told


@pytest.mark.parametrize(
    ("proof", "status"), [(Proof.FITS, Status.DONE), (Proof.FORM, Status.FAILED), (None, Status.FAILED)]
)
async def test_require_verified_is_content_with_content_that_verifies_itself(
    run: Run, storage: Storage, wanted: Transfer, proof: Proof | None, status: Status
) -> None:
    storage.answers = [plain()]
    run.settings = replace(run.settings, require_verified=True)
    run.signer.content_proves, run.signer.proof = True, proof
    (outcome,) = await run(wanted)
    assert outcome.status is status
    assert wanted.path.exists() is (status is Status.DONE)


async def test_require_verified_refuses_what_only_has_a_size(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [plain()]
    run.settings = replace(run.settings, require_verified=True)
    (outcome,) = await run(wanted)
    assert type(outcome.error) is errors.Unverified
    assert files_below(run.root) == []


async def test_content_that_the_archive_does_not_accept_gets_no_name(
    run: Run, storage: Storage, wanted: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(transfer: Transfer, part: Path) -> None:
        raise errors.Rejected(f"{transfer.key} is a web page")

    storage.answers = [good()]
    monkeypatch.setattr(run.signer, "accept", refuse)
    (outcome,) = await run(wanted)
    assert type(outcome.error) is errors.Rejected
    assert files_below(run.root) == []


async def test_progress_is_absolute_and_ends_at_the_size(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [cut(), good()]
    await run(wanted)
    positions = [event.bytes for event in run.events if isinstance(event, Progress)]
    assert positions[-1] == len(CONTENT)
    assert max(positions) == len(CONTENT)


async def test_a_signed_url_goes_out_byte_for_byte(run: Run, storage: Storage, wanted: Transfer) -> None:
    query = "X-Amz-Credential=a%2Fb%7Ec%2Bd+e&X-Amz-Signature=1"
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        return await good()(request)

    storage.answers = [answer]
    signed = SignedUrl("GET", f"{storage.url}/x%7Ey/%2F?{query}")
    async with StorageTransport(run.settings, storage.url) as transport:
        with await transport.get(signed, {}) as response:
            assert response.status == 200
    assert seen == [f"/x%7Ey/%2F?{query}"]


async def test_a_redirect_of_storage_is_followed(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [refusal(307, Location=f"{storage.url}/region/x?sig=2"), good()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_credentials_stay_with_the_host_they_are_for(run: Run, storage: Storage, elsewhere: bool) -> None:
    address = storage.url.replace("127.0.0.1", "localhost") if elsewhere else storage.url
    storage.answers = [refusal(307, Location=f"{address}/region/x"), good()]
    headers = {"Authorization": "Bearer x", "X-Api-Key": "x", "x-amz-tagging": ""}
    async with StorageTransport(run.settings, storage.url) as transport:
        with await transport.get(SignedUrl("GET", f"{storage.url}/x", headers), {"Range": "bytes=1-"}) as response:
            assert response.status == 200
    first, second = (request.headers for request in storage.requests)
    assert {*headers, "Range"} <= {*first}
    assert ("Authorization" in second, "X-Api-Key" in second) == (not elsewhere, not elsewhere)
    assert {"x-amz-tagging", "Range"} <= {*second}


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://host/x", "gopher://host", ""])
async def test_a_redirect_to_no_http_address_is_refused(
    run: Run, storage: Storage, wanted: Transfer, location: str
) -> None:
    storage.answers = [refusal(302, Location=location)]
    (outcome,) = await run(wanted)
    assert type(outcome.error) is errors.Rejected


async def test_endless_redirects_end(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [refusal(302, Location=f"{storage.url}/again")]
    (outcome,) = await run(wanted)
    assert type(outcome.error) is errors.Rejected


async def test_no_error_shows_the_signed_query(run: Run, storage: Storage, wanted: Transfer) -> None:
    storage.answers = [cut()]
    (outcome,) = await run(wanted)
    assert outcome.error
    assert "secret" not in f"{outcome!r} {outcome.error} {outcome.error.__cause__!r}"


async def test_bytes_that_storage_vouches_for_but_no_manifest_wants_are_fetched_once(
    run: Run, storage: Storage, wanted: Transfer
) -> None:
    storage.answers = [good()]
    (outcome,) = await run(replace(wanted, digest=Digest("sha256", "0" * 64)))
    assert isinstance(outcome.error, errors.Rejected)
    assert f"the archive holds {SHA256}, the manifest wants sha256:0000" in str(outcome.error)
    assert (len(storage.requests), files_below(run.root)) == (1, [])


@pytest.mark.parametrize("answer", [flipped(), plain()])
async def test_bytes_that_nobody_vouches_for_are_asked_for_again(
    run: Run, storage: Storage, wanted: Transfer, answer: Answer
) -> None:
    storage.answers = [answer]
    (outcome,) = await run(replace(wanted, digest=Digest("sha256", "0" * 64)))
    assert isinstance(outcome.error, errors.DigestMismatch)
    assert len(storage.requests) == 3
