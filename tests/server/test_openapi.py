"""The OpenAPI document says what the server does: checked against its routes, and by schemathesis asking it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from tests.canaries import API_KEY

from imap_bulk.server import openapi
from imap_bulk.server.app import Scope
from imap_bulk.server.imap.generations import PERMISSIVE, STRICT, Generation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiohttp import web
    from tests.server.conftest import Start, Visitor

GENERATIONS = [PERMISSIVE, *STRICT.values()]
NAMES = [
    "imap_mag_l2_norm-gse_20260115_v001.0002.cdf",
    "imap_mag_l2-calibration_20260101_20260131_v001.cdf",
    "imap_2026_001_2026_002_001.ah.bc",
    "imap_2026_001_2026_002_01.spin",
]

load_all_checks()
_CHECKS = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)


@pytest.fixture
def routers(monkeypatch: pytest.MonkeyPatch) -> list[web.UrlDispatcher]:
    """Collect the routers of the servers that a test starts."""
    seen: list[web.UrlDispatcher] = []
    add_route: Callable[..., None] = openapi.add_route

    def remember(router: web.UrlDispatcher, *, has_keys: bool) -> None:
        seen.append(router)
        add_route(router, has_keys=has_keys)

    monkeypatch.setattr(openapi, "add_route", remember)
    return seen


@pytest.mark.parametrize("generation", GENERATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("keys", [{}, {API_KEY: Scope.WRITE}], ids=["without keys", "with keys"])
async def test_what_is_documented_is_what_is_routed(
    start: Start, routers: list[web.UrlDispatcher], generation: Generation, keys: dict[str, Scope]
) -> None:
    visitor = await start(generation=generation, keys=keys)
    documented = (await visitor.ask("/openapi.json")).json["paths"]
    routed = {
        route.resource.canonical.replace("{path}", "/{path}")
        for route in routers[0].routes()
        if route.resource and route.method != "HEAD"
    }
    assert set(documented) == routed


async def test_every_route_is_a_get(start: Start, routers: list[web.UrlDispatcher]) -> None:
    await start()
    assert {route.method for route in routers[0].routes()} <= {"GET", "HEAD"}


async def test_credentials_are_asked_for_below_their_prefixes(start: Start) -> None:
    visitor = await start(keys={API_KEY: Scope.WRITE})
    paths = (await visitor.ask("/openapi.json")).json["paths"]
    assert paths["/query"]["get"]["security"] == []
    assert paths["/api-key/query"]["get"]["security"] == [{"apiKey": []}]
    assert paths["/authorized/query"]["get"]["security"] == [{"accessToken": []}]


@pytest.mark.parametrize("table", ["science", "ancillary"])
async def test_every_documented_parameter_of_a_query_is_known(visitor: Visitor, table: str) -> None:
    refused = (await visitor.ask(f"/query?table={table}&nonsense=1")).text
    document = (await visitor.ask("/openapi.json")).json
    documented = {each["name"] for each in document["paths"]["/query"]["get"]["parameters"]}
    known = {*refused.partition("[")[2].partition("]")[0].replace("'", "").split(", ")}
    unoffered = {"ingestion_date", "crid", "released"}  # understood by nobody, or without an effect
    assert known - unoffered <= documented


async def test_the_document_is_valid(visitor: Visitor) -> None:
    document = (await visitor.ask("/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()


async def test_answers_are_what_the_document_promises(visitor: Visitor) -> None:
    await ask_everything(visitor, examples=4)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_many_answers_are_what_the_document_promises(visitor: Visitor) -> None:
    await ask_everything(visitor, examples=300)


async def ask_everything(visitor: Visitor, examples: int) -> None:
    for name in NAMES:
        await visitor.server.add(name, b"field")
    document = (await visitor.ask("/openapi.json")).json
    # Below a prefix stand the same handlers: where there are no keys, prefixes change nothing. A release without
    # all that its type needs is a 500, as the SDC's, and no schema can tell which parameters go together.
    left_out = ("/api-key", "/authorized", "/release")
    bare = {path: each for path, each in document["paths"].items() if not path.startswith(left_out)}
    schema = schemathesis.openapi.from_dict({**document, "paths": bare})
    operations: Iterator[Any] = schema.get_all_operations()
    for found in operations:
        await asyncio.to_thread(ask_operation, found.ok(), visitor.server.url, examples)


def ask_operation(operation: Any, url: str, examples: int) -> None:
    @hypothesis.settings(max_examples=examples, deadline=None, database=None, derandomize=examples < 100)
    @hypothesis.given(operation.as_strategy())
    def ask(case: Any) -> None:
        if not case.query and operation.path.endswith(("query", "/days")):
            case.query = {"latest": "false"}  # no parameter at all is a 500, as the SDC's
        response = case.call(base_url=url, allow_redirects=False)
        case.validate_response(response, checks=_CHECKS)

    ask()
