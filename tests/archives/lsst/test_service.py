"""The services beside images: SQL in parts, schemas, and servers that answer as the old ones did."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from tests import canaries
from tests.archives.lsst.conftest import Script, Serve

from imap_bulk import errors
from imap_bulk.archives.lsst import queries
from imap_bulk.archives.lsst import service as service_module
from imap_bulk.archives.lsst.jobs import Patience
from imap_bulk.archives.lsst.service import Service
from imap_bulk.archives.lsst.statement import Partition, statements
from imap_bulk.settings import Settings

OBJECTS = "SELECT id, ra, decl, note FROM DC_W13_Stripe82.Object ORDER BY id"
Play = Callable[[], Awaitable[Script]]


async def rows(service: Service, sql: str, partition: str | None = None, at_once: int = 4) -> list[object]:
    parts = statements(sql, Partition.parse(partition) if partition else None)
    found: list[object] = []
    async for table in queries.ask_each(service, parts, at_once):
        found += table.rows
    return found


async def bounds(service: Service) -> str:
    table = await queries.ask(service, "SELECT MIN(id), MAX(id) FROM DC_W13_Stripe82.Object")
    (low, high) = table.rows[0]
    return f"id:{low}:{high}:16"


async def test_16_parts_equal_one_select(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(rows=8_000), settings=settings) as service:
        whole = await rows(service, OBJECTS)
        assert len(whole) == 8_000
        assert await rows(service, OBJECTS, await bounds(service)) == whole
        assert await queries.count(service, OBJECTS) == 8_000


@pytest.mark.soak
async def test_16_parts_of_200000_rows_equal_one_select(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(rows=200_000), settings=settings) as service:
        began = time.monotonic()
        whole = await rows(service, OBJECTS)
        between = time.monotonic()
        parts = await rows(service, OBJECTS, await bounds(service))
        print(f"\n{len(whole)} rows: {between - began:.2f} s at once, {time.monotonic() - between:.2f} s in parts")
        assert len(whole) == 200_000
        assert parts == whole


async def test_rows_outside_of_the_cuts_come_as_well(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(), settings=settings) as service:
        whole = await rows(service, OBJECTS)
        assert await rows(service, OBJECTS, "id:0:200000:16") == whole


async def test_integers_are_exact(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(), settings=settings) as service:
        (first, *_) = await rows(service, "SELECT id FROM DR1.Object ORDER BY id")
    assert first == [9007199254740993]


async def test_no_more_parts_are_under_way_than_wanted(play: Play) -> None:
    script, under_way, most = await play(), 0, 0
    script.says("POST /db/v0/tap/sync", {"result": {"table": {"metadata": {"elements": []}, "data": []}}})

    async def pause() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    script.pause = pause
    async with Service(script.url) as service:
        tables = [table async for table in queries.ask_each(service, ["SELECT 1"] * 20, 3)]
    assert (len(tables), most <= 3) == (20, True)


async def test_parts_with_other_columns_are_garbled(play: Play) -> None:
    script, names = await play(), iter("ab")

    def answer(_: web.Request) -> web.StreamResponse:
        element = {"name": next(names), "datatype": "long"}
        return web.json_response({"result": {"table": {"metadata": {"elements": [element]}, "data": [[1]]}}})

    script.answers["POST /db/v0/tap/sync"] = answer
    async with Service(script.url) as service:
        with pytest.raises(errors.Garbled, match="different columns"):
            [table async for table in queries.ask_each(service, ["SELECT 1", "SELECT 2"], 1)]


async def test_what_takes_too_long_is_asked_for_once(play: Play) -> None:
    script, leaving = await play(), asyncio.Event()

    async def pause() -> None:
        await leaving.wait()

    script.pause = pause
    async with Service(script.url, settings=Settings(idle_timeout=0.05, wait_base=0)) as service:
        with pytest.raises(errors.Rejected, match=r"no answer within 0\.05 s; ask in parts"):
            await queries.ask(service, "SELECT 1")
    leaving.set()
    assert len(script.requests) == 1


async def test_a_statement_can_be_waited_for(serve: Serve, settings: Settings) -> None:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    async with Service(await serve(), settings=settings) as service:
        table = await queries.ask(service, OBJECTS, Patience(1e9, sleep))
        assert table == await queries.ask(service, OBJECTS)
        assert (await service.ask("GET", "/image/v0/654/status")).status == 200
        with pytest.raises(errors.Rejected, match="Nope"):
            await queries.ask(service, "SELECT x FROM DR1.Nope", Patience(1e9, sleep))


async def test_an_answer_too_long_for_memory_is_to_be_asked_for_in_parts(
    serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "ANSWER_LIMIT_BYTES", 1 << 10)
    async with Service(await serve(), settings=settings) as service:
        with pytest.raises(errors.Rejected, match="ask for it in parts, by --partition"):
            await queries.ask(service, "SELECT * FROM DR1.Science_Ccd_Exposure")


async def test_bad_sql_is_asked_for_once(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(), settings=settings) as service:
        with pytest.raises(errors.Rejected, match="Nope' doesn't exist"):
            await queries.ask(service, "SELECT x FROM DR1.Nope")


@pytest.mark.parametrize(
    ("fault", "error"),
    [("info", errors.Rejected), ("empty-elements", errors.Garbled), ("500-document", errors.Rejected)],
)
async def test_an_answer_without_a_result_is_an_error(
    serve: Serve, settings: Settings, fault: str, error: type[Exception]
) -> None:
    async with Service(await serve(faults=f"{fault}*9"), settings=settings) as service:
        with pytest.raises(error):
            await queries.ask(service, "SELECT id FROM DR1.Object")


async def test_columns_described_beside_the_table_are_found(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(faults="page-form*1"), settings=settings) as service:
        first = await queries.ask(service, "SELECT id FROM DR1.Object ORDER BY id")
        assert first == await queries.ask(service, "SELECT id FROM DR1.Object ORDER BY id")


async def test_a_passing_fault_is_asked_through(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(faults="500-html*2"), settings=settings) as service:
        assert (await queries.ask(service, "SELECT id FROM DR1.Object")).rows


@pytest.mark.parametrize("genuine", [False, True])
async def test_a_schema_is_found_without_its_level(serve: Serve, settings: Settings, genuine: bool) -> None:
    async with Service(await serve(genuine=genuine), settings=settings) as service:
        assert await service.level_of("DC_W13_Stripe82") == "L2"
        schema = await service.schema("DC_W13_Stripe82", "Science_Ccd_Exposure")
    assert schema.startswith("CREATE TABLE `Science_Ccd_Exposure` (")


@pytest.mark.parametrize(("database", "table"), [("Nope", "Object"), ("DR1", "Nope")])
async def test_a_schema_of_nothing_is_not_found(
    serve: Serve, settings: Settings, database: str, table: str
) -> None:
    async with Service(await serve(), settings=settings) as service:
        with pytest.raises(errors.NotFound, match=r"Nope"):
            await service.schema(database, table)


async def test_the_old_servers_lists_are_read(serve: Serve, settings: Settings) -> None:
    async with Service(await serve(genuine=True), settings=settings) as service:
        assert await service.few("/meta/v0/db", "levels")
        tables = [name async for name in service.names("/meta/v0/db/L2/DC_W13_Stripe82/tables", "tables")]
        assert tables == ["Science_Ccd_Exposure", "DeepCoadd", "Object", "DeepForcedSource"]
        with pytest.raises(errors.BulkError):
            await service.few("/meta/v0/image", "image levels")


async def test_the_token_is_sent_and_not_shown(play: Play) -> None:
    script = await play()
    script.says("GET /meta/v0/db", {"error": "Forbidden", "message": "no"}, 403)
    async with Service(script.url, f"{canaries.ACCESS_TOKEN}\n") as service:
        with pytest.raises(errors.AccessDenied, match="IMAP_BULK_LSST_API_KEY") as caught:
            await service.few("/meta/v0/db", "the levels")
        canaries.assert_clean(f"{caught.value!r} {service!r}")
    assert script.requests[0].headers["Authorization"] == f"Bearer {canaries.ACCESS_TOKEN}"


async def test_a_user_in_the_address_becomes_a_header(play: Play) -> None:
    script = await play()
    script.says("GET /meta/v0/db", ["L2"])
    service = Service(script.url.replace("http://", f"http://tom:{canaries.PASSWORD}@"))
    async with service:
        await service.few("/meta/v0/db", "the levels")
    assert script.requests[0].headers["Authorization"].startswith("Basic ")
    assert (service.absolute("x"), service.name) == (f"{script.url}/x", script.url)
    assert service.is_own(f"{script.url}/x")


async def test_all_databases_are_found_though_an_old_server_names_one_level(
    serve: Serve, settings: Settings
) -> None:
    async with Service(await serve(genuine=True), settings=settings) as service:
        assert ("L3", "joe_myDb") in [found async for found in service.databases()]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://other/x", "http://other/x"),
        ("/image/v0/7", "http://h:1/api/image/v0/7"),
        ("image/v0/7", "http://h:1/api/image/v0/7"),
        ("/api/image/v0/7", "http://h:1/api/image/v0/7"),
        ("//other/x", "http://other/x"),
    ],
)
def test_an_address_is_made_absolute(address: str, url: str) -> None:
    assert Service("http://h:1/api/").absolute(address) == url


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("http://h/x", True),
        ("http://H:80/y", True),
        ("https://h/x", False),
        ("http://h:81/x", False),
        ("http://h.evil/x", False),
        ("http://h@evil/x", False),
        ("http://evil/http://h/", False),
        ("http://h:x/", False),
    ],
)
def test_the_token_is_for_one_origin(url: str, is_own: bool) -> None:
    assert Service("http://h/api").is_own(url) == is_own


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(errors.Rejected, match="which is no address"):
        Service("http://h:1").absolute("http://[::1/x.fits")
