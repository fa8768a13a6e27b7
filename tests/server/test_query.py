from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Clock, Start, Visitor

NORM = "imap_mag_l2_norm-gse_20260115"
VERSIONS = tuple(f"{NORM}_v{version}.cdf" for version in ("001.0001", "001.0002", "002.0001", "002.0003"))


ANCILLARY_HAS_NOT = ("data_level", "repointing", "major_version", "minor_version", "latest", "cr", "crid")


async def archive(visitor: Visitor, *names: str) -> None:
    for name in names:
        await visitor.server.add(name, name.encode())


async def test_a_science_record_has_the_keys_of_the_third_generation(visitor: Visitor) -> None:
    await archive(visitor, "imap_glows_l3b_x_20240101-cr02300_v001.0001.cdf")
    assert await visitor.query("instrument=glows") == [
        {
            "extension": "cdf",
            "file_path": "imap/glows/l3b/2024/01/imap_glows_l3b_x_20240101-cr02300_v001.0001.cdf",
            "instrument": "glows",
            "data_level": "l3b",
            "descriptor": "x",
            "start_date": "20240101",
            "repointing": None,
            "major_version": 1,
            "minor_version": 1,
            "ingestion_date": "20260120 12:00:00",
            "cr": 2300,
            "crid": None,
            "released": True,
            "version": "v001.0001",
        }
    ]


async def test_an_ancillary_record_has_its_own_keys(visitor: Visitor) -> None:
    await archive(visitor, "imap_mag_l2-calibration_20240101_20240201_v001.csv")
    assert await visitor.query("table=ancillary&instrument=mag") == [
        {
            "file_path": "imap/ancillary/mag/imap_mag_l2-calibration_20240101_20240201_v001.csv",
            "instrument": "mag",
            "descriptor": "l2-calibration",
            "start_date": "20240101",
            "end_date": "20240201",
            "version": "v001",
            "extension": "csv",
            "ingestion_date": "20260120 12:00:00",
            "released": True,
        }
    ]


async def test_a_version_without_a_major_has_a_null_there(visitor: Visitor) -> None:
    await archive(visitor, "imap_swe_l0_raw_20240105_v003.pkts")
    (record,) = await visitor.query("table=science")
    assert (record["major_version"], record["minor_version"], record["version"]) == (None, 3, "v003")


async def test_quicklook_files_have_a_table_of_their_own(visitor: Visitor) -> None:
    await archive(visitor, "imap_mag_l1d_plot_20260115_v001.png", VERSIONS[0])
    assert await visitor.names("table=quicklook") == ["imap_mag_l1d_plot_20260115_v001.png"]
    assert await visitor.names("table=science") == [VERSIONS[0]]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("instrument=mag", VERSIONS[2:]),  # the default: all minors of the greatest major
        ("instrument=mag&latest=true", VERSIONS[3:]),
        ("instrument=mag&latest=TRUE", VERSIONS[3:]),
        ("instrument=mag&latest=no", VERSIONS[2:]),
        ("major_version=1", VERSIONS[:2]),
        ("major_version=001&latest=true", VERSIONS[:2]),  # a major given: latest is ignored
        ("minor_version=1", VERSIONS[2:3]),  # filters come before the ranking
        ("version=v002", VERSIONS[1:2]),
        ("version=2", VERSIONS[1:2]),
        ("version=v001.0002", VERSIONS[1:2]),
        ("version=v009.0001", ()),
    ],
)
async def test_versions_are_resolved_as_the_sdc_does(
    visitor: Visitor, conditions: str, expected: tuple[str, ...]
) -> None:
    await archive(visitor, *VERSIONS)
    assert await visitor.names(conditions) == list(expected)


async def test_a_version_without_a_major_is_older_than_any_with_one(visitor: Visitor) -> None:
    await archive(visitor, f"{NORM}_v099.cdf", VERSIONS[0])
    assert await visitor.names("instrument=mag") == [VERSIONS[0]]
    assert await visitor.names("instrument=mag&latest=true") == [VERSIONS[0]]


async def test_versions_without_a_major_are_found_where_there_are_no_others(visitor: Visitor) -> None:
    await archive(visitor, f"{NORM}_v001.cdf", f"{NORM}_v002.cdf")
    assert await visitor.names("instrument=mag") == [f"{NORM}_v001.cdf", f"{NORM}_v002.cdf"]
    assert await visitor.names("instrument=mag&latest=true") == [f"{NORM}_v002.cdf"]


async def test_series_compete_only_among_themselves(visitor: Visitor) -> None:
    names = (
        "imap_hi_l1c_45sensor-pset_20260115-repoint00123_v001.0001.cdf",
        "imap_hi_l1c_45sensor-pset_20260115-repoint00124_v002.0001.cdf",
    )
    await archive(visitor, *names)
    assert await visitor.names("instrument=hi") == list(names)


async def test_carrington_rotations_of_one_day_compete(visitor: Visitor) -> None:
    await archive(
        visitor,
        "imap_glows_l3b_x_20260101-cr02300_v001.0001.cdf",
        "imap_glows_l3b_x_20260101-cr02301_v002.0001.cdf",
    )
    assert await visitor.names("instrument=glows") == ["imap_glows_l3b_x_20260101-cr02301_v002.0001.cdf"]


async def test_equal_versions_with_different_extensions_all_stay(visitor: Visitor) -> None:
    names = ("imap_swe_l1a_sci_20240105_v001.0001.cdf", "imap_swe_l1a_sci_20240105_v001.0001.pkts")
    await archive(visitor, *names)
    assert await visitor.names("instrument=swe&latest=true") == list(names)


@pytest.mark.parametrize(
    ("conditions", "days"),
    [
        ("start_date=20260102", [2, 3]),
        ("end_date=20260102", [1, 2]),
        ("start_date=20260102&end_date=20260102", [2]),
        ("start_date=20260104", []),
    ],
)
async def test_both_ends_of_a_date_range_belong_to_it(visitor: Visitor, conditions: str, days: list[int]) -> None:
    await archive(visitor, *(f"imap_swe_l1a_sci_2026010{day}_v001.0001.cdf" for day in (1, 2, 3)))
    assert await visitor.names(conditions) == [f"imap_swe_l1a_sci_2026010{day}_v001.0001.cdf" for day in days]


async def test_the_end_date_of_ancillary_files_is_not_looked_at(visitor: Visitor) -> None:
    await archive(visitor, "imap_mag_cal_20240101_20240201_v001.csv")
    assert await visitor.names("table=ancillary&end_date=20240115")
    assert not await visitor.names("table=ancillary&start_date=20240115")


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ("ingestion_start_date=20260302", ["2", "3"]),
        ("ingestion_end_date=20260302", ["1", "2"]),
        ("ingestion_start_date=20260302&ingestion_end_date=20260302", ["2"]),
    ],
)
async def test_ingestion_dates_are_whole_days(
    visitor: Visitor, clock: Clock, conditions: str, found: list[str]
) -> None:
    for number, moment in (
        ("1", "2026-03-01 23:59:59"),
        ("2", "2026-03-02 23:59:59"),
        ("3", "2026-03-03 00:00:00"),
    ):
        clock.set(moment)
        await archive(visitor, f"imap_swe_l1a_d{number}_20260101_v001.0001.cdf")
    names = await visitor.names(conditions)
    assert [name[len("imap_swe_l1a_d")] for name in names] == found


@pytest.mark.parametrize(
    ("condition", "is_found"),
    [
        ("version=v001", True),
        ("version=1", False),
        ("version=latest", False),
        ("instrument=mag&descriptor=cal&extension=csv", True),
        ("file_path=imap/ancillary/mag/imap_mag_cal_20240101_v001.csv", True),
        ("ingestion_start_date=20260120&ingestion_end_date=20260120", True),
        ("ingestion_end_date=20260119", False),
        ("released=true", True),
    ],
)
async def test_ancillary_files_are_compared_exactly(visitor: Visitor, condition: str, is_found: bool) -> None:
    name = "imap_mag_cal_20240101_v001.csv"
    await archive(visitor, name)
    assert await visitor.names(f"table=ancillary&{condition}") == [name] * is_found


async def test_an_ancillary_file_without_an_end_has_a_null_there(visitor: Visitor) -> None:
    await archive(visitor, "imap_mag_cal_20240101_v001.csv")
    (record,) = await visitor.query("table=ancillary&instrument=mag")
    assert record["end_date"] is None


async def test_quicklook_files_are_answered_in_all_versions(visitor: Visitor) -> None:
    names = [f"imap_mag_l1d_plot_20260115_v00{number}.0001.png" for number in (1, 2)]
    await archive(visitor, *names)
    assert await visitor.names("table=quicklook&instrument=mag") == names
    assert await visitor.names("table=quicklook&major_version=2") == names[1:]


@pytest.mark.parametrize("rotation", ["2300", "02300"])
async def test_a_carrington_rotation_is_a_number(visitor: Visitor, rotation: str) -> None:
    name = "imap_glows_l3b_x_20260101-cr02300_v001.0001.cdf"
    await archive(visitor, name, "imap_glows_l3b_x_20260128-cr02301_v001.0001.cdf")
    assert await visitor.names(f"cr={rotation}") == [name]


@pytest.mark.parametrize("repointing", ["123", "00123"])
async def test_a_repointing_is_a_number(visitor: Visitor, repointing: str) -> None:
    name = "imap_hi_l1c_45sensor-pset_20260115-repoint00123_v001.0001.cdf"
    await archive(visitor, name, "imap_hi_l1c_45sensor-pset_20260115-repoint00124_v001.0001.cdf")
    assert await visitor.names(f"repointing={repointing}") == [name]


@pytest.mark.parametrize(
    "condition",
    [
        "instrument=mag",
        "data_level=l2",
        "descriptor=norm-gse",
        "extension=cdf",
        "released=true",
        f"file_path=imap/mag/l2/2026/01/{VERSIONS[3]}",
        "ingestion_date=20260120%2012:00:00",
    ],
)
async def test_columns_are_compared_exactly(visitor: Visitor, condition: str) -> None:
    await archive(visitor, VERSIONS[3], "imap_swe_l0_raw_20240105_v001.0001.pkts")
    assert VERSIONS[3] in await visitor.names(condition)


@pytest.mark.parametrize("condition", ["instrument=ma", "descriptor=norm*", "crid=1", "released=false", "cr=1"])
async def test_what_matches_nothing_is_an_empty_list(visitor: Visitor, condition: str) -> None:
    await archive(visitor, VERSIONS[3])
    assert await visitor.query(condition) == []


async def test_records_are_ordered_by_path(visitor: Visitor) -> None:
    names = [f"imap_swe_l1a_{letter}_20260101_v001.0001.cdf" for letter in "cab"]
    await archive(visitor, *names)
    assert await visitor.names("instrument=swe") == sorted(names)


async def test_an_unknown_parameter_is_told_with_the_valid_ones(visitor: Visitor) -> None:
    answer = await visitor.ask("/query?size=1")
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.json == (
        "size is not a valid query parameter for science table. Valid query parameters are: ['extension', "
        "'file_path', 'instrument', 'data_level', 'descriptor', 'start_date', 'repointing', 'major_version', "
        "'minor_version', 'ingestion_date', 'cr', 'crid', 'released', 'end_date', 'ingestion_start_date', "
        "'ingestion_end_date']"
    )


@pytest.mark.parametrize(
    "conditions",
    [
        "table=quicklook&version=v001",
        "table=quicklook&latest=true",
        *(f"table=ancillary&{name}=1" for name in ANCILLARY_HAS_NOT),
    ],
)
async def test_each_table_has_its_own_parameters(visitor: Visitor, conditions: str) -> None:
    assert (await visitor.ask(f"/query?{conditions}")).status == 400


async def test_the_parameters_of_the_ancillary_table_are_told(visitor: Visitor) -> None:
    assert (await visitor.ask("/query?table=ancillary&size=1")).json == (
        "size is not a valid query parameter for ancillary table. Valid query parameters are: ['file_path', "
        "'instrument', 'descriptor', 'start_date', 'end_date', 'version', 'extension', 'ingestion_date', "
        "'released', 'ingestion_start_date', 'ingestion_end_date']"
    )


@pytest.mark.parametrize(
    ("conditions", "status", "said"),
    [
        ("size=1&version=x", 400, "Invalid 'version'"),  # the version is read before anything else
        ("size=1&start_date=x", 400, "size is not"),
        ("start_date=x&size=1", 500, ""),
        ("latest=true&size=1", 400, "size is not"),
    ],
)
async def test_the_first_fault_is_the_one_that_is_told(
    visitor: Visitor, conditions: str, status: int, said: str
) -> None:
    answer = await visitor.ask(f"/query?{conditions}")
    assert answer.status == status
    assert said in answer.text


@pytest.mark.parametrize("version", ["latest", "v1.x", "", "*", "v1.2.3"])
async def test_an_unreadable_version_is_a_400(visitor: Visitor, version: str) -> None:
    answer = await visitor.ask(f"/query?version={version}")
    assert (answer.status, answer.json) == (400, "Invalid 'version' value. Use format 'vMMM.mmmm' or 'vXXX'.")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?start_date=2026-01-01",
        "?end_date=20260230",
        "?table=nonsense",
        "?table=spice",
        "?table=dependency",
        "?major_version=x",
        "?ingestion_start_date=2026",
        "?cr=cr02300",
        f"?cr={10**30}",
    ],
)
async def test_what_breaks_their_handler_is_a_500(visitor: Visitor, query: str) -> None:
    answer = await visitor.ask(f"/query{query}")
    assert (answer.status, answer.text) == (500, '{"message":"Internal Server Error"}')


async def test_repeated_parameters_are_joined(visitor: Visitor) -> None:
    await archive(visitor, VERSIONS[3])
    assert await visitor.query("instrument=mag&instrument=swe") == []


async def test_an_answer_beyond_the_gateways_limit_is_a_500(start: Start) -> None:
    visitor = await start(answer_limit_bytes=600)
    await archive(visitor, *VERSIONS[:2])
    assert (await visitor.ask("/query?instrument=mag&minor_version=1")).status == 200
    assert (await visitor.ask("/query?instrument=mag")).status == 500


@pytest.mark.parametrize("prefix", ["/nope", "/api-key/nope", "//query", "/query/"])
async def test_an_unknown_route_is_the_gateways_404(visitor: Visitor, prefix: str) -> None:
    answer = await visitor.ask(f"{prefix}?table=science")
    assert (answer.status, answer.text) == (404, '{"message":"Not Found"}')


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
async def test_another_method_is_an_unknown_route(visitor: Visitor, method: str) -> None:
    assert (await visitor.send(method, visitor.server.url + "/query?table=science")).status == 404


@pytest.mark.parametrize("prefix", ["", "/api-key", "/authorized"])
async def test_without_keys_every_prefix_is_open(visitor: Visitor, prefix: str) -> None:
    assert await visitor.query("table=science", f"{prefix}/query") == []
