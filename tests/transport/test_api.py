"""The way to an archive's API: any method and document, its own credentials, whole answers."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from imap_bulk.errors import Rejected
from imap_bulk.settings import Settings
from imap_bulk.transport.api import AnswerTooLong, ApiSession

AiohttpServer = Callable[[web.Application], Awaitable[TestServer]]


@pytest.fixture
async def session_url(aiohttp_server: AiohttpServer) -> str:
    async def echo(request: web.Request) -> web.Response:
        told = {name: request.headers.get(name) for name in ("Content-Type", "x-api-key")}
        answer = {"method": request.method, "query": dict(request.query), "body": await request.text(), **told}
        return web.json_response(answer, headers={"Location": "/elsewhere"})

    async def empty(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    application = web.Application()
    application.router.add_route("*", "/echo", echo)
    application.router.add_route("*", "/empty", empty)
    server = await aiohttp_server(application)
    return f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize("lane", ["lean", "aiohttp"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
async def test_a_document_goes_with_any_method(session_url: str, lane: str, method: str) -> None:
    async with ApiSession(session_url, {"x-api-key": "k"}, Settings(transport=lane)) as session:
        for document in (b'{"a": 1}', b"[]"):
            json = {"Content-Type": "application/json"}
            reply = await session.ask(method, "/echo", {"format": "basic"}, document, json)
            assert reply.headers["Location"] == "/elsewhere"
            assert f'"method": "{method}", "query": {{"format": "basic"}}'.encode() in reply.body
            assert b'"Content-Type": "application/json", "x-api-key": "k"' in reply.body
            assert document.replace(b'"', b'\\"') in reply.body


@pytest.mark.parametrize("lane", ["lean", "aiohttp"])
async def test_an_answer_may_have_no_body(session_url: str, lane: str) -> None:
    async with ApiSession(session_url, {}, Settings(transport=lane)) as session:
        replies = [await session.ask("DELETE", "/empty") for _ in range(2)]
    assert [(reply.status, reply.body) for reply in replies] == [(204, b"")] * 2


async def test_no_more_of_an_answer_is_read_than_is_asked_for(session_url: str) -> None:
    async with ApiSession(session_url, {}, Settings()) as session:
        with pytest.raises(AnswerTooLong):
            await session.ask("POST", "/echo", body=b"x" * 100, most_bytes=50)


@pytest.mark.parametrize("key", ["k\nx: y", "a\u2013b", "\u200bk", "\udcff"])
def test_a_key_that_no_request_can_hold_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(Rejected) as caught:
        ApiSession("https://user:word@archive.example/api", {"x-api-key": key}, Settings())
    said = "there is a line end or another character in the key for https://archive.example/api that no key has"
    assert str(caught.value) == f"{said}; give the key alone"
