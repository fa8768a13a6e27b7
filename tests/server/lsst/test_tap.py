"""The query service answers DB1 and DB2, in every form, and in those that clients of TAP expect."""

import csv
import io
import json
from urllib.parse import quote_plus

import pytest
from astropy.io import fits, votable
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.lsst.conftest import ROWS, Astronomer

from imap_bulk.server.lsst import formats

SYNC = "/db/v0/tap/sync"
OBJECTS = "SELECT id, ra, flux, fluxSigma, note FROM DC_W13_Stripe82.Object ORDER BY id DESC LIMIT 30"
SOME = "SELECT 9007199254740993 AS id, 1.5 AS x, NULL AS none, 'a,\"b\"<c>' AS t"


async def test_db1_tells_where_to_ask(astronomer: Astronomer) -> None:
    assert await astronomer.told("/db/v0/tap") == {"Links": "/sync"}


@pytest.mark.parametrize("name", ["query", "QUERY", "sql"])
async def test_db2_answers_a_query_in_the_url(astronomer: Astronomer, name: str) -> None:
    sql = "SELECT+id,ra,decl+FROM+joe_myDb.Object+WHERE+flux=3.2+ORDER+BY+id"
    for method in ("GET", "POST"):
        answer = await astronomer.ask(f"{SYNC}?{name}={sql}", method)
        assert answer.json == {
            "result": {
                "table": {
                    "metadata": {
                        "elements": [
                            {"name": "id", "datatype": "long"},
                            {"name": "ra", "datatype": "double"},
                            {"name": "decl", "datatype": "double"},
                        ]
                    },
                    "data": [[1, 9.5, -1.16], [2, 9.5, -1.16], [3, 9.5, -1.16]],
                }
            }
        }


async def test_db2_answers_a_query_in_a_form(astronomer: Astronomer) -> None:
    assert await astronomer.rows("SELECT count(*) FROM DC_W13_Stripe82.DeepForcedSource;") == [[ROWS]]


async def test_no_query_is_answered_by_a_hint(astronomer: Astronomer) -> None:
    assert await astronomer.told(SYNC) == {"Info": "Listing queries is not implemented"}


async def test_a_semicolon_in_a_form_is_part_of_the_statement(astronomer: Astronomer) -> None:
    assert await astronomer.rows("SELECT 'a;b&c=d'") == [["a;b&c=d"]]


async def test_ids_above_two_to_the_53_stay_exact(astronomer: Astronomer) -> None:
    rows = await astronomer.rows("SELECT max(id) FROM DC_W13_Stripe82.Object")
    assert rows[0][0] > 2**53
    assert rows[0][0] % 2 == 1
    rows = await astronomer.rows(
        "SELECT max(deepForcedSourceId), min(deepForcedSourceId) FROM DC_W13_Stripe82.DeepForcedSource"
    )
    assert rows == [[2**53 + ROWS, 8404051561545729]]


async def test_null_is_null_and_what_json_cannot_hold_too(astronomer: Astronomer) -> None:
    assert await astronomer.rows("SELECT NULL, 9e999, x'00ff'") == [[None, None, "AP8="]]


async def test_times_are_marked_and_in_iso_form(astronomer: Astronomer) -> None:
    answer = await astronomer.query(
        "SELECT obsStart, date(obsStart) AS day FROM DR1.Science_Ccd_Exposure WHERE run = 5646 ORDER BY 1 LIMIT 1"
    )
    table = answer.json["result"]["table"]
    assert table["data"] == [["2015-05-14T16:43:21", "2015-05-14"]]
    assert [element.get("xtype") for element in table["metadata"]["elements"]] == ["timestamp", "date"]


async def test_a_text_that_looks_like_a_time_now_and_then_is_left_alone(astronomer: Astronomer) -> None:
    rows = await astronomer.rows("SELECT '2015-05-14 16:43:21' AS t UNION ALL SELECT 'a b' ORDER BY 1")
    assert rows == [["2015-05-14 16:43:21"], ["a b"]]


async def test_an_empty_result_still_names_its_columns(astronomer: Astronomer) -> None:
    answer = await astronomer.query("SELECT id, note FROM DR1.Object WHERE flux < 0")
    assert answer.json["result"]["table"] == {
        "metadata": {"elements": [{"name": "id", "datatype": "long"}, {"name": "note", "datatype": "text"}]},
        "data": [],
    }


async def test_a_wrong_statement_is_a_500_with_a_document(astronomer: Astronomer) -> None:
    answer = await astronomer.query("SELECT * FROM x.y")
    assert (answer.status, answer.json) == (
        500,
        {"error": "ProgrammingError", "message": "(1146, \"Table 'x.y' doesn't exist\")"},
    )


async def test_the_exposures_of_the_catalogue_are_the_images_served(astronomer: Astronomer) -> None:
    ids = await astronomer.rows("SELECT deepCoaddId FROM DR1.DeepCoadd")
    urls = (await astronomer.told("/image/v0/L2/DR1/deepCoadd"))["results"]
    assert sorted(str(row[0]) for row in ids) == sorted(url.rpartition("/")[2] for url in urls)
    assert max(row[0] for row in ids) > 2**53


async def test_csv_quotes_what_needs_it(astronomer: Astronomer) -> None:
    answer = await astronomer.query(SOME, accept="text/csv")
    assert answer.headers["Content-Type"] == "text/csv"
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["id", "x", "none", "t"],
        ["9007199254740993", "1.5", "", 'a,"b"<c>'],
    ]


async def test_tsv_has_tabs(astronomer: Astronomer) -> None:
    answer = await astronomer.query(SOME, accept="text/tsv")
    assert answer.text.splitlines()[0] == "id\tx\tnone\tt"


async def test_browsers_get_a_page_that_no_value_breaks_out_of(astronomer: Astronomer) -> None:
    answer = await astronomer.query(SOME, accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.headers["Content-Type"] == "text/html"
    assert "<td>a,&quot;b&quot;&lt;c&gt;</td>" in answer.text


def read_votable(body: bytes) -> Table:
    return votable.parse(io.BytesIO(body), verify="exception").get_first_table().to_table()


async def test_a_votable_has_exact_ids_and_masks_null(astronomer: Astronomer) -> None:
    for statement in (SOME, OBJECTS):
        expected = await astronomer.rows(statement)
        answer = await astronomer.query(statement, accept="application/x-votable+xml")
        assert answer.headers["Content-Type"] == "application/x-votable+xml"
        table = read_votable(answer.body)
        assert [int(value) for value in table["id"]] == [row[0] for row in expected]
    assert list(table["fluxSigma"].mask) == [row[3] is None for row in expected]


async def test_a_whole_column_of_null_and_no_rows_are_votables_too(astronomer: Astronomer) -> None:
    for statement in ("SELECT parent FROM DR1.Object", "SELECT id, parent, note FROM DR1.Object WHERE id < 0"):
        answer = await astronomer.query(statement, accept="application/x-votable+xml")
        assert all(read_votable(answer.body)["parent"].mask)


async def test_a_fits_table_has_exact_ids_and_right_checksums(astronomer: Astronomer) -> None:
    expected = await astronomer.rows(OBJECTS)
    first = await astronomer.query(OBJECTS, accept="application/fitsTable")
    with fits.open(io.BytesIO(first.body), checksum=True) as units:
        assert [int(value) for value in units[1].data["id"]] == [row[0] for row in expected]
    assert (await astronomer.query(OBJECTS, accept="application/fitsTable")).body == first.body


async def test_an_ipac_table_is_readable(astronomer: Astronomer) -> None:
    expected = await astronomer.rows(OBJECTS)
    answer = await astronomer.query(OBJECTS, accept="application/IPAC table format")
    table = Table.read(answer.text, format="ascii.ipac")
    assert [str(value) for value in table["note"]] == [row[4] or "--" for row in expected]


@pytest.mark.parametrize(
    "accept", ["application/x-votable+xml", "application/fits", "application/IPAC table format"]
)
async def test_strange_letters_and_names_spoil_no_form(astronomer: Astronomer, accept: str) -> None:
    answer = await astronomer.query(
        "SELECT char(1) || 'é\u2028' AS \"ü\", 1 AS \"a b\", 2 AS ab, x'00' AS b", accept=accept
    )
    assert answer.status == 200, answer.text
    if "votable" in accept:
        fields = votable.parse(io.BytesIO(answer.body), verify="exception").get_first_table().fields
        assert [field.name for field in fields] == ["ü", "a b", "ab", "b"]


PIECES = st.sampled_from([*formats.TYPES.values(), "*/*", "q=2", ";", ","])


@settings(max_examples=50)
@given(st.text(max_size=40) | st.lists(PIECES, max_size=6).map("".join))
def test_whatever_is_accepted_some_form_is_wanted(accept: str) -> None:
    assert formats.wanted(accept) in formats.TYPES


# --- as TAP prescribes


def tap(sql: str, **more: str) -> dict[str, str]:
    return {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": sql, **more}


async def test_tap_gets_a_votable_of_results_that_says_ok(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(SYNC, "POST", tap(OBJECTS))
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    resource = votable.parse(io.BytesIO(answer.body), verify="exception").resources[0]
    assert resource.type == "results"
    assert [(info.name, info.value) for info in resource.infos] == [("QUERY_STATUS", "OK")]


async def test_tap_is_told_of_an_error_in_a_votable(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(SYNC, "POST", tap("SELECT <& FROM"))
    info = votable.parse(io.BytesIO(answer.body), verify="exception").resources[0].infos[0]
    assert (answer.status, info.value) == (500, "ERROR")
    assert "SQL syntax" in info.content


async def test_tap_is_told_when_maxrec_cuts_the_result(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(SYNC, "POST", tap(OBJECTS, MaxRec="7"))
    resource = votable.parse(io.BytesIO(answer.body), verify="exception").resources[0]
    assert (resource.infos[0].value, len(resource.tables[0].array)) == ("OVERFLOW", 7)
    answer = await astronomer.ask(SYNC, "POST", tap("SELECT id FROM joe_myDb.Object", MAXREC="3"))
    assert 'value="OK"' in answer.text


async def test_tap_may_ask_for_other_forms_and_for_the_top(astronomer: Astronomer) -> None:
    form = tap("SELECT TOP 2 id FROM joe_myDb.Object ORDER BY id", RESPONSEFORMAT="text/csv")
    assert (await astronomer.ask(SYNC, "POST", form)).text == "id\r\n1\r\n2\r\n"
    answer = await astronomer.ask(
        f"{SYNC}?request=doQuery&lang=ADQL&format=json&query={quote_plus(form['QUERY'])}"
    )
    assert answer.json["result"]["table"]["data"] == [[1], [2]]


@pytest.mark.parametrize("wrong", [{"FORMAT": "jpeg"}, {"LANG": "PQL"}, {"MAXREC": "many"}])
async def test_tap_is_told_what_is_not_spoken_here(astronomer: Astronomer, wrong: dict[str, str]) -> None:
    answer = await astronomer.ask(SYNC, "POST", tap("SELECT 1") | wrong)
    assert (answer.status, 'value="ERROR"' in answer.text) == (400, True)


# --- later


async def test_a_query_that_may_take_its_time_is_a_job(astronomer: Astronomer) -> None:
    job = await astronomer.post(f"{SYNC}?query=SELECT+1+AS+one", prefer="respond-async")
    urls = (await astronomer.results(job)).json
    assert json.loads((await astronomer.ask(urls[0])).body)["result"]["table"]["data"] == [[1]]


async def test_a_query_that_fails_later_says_so_as_its_result(astronomer: Astronomer) -> None:
    job = await astronomer.post(f"{SYNC}?query=SELECT+x", prefer="respond-async")
    answer = await astronomer.results(job)
    assert (answer.status, answer.json["error"]) == (500, "OperationalError")


async def test_an_answer_of_all_rows_is_whole(astronomer: Astronomer) -> None:
    assert len(await astronomer.rows("SELECT * FROM DC_W13_Stripe82.Object")) == ROWS
