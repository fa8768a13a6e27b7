"""`imap-bulk serve` as an archive of another time, with the gateway's limits; how our own client fares there."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

Run = Callable[..., "Result"]
Start = Callable[..., subprocess.Popen[str]]
Serve = Callable[..., str]
OF_2024 = "imap_swe_l1a_sci_20240105_v001.cdf"
OF_2026 = "imap_swe_l1a_sci_20240105_v001.0001.cdf"
FIRST = "imap_swe_l0_sci_20240105_20240105_v00-01.pkts"


@pytest.fixture
def serve(start: Start, tmp_path: Path) -> Serve:
    """Start an archive with options; return its URL."""

    def begin(*options: object) -> str:
        process = start("serve", "--root", tmp_path / "archive", "--port", "0", *options)
        assert process.stdout
        match = re.search(r" at (\S+) ", process.stdout.readline())
        assert match
        return match[1]

    return begin


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        path = tmp_path / name
        path.write_text(name)
        return path

    return write


def test_our_client_gets_along_with_the_service_of_2024(
    serve: Serve, invoke: Run, data_dir: Path, file: Callable[[str], Path]
) -> None:
    given = ("--url", serve("--strict-generation", "2024"), "--data-dir", data_dir)
    assert invoke(*given, "push", file(OF_2024)).exit_code == 0
    assert invoke(*given, "push", file(OF_2026)).exit_code == 1
    assert OF_2024 in invoke(*given, "query", "--instrument", "swe").stdout
    assert invoke(*given, "pull", "--instrument", "swe").exit_code == 0
    assert (data_dir / "imap/swe/l1a/2024/01" / OF_2024).read_text() == OF_2024


def test_our_client_gets_along_with_the_service_of_2026(
    serve: Serve, invoke: Run, data_dir: Path, file: Callable[[str], Path]
) -> None:
    keys = ("--key", "lab:write", "--key", "guest:read")
    url = serve("--strict-generation", "2026", *keys)
    given = ("--url", url, "--data-dir", data_dir)
    assert invoke(*given, "push", file(OF_2026)).exit_code == 1
    assert invoke(*given, "--api-key", "lab", "push", file(OF_2026)).exit_code == 0
    assert OF_2026 not in invoke(*given, "query", "--instrument", "swe").stdout
    assert invoke(*given, "--api-key", "guest", "pull", "--instrument", "swe").exit_code == 0
    assert (data_dir / "imap/swe/l1a/2024/01" / OF_2026).read_text() == OF_2026


def test_our_client_opens_envelopes(
    serve: Serve, invoke: Run, data_dir: Path, file: Callable[[str], Path]
) -> None:
    url = serve("--envelope")
    given = ("--url", url, "--data-dir", data_dir)
    assert invoke(*given, "push", file(OF_2026)).exit_code == 0
    assert invoke(*given, "pull", "--instrument", "swe").exit_code == 0
    with urllib.request.urlopen(f"{url}/query?instrument=swe") as answer:
        assert set(json.load(answer)) == {"statusCode", "headers", "body"}


def test_our_client_splits_what_is_over_the_limit(
    serve: Serve, invoke: Run, data_dir: Path, tmp_path: Path
) -> None:
    given = ("--url", serve("--response-limit", "1500"), "--data-dir", data_dir)
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    for day in range(1, 10):
        (outbox / f"imap_swe_l1a_sci_2024010{day}_v001.0001.cdf").write_text("counts")
    assert invoke(*given, "push", outbox).exit_code == 0
    found = invoke(*given, "query", "--instrument", "swe", "--start-date", "20240101", "--end-date", "20240131")
    assert found.stdout.count("imap_swe_l1a_sci_") == 9


def test_more_requests_than_the_throttle_lets_through_are_429s(serve: Serve) -> None:
    url = serve("--throttle", "1/s")
    refused = []
    for _ in range(3):
        try:
            urllib.request.urlopen(f"{url}/query?instrument=swe").close()
        except urllib.error.HTTPError as error:
            refused.append(error.code)
            error.close()
    assert set(refused) == {429}


def test_legacy_names_are_taken_on_request(serve: Serve) -> None:
    url = serve("--legacy-names")
    with urllib.request.urlopen(f"{url}/upload/science/{FIRST}") as answer:
        assert FIRST in json.load(answer)


@pytest.mark.parametrize("rate", ["0", "0/s", "fast", "-1", "10/min"])
def test_a_throttle_is_a_number_of_requests_per_second(invoke: Run, tmp_path: Path, rate: str) -> None:
    ran = invoke("serve", "--root", tmp_path / "archive", "--throttle", rate)
    assert ran.exit_code == 2
    assert "as in 10/s" in ran.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("2024", "--key", "lab:write"), "The service of 2024 knew no keys; leave --key out."),
        (("2026",), "The service of 2026 takes uploads only under a key; give --key NAME:write."),
        (("2025",), "'2025' is not one of '2024', '2026'"),
    ],
)
def test_a_generation_that_contradicts_the_keys_is_wrong_usage(
    invoke: Run, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    ran = invoke("serve", "--root", tmp_path / "archive", "--strict-generation", *options)
    assert ran.exit_code == 2
    assert said in " ".join(ran.stderr.split())
    assert not (tmp_path / "archive").exists()
