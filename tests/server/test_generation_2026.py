"""The production service of mid 2026: science is withheld until it is released."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.canaries import API_KEY, READ_KEY

from imap_bulk.server.app import Scope
from imap_bulk.server.imap.generations import STRICT_2026

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

SCIENCE = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
SCIENCE_KEY = f"imap/mag/l2/2026/01/{SCIENCE}"
ANCILLARY = "imap_mag_l2-calibration_20240101_20240201_v001.csv"
ANCILLARY_KEY = f"imap/ancillary/mag/{ANCILLARY}"
QUICKLOOK = "imap_mag_l1d_plot_20260115_v001.png"
KERNEL = "imap_2025_302_2025_303_001.ah.bc"


@pytest.fixture
async def present(start: Start) -> Visitor:
    visitor = await start(generation=STRICT_2026, keys={READ_KEY: Scope.READ, API_KEY: Scope.WRITE})
    for name in (SCIENCE, ANCILLARY, KERNEL):
        await visitor.server.add(name, name.encode())
    return visitor


async def test_science_of_2026_is_withheld_from_whoever_shows_no_key(present: Visitor) -> None:
    assert await present.query("instrument=mag") == []
    answer = await present.ask(f"/download/{SCIENCE_KEY}")
    assert (answer.status, answer.headers["Content-Type"]) == (403, "text/html")
    assert answer.text == f"The file {SCIENCE_KEY} is not a part of a public release yet."


async def test_quicklook_of_2026_is_withheld_as_well(present: Visitor) -> None:
    await present.server.add(QUICKLOOK, b"")
    assert await present.query("table=quicklook") == []
    assert (await present.ask(f"/download/{present.key(QUICKLOOK)}")).status == 403


async def test_what_is_not_archived_is_a_404_for_strangers_too(present: Visitor) -> None:
    assert (await present.ask(f"/download/{SCIENCE_KEY}x")).status == 404


async def test_ancillary_files_and_kernels_are_public(present: Visitor) -> None:
    (record,) = await present.query("table=ancillary")
    assert record["released"] is True
    assert await present.kernels("type=kernels") == [f"ck/{KERNEL}"]
    for key in (ANCILLARY_KEY, f"imap/spice/ck/{KERNEL}"):
        assert (await present.ask(f"/download/{key}")).status == 302


@pytest.mark.parametrize("headers", [{"x_api_key": READ_KEY}, {"x_api_key": API_KEY}], ids=["reader", "writer"])
async def test_with_a_key_all_is_there_and_said_to_be_unreleased(
    present: Visitor, headers: dict[str, str]
) -> None:
    (record,) = (await present.ask("/api-key/query?instrument=mag", **headers)).json
    assert (record["file_path"], record["released"]) == (SCIENCE_KEY, False)
    assert (await present.ask(f"/api-key/download/{SCIENCE_KEY}", **headers)).status == 302


async def test_a_token_shows_as_much_as_a_key(present: Visitor) -> None:
    answer = await present.ask("/authorized/query?instrument=mag", Authorization=f"Bearer {READ_KEY}")
    assert len(answer.json) == 1


async def test_uploads_of_2026_exist_only_under_a_key(present: Visitor) -> None:
    token = {"Authorization": f"Bearer {API_KEY}"}
    assert (await present.ask("/upload/naif0012.tls", x_api_key=API_KEY)).status == 404
    assert (await present.ask("/authorized/upload/naif0012.tls", **token)).status == 404
    assert (await present.ask("/api-key/upload/naif0012.tls", x_api_key=API_KEY)).status == 200


async def test_2026_asks_for_keys_also_where_there_are_none(start: Start) -> None:
    visitor = await start(generation=STRICT_2026)
    assert (await visitor.ask("/api-key/query?instrument=mag")).status == 401
    assert (await visitor.ask("/api-key/query?instrument=mag", x_api_key=API_KEY)).status == 403


@pytest.mark.parametrize(
    "conditions",
    [
        "instrument=maggie",
        "data_level=l9",
        "extension=txt",
        "table=ancillary&extension=pkts",
        "table=quicklook&extension=cdf",
        "repointing=repoint00012",
    ],
)
async def test_a_value_outside_a_column_of_2026_breaks_its_database(present: Visitor, conditions: str) -> None:
    answer = await present.ask(f"/query?{conditions}")
    assert (answer.status, answer.text) == (500, '{"message":"Internal Server Error"}')


async def test_kernels_of_2026_lie_below_imap(present: Visitor) -> None:
    assert (await present.ask(f"/download/spice/ck/{KERNEL}")).status == 404


async def test_released_rows_can_be_asked_for(present: Visitor) -> None:
    asked = "/api-key/query?instrument=mag&released="
    assert len((await present.ask(asked + "false", x_api_key=READ_KEY)).json) == 1
    assert (await present.ask(asked + "true", x_api_key=READ_KEY)).json == []
