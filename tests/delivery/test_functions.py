"""From Python, files go to a bucket as well: `pull(to="s3://…")`."""

from pathlib import Path
from typing import Any

import pytest
from tests import canaries
from tests.delivery.conftest import QUICK, Run
from tests.server import rclone

import imap_bulk
from imap_bulk import aio
from imap_bulk.errors import BadBucket, BadQuery


@pytest.fixture(autouse=True)
def environment(storage: rclone.S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "IMAP_BULK_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in storage.own_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", storage.endpoint)


async def test_what_a_query_finds_is_put_at_the_prefix_and_stays_nowhere_else(
    run: Run, held: dict[str, bytes]
) -> None:
    result = await aio.pull(
        start_date="20260101",
        data_dir=run.data_dir,
        url=run.archive.url,
        settings=QUICK,
        to=f"s3://{rclone.BUCKET}/{run.prefix}",
    )
    assert (result.done, result.verified) == (len(held), len(held))
    assert run.stored() == held
    assert run.left_on_disk() == []


@pytest.mark.parametrize("more", [{"offline": True, "files": []}, {"cache_dir": "cache", "instrument": "mag"}])
async def test_neither_offline_nor_with_a_cache(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(BadQuery, match="neither offline nor of a cache"):
        await aio.pull(data_dir=tmp_path, to="s3://bucket", **more)


@pytest.mark.parametrize(
    ("to", "variable", "words"),
    [
        ("bucket/prefix", "AWS_REGION", "names no bucket"),
        ("s3://bucket", "AWS_SECRET_ACCESS_KEY", "set AWS_ACCESS_KEY_ID"),
    ],
)
def test_what_is_wrong_with_a_bucket_is_said_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, to: str, variable: str, words: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(BadBucket, match=words) as caught:
        imap_bulk.pull(instrument="mag", data_dir=tmp_path, url="http://127.0.0.1:9", to=to)
    assert canaries.AWS_SECRET not in str(caught.value)
