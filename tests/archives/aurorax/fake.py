"""AuroraX as spec has it, small enough to be read at once, and able to misbehave in any way."""

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SOURCES = [
    {"identifier": 3, "program": "swarm", "platform": "swarma", "instrument_type": "footprint"},
    {"identifier": 29, "program": "swarm", "platform": "swarmb", "instrument_type": "footprint"},
    {"identifier": 103, "program": "trex", "platform": "gillam", "instrument_type": "RGB ASI"},
    {"identifier": 400, "program": "p", "platform": "q", "instrument_type": "r"},
    {"identifier": -1, "program": "adhoc", "platform": "adhoc", "instrument_type": "adhoc"},
]
RESULT = "/data"

Answer = Callable[[], web.Response]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakeAurorax:
    """Finds `records` in every search; `overrides` are answers that come first, by the end of a path."""

    records: list[dict[str, Any]] = field(default_factory=list)
    overrides: dict[str, list[Answer]] = field(default_factory=dict)
    looks: int = 1
    """How often a search must be looked at until it is over."""
    wrapped: bool = True
    location: str = "http://{host}/api/v1/{kind}/requests/{id}"
    bad: Collection[str] = ()
    """Epochs or URLs of records that are refused, with all that come with them."""
    naming: bool = False
    """Whether a refusal names the records."""
    most_records: int = 10**9
    asked: list[Asked] = field(default_factory=list)
    uploaded: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_cancelled: bool = False
    second_look: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as a search was looked at twice."""
    _looked: dict[str, int] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    def paths(self, method: str) -> list[str]:
        return [asked.path.removeprefix("/api/v1") for asked in self.asked if asked.method == method]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append(Asked(request.method, request.path, dict(request.headers), body))
        for end, answers in self.overrides.items():
            if request.path.endswith(end) and answers:
                return answers.pop(0)()
        return self._usual(request, body)

    def _usual(self, request: web.Request, body: Any) -> web.Response:
        parts = request.path.removeprefix("/api/v1/").split("/")
        match request.method, parts:
            case "GET", ["data_sources"]:
                return web.json_response(SOURCES)
            case "GET", ["data_sources", identifier]:
                found = [source for source in SOURCES if str(source["identifier"]) == identifier]
                return web.json_response(found[0]) if found else refused(404, "NotFound", "no such source")
            case "POST", ["data_sources", _, _]:
                return self._take(body)
            case "POST", [kind, "search"]:
                return self._submit(request, kind)
            case "GET", [_, "requests", request_id]:
                return web.json_response(self._state(request_id))
            case "GET", [_, "requests", _, "data"]:
                return web.json_response({"result": self.records} if self.wrapped else self.records)
            case "DELETE", [_, "requests", _]:
                self.is_cancelled = True
                return web.json_response({})
        return refused(404, "NotFound", "nothing here")

    def _submit(self, request: web.Request, kind: str) -> web.Response:
        request_id = f"search-{len(self._looked)}"
        self._looked[request_id] = 0
        location = self.location.format(host=request.host, kind=kind, id=request_id)
        return web.Response(status=202, headers={"Location": location})

    def _state(self, request_id: str) -> dict[str, Any]:
        self._looked[request_id] = self._looked.get(request_id, 0) + 1
        if self._looked[request_id] == 2:
            self.second_look.set()
        if self._looked[request_id] < self.looks:
            return state()
        return state(data_uri=RESULT, result_count=len(self.records))

    def _take(self, records: list[dict[str, Any]]) -> web.Response:
        if len(records) > self.most_records:
            return refused(413, "Other", "too large")
        wrong = [key for key in map(key_of, records) if key in self.bad]
        if wrong:
            words = [f"the record of {key} is bad" if self.naming else "something is bad" for key in wrong]
            return web.json_response(
                [{"error_code": "AssertionError", "error_message": said} for said in words], status=400
            )
        self.uploaded |= {key_of(record): record for record in records}
        return web.Response(status=202)


def key_of(record: dict[str, Any]) -> str:
    return str(record.get("epoch") or record.get("url"))


def state(*logs: tuple[str, str], **told: Any) -> dict[str, Any]:
    """Make the state of a search, which is still running unless `told` says otherwise."""
    nothing = {"data_uri": None, "result_count": None, "completed_timestamp": None, "error_condition": False}
    return {
        "search_request": {"query": {}},
        "logs": [{"level": level, "summary": summary} for level, summary in logs],
        "search_result": {**nothing, **told},
    }


def answer(status: int, body: Any, **headers: str) -> Answer:
    return lambda: web.json_response(body, status=status, headers=headers)


def refused(status: int, code: str, message: str, **headers: str) -> web.Response:
    return web.json_response({"error_code": code, "error_message": message}, status=status, headers=headers)


def refusing(status: int, code: str = "Other", message: str = "because", **headers: str) -> Answer:
    return lambda: refused(status, code, message, **headers)


def page(status: int) -> Answer:
    text = "<!DOCTYPE html><title>Bad Gateway</title>"
    return lambda: web.Response(status=status, text=text, content_type="text/html")


def ephemeris(minute: int = 0, **told: Any) -> dict[str, Any]:
    """Make an ephemeris record as a search finds it."""
    return {"data_source": SOURCES[0], "epoch": f"2019-01-01T00:{minute:02}:00", "metadata": {}, **told}


def product(url: str, day: str = "2020-02-01", **told: Any) -> dict[str, Any]:
    """Make a product's record as a search finds it."""
    return {
        "data_source": SOURCES[2],
        "data_product_type": "keogram",
        "start": f"{day}T00:00:00",
        "end": f"{day}T23:59:00",
        "url": url,
        "metadata": {},
        **told,
    }
