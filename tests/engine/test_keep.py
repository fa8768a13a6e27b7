"""What is offered to a cache: each file that a digest confirmed, before it gets its final name, and no other."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.scripted import CONTENT, Answer, Run, Storage, etag, flipped, good, plain

from imap_bulk.digest import Digest
from imap_bulk.model import Status, Transfer

SHA256 = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def kept(run: Run, wanted: Transfer) -> list[tuple[bytes, Digest]]:
    """Return a list that fills with what is offered."""
    offered: list[tuple[bytes, Digest]] = []

    def keep(path: Path, digest: Digest) -> None:
        assert not wanted.path.exists()
        offered.append((path.read_bytes(), digest))

    run.keep = keep
    return offered


async def test_what_storage_confirmed_is_offered(
    run: Run, storage: Storage, wanted: Transfer, kept: list[tuple[bytes, Digest]]
) -> None:
    storage.answers = [good()]
    await run(wanted)
    assert kept == [(CONTENT, Digest("md5", etag().strip('"')))]


async def test_what_a_manifest_confirmed_is_offered_under_its_digest(
    run: Run, storage: Storage, wanted: Transfer, kept: list[tuple[bytes, Digest]]
) -> None:
    storage.answers = [plain()]
    await run(replace(wanted, digest=SHA256))
    assert kept == [(CONTENT, SHA256)]


async def test_what_only_its_size_confirms_is_not_offered(
    run: Run, storage: Storage, wanted: Transfer, kept: list[tuple[bytes, Digest]]
) -> None:
    storage.answers = [plain()]
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    assert kept == []


@pytest.mark.parametrize("answers", [[flipped()], [flipped(), good()]])
async def test_wrong_bytes_are_never_offered(
    run: Run, storage: Storage, wanted: Transfer, kept: list[tuple[bytes, Digest]], answers: list[Answer]
) -> None:
    storage.answers = list(answers)
    await run(wanted)
    assert {content for content, _ in kept} <= {CONTENT}
    assert len(kept) == len(answers) - 1
