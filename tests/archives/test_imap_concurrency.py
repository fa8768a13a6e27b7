"""Several parts of a search are asked for at once: as polite, as orderly and as easily left as one by one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer
from tests.archives.conftest import Open
from tests.archives.fake_imap import FakeImap, in_series, old_science, science

from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.errors import AccessDenied
from imap_bulk.settings import Settings

INSTRUMENTS = "mag,swe,hit,lo,ultra,hi,idex,glows"
NAMES = INSTRUMENTS.split(",")

Opened = Callable[["Slow"], AsyncIterator[str]]


@dataclass
class Slow:
    """An archive that answers a query when it is told to, and counts those who wait."""

    refused: str = ""
    """The instrument that nobody may ask for."""
    waiting: dict[str, asyncio.Event] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    """The instruments whose askers went away."""
    most: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request) -> web.Response:
        name = request.query["instrument"]
        self.waiting[name] = asyncio.Event()
        self.most = max(self.most, len(self.waiting))
        await self._tell()
        try:
            await self.waiting[name].wait()
        except asyncio.CancelledError:
            self.left.add(name)
            raise
        finally:
            del self.waiting[name]
            await self._tell()
        if name == self.refused:
            return web.json_response({"message": "Forbidden"}, status=403)
        return web.json_response([science(instrument=name)])

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, right: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(right)


@pytest.fixture
def search(aiohttp_server: AiohttpServer) -> Opened:
    async def names(slow: Slow) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/query", slow.answer)
        server = await aiohttp_server(app)
        archive = ImapArchive(str(server.make_url("")).rstrip("/"), settings=Settings(wait_base=0, retries=0))
        async with archive:
            async for file in archive.search(ImapQuery.of(instrument=INSTRUMENTS)):
                yield file.meta["instrument"]

    return names


async def test_after_the_first_answer_four_are_asked_for_at_once_and_come_in_order(search: Opened) -> None:
    slow = Slow()

    async def listed() -> list[str]:
        return [name async for name in search(slow)]

    found = asyncio.create_task(listed())
    await slow.until(lambda: bool(slow.waiting))
    assert list(slow.waiting) == NAMES[:1]
    slow.waiting["mag"].set()
    await slow.until(lambda: len(slow.waiting) == 4)
    assert set(slow.waiting) == set(NAMES[1:5])
    while not found.done():
        for event in reversed(slow.waiting.values()):
            event.set()
        await asyncio.sleep(0)
    assert await found == NAMES
    assert slow.most == 4


async def test_one_refusal_ends_the_search_and_leaves_no_request_behind(search: Opened) -> None:
    slow = Slow(refused="swe")
    asking = search(slow)
    first = asyncio.ensure_future(anext(asking))
    await slow.until(lambda: "mag" in slow.waiting)
    slow.waiting["mag"].set()
    assert await first == "mag"
    second = asyncio.ensure_future(anext(asking))
    await slow.until(lambda: len(slow.waiting) == 4)
    slow.waiting["swe"].set()
    with pytest.raises(AccessDenied, match="Forbidden"):
        await second
    await slow.until(lambda: not slow.waiting)
    assert slow.left == {"hit", "lo", "ultra"}


async def test_a_search_that_is_cancelled_leaves_no_request_behind(search: Opened) -> None:
    slow = Slow()
    asking = search(slow)
    first = asyncio.ensure_future(anext(asking))
    await slow.until(lambda: "mag" in slow.waiting)
    slow.waiting["mag"].set()
    await first
    second = asyncio.ensure_future(anext(asking))
    await slow.until(lambda: len(slow.waiting) == 4)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await slow.until(lambda: not slow.waiting)
    assert slow.left == set(NAMES[1:5])


async def test_an_archive_that_refuses_is_asked_once(archive_at: Open) -> None:
    fake = FakeImap(always=lambda: web.json_response({"message": "Forbidden"}, status=403))
    async with await archive_at(fake) as archive:
        with pytest.raises(AccessDenied):
            await anext(archive.search(ImapQuery.of(instrument=INSTRUMENTS)))
    assert len(fake.asked) == 1


async def test_an_archive_of_2024_is_understood_although_several_ask_it_at_once(archive_at: Open) -> None:
    rows = [old_science(f"2024{month:02}01", instrument=name) for month in range(1, 13) for name in ("mag", "swe")]
    fake = FakeImap(rows, generation=2, most_rows=3, size_status=413)
    async with await archive_at(fake) as archive:
        found = [file.key async for file in archive.search(ImapQuery.of(instrument="mag,swe,hit"))]
    assert sorted(found) == in_series(rows)
