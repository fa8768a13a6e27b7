"""`imap-bulk pull --to` as a person and as a program meet it, against a real S3 server."""

import builtins
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests import canaries
from tests.archives.lsst.serving import serving as serving_lsst
from tests.cli.aurorax.conftest import serving as serving_aurorax
from tests.server import rclone

from imap_bulk.server.aurorax.server import AuroraxOptions
from imap_bulk.server.lsst.server import LsstOptions

Run = Callable[..., Result]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
SWE = "imap_swe_l0_raw_20260102_v001.pkts"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rclone.S3Server]:
    with rclone.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(autouse=True)
def environment(storage: rclone.S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", storage.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", rclone.ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canaries.AWS_SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture
def keys(archive: Any) -> list[str]:
    return [archive.add(name, name.encode() * 50) for name in (MAG, SWE)]


@pytest.fixture
def to(tmp_path: Path) -> str:
    return f"s3://{rclone.BUCKET}/{tmp_path.name}"


@pytest.fixture
def place(storage: rclone.S3Server, tmp_path: Path) -> Path:
    """Tell where the objects of `to` lie."""
    return storage.bucket / tmp_path.name


def events(ran: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_pull_puts_files_into_the_bucket_and_keeps_none(
    imap_bulk: Run, keys: list[str], to: str, place: Path, data_dir: Path
) -> None:
    ran = imap_bulk("pull", "--start-date", "20260101", "--to", to)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("2 files: 2 pulled; 3.9 kB in ")
    assert (place / keys[0]).read_bytes() == MAG.encode() * 50
    assert not list(data_dir.rglob("*.cdf"))


def test_a_second_pull_says_that_all_is_there(imap_bulk: Run, keys: list[str], to: str) -> None:
    imap_bulk("pull", "--start-date", "20260101", "--to", to)
    ran = imap_bulk("pull", "--start-date", "20260101", "--to", f"{to}/")
    assert ran.stdout == "2 files: 2 already there; all verified (2 by repr-digest)\n"


def test_a_pull_to_the_disk_and_one_to_a_bucket_know_nothing_of_each_other(
    imap_bulk: Run, keys: list[str], to: str, place: Path, data_dir: Path
) -> None:
    assert imap_bulk("pull", MAG).stdout.startswith("1 file: 1 pulled")
    assert imap_bulk("pull", MAG, "--to", to).stdout.startswith("1 file: 1 pulled")
    assert (place / keys[0]).read_bytes() == (data_dir / keys[0]).read_bytes()
    assert imap_bulk("pull", MAG).stdout.startswith("1 file: 1 already there")
    assert imap_bulk("verify").stdout.startswith("1 file: 1 intact")


def test_a_dry_run_tells_addresses(imap_bulk: Run, keys: list[str], to: str, data_dir: Path, place: Path) -> None:
    ran = imap_bulk("pull", "--start-date", "20260101", "--dry-run", "--to", to)
    assert ran.stdout.splitlines() == [
        f"{keys[0]} -> {to}/{keys[0]}",
        f"{keys[1]} -> {to}/{keys[1]}",
        "Would pull 2 files, sizes unknown; nothing was moved.",
    ]
    assert not place.exists()
    assert not data_dir.exists()


def test_programs_and_reports_are_told_addresses(imap_bulk: Run, keys: list[str], to: str, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    ran = imap_bulk("pull", MAG, "--to", to, "--json", "--report", page)
    (outcome,) = (event for event in events(ran) if event["event"] == "outcome")
    assert outcome["path"] == f"{to}/{keys[0]}"
    assert f"{to}/{keys[0]}" in page.with_suffix(".prov.json").read_text()
    assert to in page.read_text()
    assert ".imap-bulk" not in "".join(path.read_text() for path in tmp_path.glob("run.*"))


def test_the_status_tells_what_was_delivered_where(
    imap_bulk: Run, keys: list[str], to: str, archive: Any, storage: rclone.S3Server
) -> None:
    imap_bulk("pull", "--start-date", "20260101", "--to", to)
    place = f"{to} at {storage.endpoint}"
    told = imap_bulk("status").stdout
    assert f"delivered from {archive.url} to {place}\n  files      2 files, 3.9 kB, the last just now" in told
    assert "all verified (2 by repr-digest)" in told
    (delivered,) = json.loads(imap_bulk("status", "--json").stdout)["deliveries"]
    assert (delivered["place"], delivered["files"], delivered["verified_by"]) == (place, 2, "repr-digest")


def test_a_lock_file_may_be_delivered(
    imap_bulk: Run, keys: list[str], to: str, place: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "data.lock"
    imap_bulk("lock", "--instrument", "mag", "--no-cache", "-o", lock)
    ran = imap_bulk("pull", "--locked", lock, "--to", to)
    assert ran.stdout.startswith("1 file: 1 pulled")
    assert (place / keys[0]).is_file()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--instrument", "mag", "--since", "last"), "leave --since or --to out"),
        ((MAG, "--offline"), "--to needs some"),
        ((MAG, "--cache-dir", "cache"), "leave --cache-dir out"),
    ],
)
def test_what_contradicts_it_is_wrong_usage(imap_bulk: Run, to: str, given: tuple[str, ...], said: str) -> None:
    ran = imap_bulk("pull", *given, "--to", to)
    assert (ran.exit_code, said in ran.stderr) == (2, True)


def test_a_cache_that_the_environment_names_is_not_used(
    imap_bulk: Run, keys: list[str], to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", str(tmp_path / "cache"))
    assert imap_bulk("pull", MAG, "--to", to).exit_code == 0
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("place", ["bucket", "s3://", "gs://bucket"])
def test_what_names_no_bucket_is_wrong_usage(imap_bulk: Run, place: str) -> None:
    ran = imap_bulk("pull", MAG, "--to", place)
    assert ran.exit_code == 2
    assert "names no bucket; write s3://BUCKET or s3://BUCKET/PREFIX." in ran.stderr


def test_without_credentials_the_remedy_is_said(imap_bulk: Run, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ran = imap_bulk("pull", MAG, "--to", to)
    assert ran.exit_code == 2
    assert "needs credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." in ran.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_ACCESS_KEY_ID", "UNKNOWN", "InvalidAccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", f"{canaries.AWS_SECRET}x", "SignatureDoesNotMatch"),
    ],
)
def test_a_refused_key_is_one_sentence(
    imap_bulk: Run, keys: list[str], to: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = imap_bulk("pull", MAG, "--to", to)
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"Error: {to} at http://127.0.0.1:")
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    canaries.assert_clean(ran.output)


def test_a_missing_bucket_is_one_sentence(imap_bulk: Run, keys: list[str]) -> None:
    ran = imap_bulk("pull", MAG, "--to", "s3://nowhere/x")
    assert ran.exit_code == 2
    assert "NoSuchBucket" in ran.stderr
    assert "make the bucket, or correct its name or AWS_ENDPOINT_URL" in ran.stderr


def test_a_storage_that_does_not_answer_asks_for_another_try(
    imap_bulk: Run, keys: list[str], to: str, closed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed_url)
    ran = imap_bulk("pull", MAG, "--to", to, "--retries", "0")
    assert ran.exit_code == 75


def test_without_obstore_the_extra_is_named(imap_bulk: Run, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name in ("imap_bulk.bucket", "imap_bulk.delivery"):
            raise ModuleNotFoundError(name="obstore")
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    ran = imap_bulk("pull", MAG, "--to", to)
    assert (ran.exit_code, "--to needs obstore; install imap-bulk[s3]." in ran.stderr) == (2, True)


# --- the other archives


def test_documents_of_aurorax_are_delivered_once(
    invoke: Run, to: str, place: Path, data_dir: Path, tmp_path: Path
) -> None:
    swarm = ("--kind", "ephemeris", "--program", "swarm", "--platform", "swarma")
    day = ("--start-date", "20190101", "--end-date", "20190101")
    with serving_aurorax(AuroraxOptions(tmp_path / "aurorax", search_delay=0.0, grace=0.2)) as url:
        pull = ("--url", url, "--data-dir", data_dir, "aurorax", "pull", *swarm, *day, "--to", to)
        first, second = invoke(*pull), invoke(*pull)
    assert (first.exit_code, first.stdout.startswith("1 file: 1 pulled")) == (0, True)
    assert second.stdout.startswith("1 file: 1 already there")
    (document,) = (path for path in place.rglob("*") if path.is_file())
    assert json.loads(document.read_bytes())


def test_images_of_lsst_are_delivered_once(invoke: Run, to: str, place: Path, data_dir: Path) -> None:
    images = ("--level", "L2", "--collection", "DR1", "--kind", "deepCoadd")
    with serving_lsst(LsstOptions(rows=2000, grace=0.1)) as url:
        pull = ("--url", url, "--data-dir", data_dir, "lsst", "pull", *images, "--to", to)
        first, second = invoke(*pull), invoke(*pull)
    assert (first.exit_code, first.stdout.startswith("8 files: 8 pulled")) == (0, True)
    assert second.stdout.startswith("8 files: 8 already there")
    assert all(path.read_bytes().startswith(b"SIMPLE") for path in place.rglob("*.fits"))


# --- ended in the middle


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_was_ended_in_the_middle_goes_on_and_no_half_object_is_seen(
    start: Callable[..., subprocess.Popen[str]], imap_bulk: Run, archive: Any, to: str, place: Path,
    data_dir: Path, number: int,
) -> None:  # fmt: skip
    names = [f"imap_swe_l1a_d{each:04}_20260101_v001.0001.cdf" for each in range(40)]
    keys = {archive.add(name, name.encode() * 4000) for name in names}
    wanted = ("pull", "--instrument", "swe", "--to", to)
    process = start("-v", "--url", archive.url, "--data-dir", data_dir, *wanted, "--limit-rate", "2M")
    assert process.stderr
    while ": pulled, " not in process.stderr.readline():
        pass
    process.send_signal(number)
    process.communicate()
    seen = list(place.rglob("*.cdf"))
    assert 0 < len(seen) < len(keys)
    assert all(path.read_bytes() == path.name.encode() * 4000 for path in seen)
    assert imap_bulk(*wanted).exit_code == 0
    assert {path.relative_to(place).as_posix() for path in place.rglob("*.cdf")} == keys
    assert all(path.read_bytes() == path.name.encode() * 4000 for path in place.rglob("*.cdf"))
    assert not list(data_dir.rglob("*.part"))
