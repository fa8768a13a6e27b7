"""The production service of October 2024, as it answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.canaries import READ_KEY

from imap_bulk.server.app import Scope
from imap_bulk.server.imap.generations import PERMISSIVE, STRICT_2024, STRICT_2026

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

SCIENCE = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
OF_2024 = "imap_glows_l1a_hist_20110920-repoint00012_v001.cdf"
OF_2024_KEY = f"imap/glows/l1a/2011/09/{OF_2024}"
ANCILLARY = "imap_mag_l2-calibration_20240101_20240201_v001.csv"
QUICKLOOK = "imap_mag_l1d_plot_20260115_v001.png"
KERNEL = "imap_2025_302_2025_303_001.ah.bc"
FORM = "<mission>_<instrument>_<datalevel>_<descriptor>_<startdate>(-<repointing>)_<version>.<extension>"
EXTENSIONS = "Extension should be pkts for data level l0 and cdf for data level higher than l0"


@pytest.fixture
async def past(start: Start) -> Visitor:
    return await start(generation=STRICT_2024)


async def test_a_record_of_2024_has_nine_keys(past: Visitor) -> None:
    await past.server.add(OF_2024, b"")
    assert await past.query("instrument=glows") == [
        {
            "file_path": OF_2024_KEY,
            "instrument": "glows",
            "data_level": "l1a",
            "descriptor": "hist",
            "start_date": "20110920",
            "repointing": 12,
            "version": "v001",
            "extension": "cdf",
            "ingestion_date": "2026-01-20 12:00:00",
        }
    ]


@pytest.mark.parametrize(
    "name",
    [
        "size", "table", "latest", "major_version", "minor_version", "cr", "crid", "released",
        "ingestion_start_date", "ingestion_end_date",
    ],
)  # fmt: skip
async def test_a_parameter_that_2024_did_not_know_is_told_with_those_it_knew(past: Visitor, name: str) -> None:
    answer = await past.ask(f"/query?{name}=1")
    assert answer.status == 400
    assert answer.json == (
        f"{name} is not a valid query parameter. Valid query parameters are: ['file_path', 'instrument', "
        "'data_level', 'descriptor', 'start_date', 'repointing', 'version', 'extension', 'ingestion_date', "
        "'end_date']"
    )


@pytest.mark.parametrize(
    ("conditions", "is_found"),
    [
        ("version=v001", True),
        ("version=v1", False),
        ("version=latest", False),
        ("repointing=12", True),
        ("repointing=13", False),
        ("start_date=20110920&end_date=20110920", True),
        ("start_date=20110921", False),
        ("end_date=20110919", False),
        (f"file_path={OF_2024_KEY}", True),
        ("extension=cdf&data_level=l1a&descriptor=hist", True),
        ("ingestion_date=2026-01-20%2012:00:00", True),
        ("instrument=mag&instrument=glows", True),  # of repeated parameters the last counts
    ],
)
async def test_2024_compares_columns(past: Visitor, conditions: str, is_found: bool) -> None:
    await past.server.add(OF_2024, b"")
    assert await past.names(conditions) == [OF_2024] * is_found


async def test_2024_answers_with_all_versions(past: Visitor) -> None:
    names = [f"imap_swe_l1a_sci_20240105_v00{number}.cdf" for number in (1, 2)]
    for name in names:
        await past.server.add(name, b"")
    assert await past.names("instrument=swe") == names


async def test_2024_lists_science_alone(past: Visitor) -> None:
    for name in (ANCILLARY, QUICKLOOK, KERNEL):
        await past.server.add(name, b"")
    assert await past.query("start_date=20000101") == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?start_date=2024-01-05",
        "?instrument=maggie",
        "?instrument=ialirt",
        "?data_level=l2a",
        "?extension=txt",
        "?repointing=repoint00012",
    ],
)
async def test_what_breaks_the_handler_of_2024_is_a_502(past: Visitor, query: str) -> None:
    answer = await past.ask(f"/query{query}")
    assert (answer.status, answer.text) == (502, '{"message": "Internal server error"}')


@pytest.mark.parametrize(
    "path",
    [
        "/nope", "/spice-query?type=kernels", "/spin-table", "/release?release_type=release", "/upload",
        "/upload/", "/download", "/download/", "/api-key/query?instrument=mag", "/authorized/upload/naif0012.tls",
    ],
)  # fmt: skip
async def test_a_route_that_2024_did_not_have_is_a_403(past: Visitor, path: str) -> None:
    answer = await past.ask(path)
    assert (answer.status, answer.text) == (403, '{"message":"Missing Authentication Token"}')


async def test_2024_had_no_head_requests(past: Visitor) -> None:
    await past.server.add(OF_2024, b"")
    assert (await past.send("HEAD", f"{past.server.url}/download/{OF_2024_KEY}")).status == 403


@pytest.mark.parametrize("conditions", ["instrument=mag", "size=1"])
async def test_queries_of_2024_are_open_to_pages_from_anywhere(past: Visitor, conditions: str) -> None:
    answer = await past.ask(f"/query?{conditions}")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"].startswith("application/json")


async def test_the_url_of_an_upload_is_json_by_its_type_in_2024(past: Visitor) -> None:
    answer = await past.ask(f"/upload/{OF_2024}")
    assert answer.headers["Content-Type"] == "application/json"
    assert "X-Amz-Signature" in answer.json


async def test_a_conflict_of_2024_is_a_json_string(past: Visitor) -> None:
    await past.upload(OF_2024, b"counts")
    answer = await past.ask(f"/upload/{OF_2024}")
    assert (answer.status, answer.json) == (409, f"{OF_2024_KEY} already exists.")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            SCIENCE,
            f"Filename {SCIENCE} does not match expected pattern: {FORM}",
        ),
        (
            "imap_swe_l0_raw_20240105_v001.cdf",
            f"Invalid extension. {EXTENSIONS} \n",
        ),
        ("imap_swe_l1a_sci_20240230_v001.cdf", "Invalid start date format. Please use YYYYMMDD format. \n"),
    ],
)
async def test_2024_says_in_bare_text_what_is_wrong_with_a_name(past: Visitor, name: str, said: str) -> None:
    answer = await past.ask(f"/upload/{name}")
    assert (answer.status, answer.text) == (400, said)


async def test_2024_names_every_fault_on_a_line_of_its_own(past: Visitor) -> None:
    answer = await past.ask("/upload/imap_xyz_l9_sci_20240105_v001.cdf")
    first, second = answer.text.splitlines()
    assert first.startswith("Invalid instrument xyz. Please choose from {'codice', 'glows', ")
    assert second.startswith("Invalid data level l9. Please choose from {'l0', 'l1', ")


@pytest.mark.parametrize("name", [ANCILLARY, QUICKLOOK, "imap_mag_l2_norm_20260115-cr02300_v001.cdf"])
async def test_2024_takes_science_and_kernels_alone(past: Visitor, name: str) -> None:
    assert (await past.ask(f"/upload/{name}")).status == 400


async def test_kernels_of_2024_lie_at_the_root(past: Visitor) -> None:
    assert (await past.upload(KERNEL, b"attitude")).status == 200
    assert (await past.ask(f"/download/spice/ck/{KERNEL}")).status == 302
    assert (await past.ask(f"/download/imap/spice/ck/{KERNEL}")).status == 404
    assert (await past.ask(f"/upload/{KERNEL}")).json == f"spice/ck/{KERNEL} already exists."


@pytest.mark.parametrize(("generation", "status"), [(STRICT_2024, 400), (STRICT_2026, 200), (PERMISSIVE, 200)])
async def test_a_service_can_be_told_by_asking_for_a_table(start: Start, generation: Any, status: int) -> None:
    visitor = await start(generation=generation)
    assert (await visitor.ask("/query?table=science&start_date=99991231")).status == status


async def test_2024_knew_no_keys(start: Start) -> None:
    visitor = await start(generation=STRICT_2024, keys={READ_KEY: Scope.READ})
    assert (await visitor.upload(OF_2024, b"counts")).status == 200


@pytest.mark.parametrize(
    ("name", "place"), [("myframes.tf", "fk"), ("imap_anything_7.bsp", "spk"), ("de.440.bpc", "pck")]
)
async def test_kernels_of_2024_are_known_by_their_suffix(past: Visitor, name: str, place: str) -> None:
    url = await past.sign_upload(name)
    for body in (b"kernel", b"once more"):
        assert (await past.send("PUT", url, body)).status == 200
    answer = await past.ask(f"/download/spice/{place}/{name}")
    assert (await past.send("GET", answer.json["download_url"])).body == b"once more"
    assert (await past.ask(f"/upload/{name}")).json == f"spice/{place}/{name} already exists."


@pytest.mark.parametrize("name", [".hidden.bc", "a b.bc", f"{'x' * 250}.bc", "frames.txt", "x.bc~"])
async def test_whatever_else_is_no_kernel(past: Visitor, name: str) -> None:
    assert (await past.ask(f"/upload/{quote(name)}")).status == 400
