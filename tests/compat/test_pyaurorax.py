"""The official client of AuroraX finds nothing amiss with the embedded archive."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.compat.conftest import installed

from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer

pytestmark = [pytest.mark.compat, pytest.mark.timeout(900)]

VERSION = "1.27.0"
INSTALL_SECONDS = 800
SCRIPT = Path(__file__).with_name("pyaurorax_script.py")
KEY = "key-of-the-official-client"

Told = dict[str, Any]


@pytest.fixture(scope="module")
def python(pytestconfig: pytest.Config) -> Path:
    """Make the client's environment."""
    return installed(pytestconfig, "pyaurorax", VERSION, INSTALL_SECONDS)


@pytest.fixture(scope="module")
def told(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Let the client take all its steps against one archive."""

    async def run() -> Told:
        options = AuroraxOptions(
            tmp_path_factory.mktemp("aurorax"), keys={KEY: "Administrator"}, search_delay=0.05
        )
        async with AuroraxServer(options) as server:
            process = await asyncio.create_subprocess_exec(
                *(python, SCRIPT, server.url, KEY), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            answer: Told = json.loads(out)
            return answer

    return asyncio.run(run())


def test_it_lists_sources(told: Told) -> None:
    assert told["sources"]["identifiers"][:4] == [3, 29, 30, 33]
    assert told["sources"]["one"] == 103
    assert told["sources"]["few"] == ["Swarm A", "Swarm B", "Swarm C"]
    assert told["sources"]["stats"] > 0


def test_it_tells_of_an_unknown_source(told: Told) -> None:
    assert "No Data Source record found in AuroraX for identifier 12345678" in told["unknown_source"]["message"]


def test_it_searches_ephemeris(told: Told) -> None:
    assert told["ephemeris"]["count"] == 60
    assert told["ephemeris"]["epoch"] == "2020-01-01 00:00:00"
    assert len(told["ephemeris"]["metadata"]) == 11
    assert "program IN ('swarm')" in told["ephemeris"]["words"]


def test_it_filters_by_metadata(told: Told) -> None:
    assert told["filtered_ephemeris"]["regions"] == ["north polar cap"]


def test_it_chooses_fields(told: Told) -> None:
    assert told["formatted_ephemeris"] == ["epoch", "location_geo"]


def test_it_searches_data_products(told: Told) -> None:
    assert [each[2] for each in told["products"]] == [{"keogram_type": "daily_hires"}, {"keogram_type": "hourly"}]


def test_it_searches_conjunctions(told: Told) -> None:
    assert told["conjunctions"]
    assert all(least <= most <= 500 for least, most, _, _ in told["conjunctions"])


def test_it_searches_near_a_place_and_looks_at_its_request(told: Told) -> None:
    count, data, lines = told["near_a_place"]
    assert count == data > 0
    assert lines == ["info", "info"]


def test_it_cancels_a_search(told: Told) -> None:
    assert told["cancelled"] is True


def test_it_asks_for_availability(told: Told) -> None:
    assert told["availability"] == ["{'2020-01-01': 1440}", ["{'2020-01-01': 3}"] * 2]


def test_it_uploads_and_deletes_ephemeris(told: Told) -> None:
    assert told["uploads_ephemeris"] == [{"test_meta1": "testing1"}, 51.05, 0]


def test_it_uploads_and_deletes_data_products(told: Told) -> None:
    assert told["uploads_products"] == [["test1.jpg", "test2.jpg"], ["test2.jpg"], 0]


def test_it_adds_changes_and_deletes_sources(told: Told) -> None:
    assert told["manages_sources"] == ["Newer", "new", ["AuroraXDuplicateError", "AuroraXConflictError"]]


def test_it_lists_requests(told: Told) -> None:
    assert told["requests"] == [False, 180]
