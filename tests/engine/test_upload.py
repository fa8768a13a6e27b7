"""One PUT: nothing wrong becomes an object, nothing right is told to have failed."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from tests.engine.scripted import (
    CONTENT,
    KEY,
    NAME,
    Run,
    Signer,
    Storage,
    crc64nvme,
    expired,
    good,
    keeping,
    refusal,
    silence,
)

from imap_bulk import errors
from imap_bulk.digest import CRC64NVME, Digest, Hasher, hasher
from imap_bulk.model import Direction, Proof, Status, Transfer

SHA256 = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())


def copies(transfer: Transfer, count: int) -> list[Transfer]:
    """Make so many transfers of the same bytes, each with a name of its own."""
    made = []
    for number in range(1, count + 1):
        path = transfer.path.with_name(NAME.replace("v001", f"v00{number}"))
        path.write_bytes(CONTENT)
        made.append(replace(transfer, key=KEY.replace("v001", f"v00{number}"), path=path, digest=None))
    return made


def counted_hashers(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the hashes that are begun on the way up, by algorithm."""
    begun: Counter[str] = Counter()

    def counting(algorithm: str) -> Hasher:
        begun[algorithm] += 1
        return hasher(algorithm)

    monkeypatch.setattr("imap_bulk.engine.source.hasher", counting)
    return begun


@pytest.fixture
def source(tmp_path: Path) -> Transfer:
    path = tmp_path / "outgoing" / NAME
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return Transfer(Direction.PUSH, KEY, path, digest=SHA256)


async def test_the_bytes_arrive_as_they_are(run: Run, storage: Storage, source: Transfer) -> None:
    storage.answers = [keeping(storage)]
    (outcome,) = await run(source)
    assert (outcome.status, outcome.verified_by) == (Status.DONE, Proof.ETAG)
    assert storage.bodies == [CONTENT]


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
async def test_files_of_all_sizes_arrive_whole(run: Run, storage: Storage, source: Transfer, size: int) -> None:
    source.path.write_bytes(CONTENT[:size])
    storage.answers = [keeping(storage)]
    (outcome,) = await run(replace(source, digest=None))
    assert outcome.status is Status.DONE
    assert storage.bodies == [CONTENT[:size]]


async def test_the_length_is_announced_and_no_type_is_invented(
    run: Run, storage: Storage, source: Transfer
) -> None:
    storage.answers = [keeping(storage)]
    await run(source)
    headers = storage.requests[0].headers
    assert headers["Content-Length"] == str(len(CONTENT))
    assert "Transfer-Encoding" not in headers
    assert "Content-Type" not in headers
    assert not [name for name in headers if name.lower().startswith(("x-", "content-md5", "authorization"))]


@pytest.mark.parametrize("size", [1000, len(CONTENT)])
async def test_a_file_that_is_not_what_the_manifest_says_is_never_complete(
    run: Run, storage: Storage, source: Transfer, size: int
) -> None:
    source.path.write_bytes(CONTENT[:size][:-1] + b"!")
    storage.answers = [keeping(storage)]
    (outcome,) = await run(source)
    assert type(outcome.error) is errors.SourceChanged
    assert storage.bodies == []


async def test_a_file_that_changes_while_it_is_sent_is_never_complete(
    run: Run, storage: Storage, source: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = run.events.append

    def touch(event: object) -> None:
        with source.path.open("r+b") as file:
            file.write(b"changed")
        report(event)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "events", type("Touching", (list,), {"append": lambda _, event: touch(event)})())
    storage.answers = [keeping(storage)]
    await run(replace(source, digest=None))
    assert storage.bodies == []


async def test_a_file_that_changes_before_its_arrival_is_confirmed_is_another_one_than_has_arrived(
    run: Run, storage: Storage, source: Transfer
) -> None:
    async def late(request: web.Request) -> web.StreamResponse:
        response = await keeping(storage)(request)
        with source.path.open("ab") as file:
            file.write(b"more")
        return response

    storage.answers = [late]
    (outcome,) = await run(source)
    assert (outcome.status, storage.bodies) == (Status.DONE, [CONTENT])
    assert outcome.stamp
    assert not outcome.stamp.fits(source.path.stat())


async def test_a_file_that_is_gone_fails_by_itself(run: Run, storage: Storage, source: Transfer) -> None:
    source.path.unlink()
    storage.answers = [keeping(storage)]
    (outcome,) = await run(source)
    assert type(outcome.error) is errors.SourceChanged


async def test_a_damaged_object_is_at_once_overwritten(run: Run, storage: Storage, source: Transfer) -> None:
    storage.answers = [keeping(storage, claimed=b"damaged"), keeping(storage)]
    (outcome,) = await run(source)
    assert (outcome.status, outcome.attempts) == (Status.DONE, 1)
    assert {request.raw_path for request in storage.requests} == {f"/{KEY}?X-Amz-Signature=secret1"}


async def test_what_s3_has_computed_itself_proves_an_upload(run: Run, storage: Storage, source: Transfer) -> None:
    storage.answers = [keeping(storage, tell=crc64nvme)]
    (outcome,) = await run(source)
    assert (outcome.verified_by, outcome.digest) == (Proof.CRC64NVME, SHA256)


async def test_a_crc_of_other_bytes_is_a_damaged_object(run: Run, storage: Storage, source: Transfer) -> None:
    storage.answers = [keeping(storage, tell=lambda _: crc64nvme(b"damaged"))]
    (outcome,) = await run(source)
    assert type(outcome.error) is errors.Rejected
    assert "crc64nvme" in str(outcome.error)
    assert len(storage.bodies) == 3


async def test_no_md5_is_computed_for_a_storage_that_confirms_by_crc(
    run: Run, storage: Storage, source: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.answers = [keeping(storage, tell=crc64nvme)]
    hashed = counted_hashers(monkeypatch)
    run.settings = replace(run.settings, jobs=1)
    outcomes = await run(*copies(source, 3))
    assert [outcome.verified_by for outcome in outcomes] == [Proof.CRC64NVME] * 3
    assert hashed["md5"] <= 2  # the first file's, made ready and hashed
    assert hashed[CRC64NVME] >= 3


async def test_a_storage_that_tells_no_crc_any_more_is_believed_by_its_etag(
    run: Run, storage: Storage, source: Transfer
) -> None:
    storage.answers = [keeping(storage, tell=crc64nvme), keeping(storage)]
    run.settings = replace(run.settings, jobs=1)
    outcomes = await run(*copies(source, 2))
    assert sorted(str(outcome.verified_by) for outcome in outcomes) == ["crc64nvme", "etag-md5"]


async def test_the_etag_of_a_bucket_with_keys_of_its_own_is_held_against_nothing(
    run: Run, storage: Storage, source: Transfer
) -> None:
    encrypted = {"x-amz-server-side-encryption": "aws:kms"}
    storage.answers = [keeping(storage, claimed=b"opaque", tell=lambda _: encrypted)]
    (outcome,) = await run(source)
    assert (outcome.status, outcome.verified_by, len(storage.bodies)) == (Status.DONE, Proof.SIZE, 1)


async def test_an_expired_url_is_signed_anew(run: Run, storage: Storage, source: Transfer, signer: Signer) -> None:
    storage.answers = [expired(), keeping(storage)]
    (outcome,) = await run(source)
    assert (outcome.status, signer.signed) == (Status.DONE, 2)


async def test_a_storage_in_trouble_is_tried_again(run: Run, storage: Storage, source: Transfer) -> None:
    storage.answers = [refusal(503), refusal(500), keeping(storage)]
    (outcome,) = await run(source)
    assert (outcome.status, outcome.attempts) == (Status.DONE, 3)


async def test_a_file_that_is_archived_already_and_the_same_is_skipped(
    run: Run, storage: Storage, source: Transfer, signer: Signer
) -> None:
    signer.refusals = [errors.AlreadyArchived("409")]
    storage.answers = [good(CONTENT)]
    (outcome,) = await run(source)
    assert (outcome.status, outcome.verified_by) == (Status.SKIPPED, Proof.ETAG)


async def test_a_name_that_holds_other_bytes_in_the_archive_is_a_failure(
    run: Run, storage: Storage, source: Transfer, signer: Signer
) -> None:
    signer.refusals = [errors.AlreadyArchived("409")]
    storage.answers = [good(b"other bytes")]
    (outcome,) = await run(source)
    assert type(outcome.error) is errors.AlreadyArchived
    assert "new version" in str(outcome.error)


async def test_a_lost_answer_is_resolved_by_asking(
    run: Run, storage: Storage, source: Transfer, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = signer.sign_upload

    async def then_conflict(transfer: Transfer) -> object:
        monkeypatch.setattr(signer, "sign_upload", conflict)
        return await signed(transfer)

    async def conflict(transfer: Transfer) -> object:
        raise errors.AlreadyArchived("409")

    monkeypatch.setattr(signer, "sign_upload", then_conflict)
    storage.answers = [silence, good(CONTENT)]
    (outcome,) = await run(source)
    assert (outcome.status, outcome.bytes, outcome.attempts) == (Status.DONE, len(CONTENT), 2)


async def test_require_verified_refuses_a_storage_that_names_no_digest(
    run: Run, storage: Storage, source: Transfer
) -> None:
    storage.answers = [refusal(200)]
    run.settings = replace(run.settings, require_verified=True)
    (outcome,) = await run(source)
    assert type(outcome.error) is errors.Unverified
