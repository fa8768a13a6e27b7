"""R11: names that lead nowhere, or not in time, or to another place the next time. No name is asked outside."""

import errno
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.faults.bench import AT_ONCE, assert_accounted
from tests.faults.networks import HOST, NAME, Archive, Proxy, arrived, listening, serving

from imap_bulk import aio, errors
from imap_bulk.model import Event, Outcome, Result
from imap_bulk.settings import Settings
from imap_bulk.transport import proxies
from imap_bulk.transport.api import ApiSession

PUBLIC = "93.184.216.34"
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
LATER = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

PATIENCE = 0.2
PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")

Found = tuple[str, ...] | socket.gaierror
"""What a look-up finds: addresses, or why there are none."""


@dataclass
class Names:
    """What names lead to: one look-up after another, the last for ever."""

    known: dict[str, list[Found]] = field(default_factory=dict)
    slow: dict[str, int] = field(default_factory=dict)
    """How many look-ups of a name take longer than anybody waits here."""
    asked: list[str] = field(default_factory=list)

    def getaddrinfo(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        """Stand in for `socket.getaddrinfo`."""
        self.asked.append(host)
        if self.slow.get(host, 0) > 0:
            self.slow[host] -= 1
            time.sleep(2 * PATIENCE)
        if host[:1].isdigit():
            found: Found = (host,)
        else:
            several = self.known.get(host, [UNKNOWN])
            found = several.pop(0) if len(several) > 1 else several[0]
        if isinstance(found, socket.gaierror):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Give this machine names of its own, and no way out."""
    names = Names()
    connect = socket.socket.connect

    def connect_here(ours: socket.socket, address: Any) -> None:
        if address[0] != HOST:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        connect(ours, address)

    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    proxies.proxy_for.cache_clear()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect_here)
    yield names
    proxies.proxy_for.cache_clear()


@dataclass
class Place:
    """An archive at archive.example, with its storage at storage.example."""

    data_dir: Path
    archive: Archive
    port: int
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://archive.example:{self.port}"

    async def pull(self, **settings: Any) -> Result:
        """Pull the file, and hold the run to the truth."""
        self.outcomes.clear()

        def note(event: Event) -> None:
            if isinstance(event, Outcome):
                self.outcomes.append(event)

        result = await aio.pull(
            NAME, data_dir=self.data_dir, url=self.url, settings=replace(AT_ONCE, **settings), report=note
        )
        assert_accounted(result, self.outcomes)
        assert arrived(self.data_dir) == result.complete
        return result

    @property
    def error(self) -> errors.BulkError:
        """Why the file has not come."""
        (outcome,) = self.outcomes
        assert outcome.error
        return outcome.error


@pytest.fixture
async def place(names: Names, tmp_path: Path) -> AsyncIterator[Place]:
    names.known = {"archive.example": [(HOST,)], "storage.example": [(HOST,)]}
    archive = Archive()
    async with serving(archive) as port:
        archive.storage = f"http://storage.example:{port}"
        yield Place(tmp_path / "data", archive, port)


async def test_names_that_lead_somewhere_are_followed(place: Place) -> None:
    assert (await place.pull()).done == 1


# --- a name that is unknown


async def test_an_archive_of_an_unknown_name_is_told_at_once(place: Place, names: Names) -> None:
    names.known["archive.example"] = [UNKNOWN]
    result = await place.pull(outage_max=60.0)
    assert (result.failed, result.passing) == (1, 0)
    assert "no address is known for the host archive.example; check the network and the URL" in str(place.error)


async def test_a_search_of_an_archive_of_an_unknown_name_is_told_at_once(names: Names) -> None:
    with pytest.raises(errors.Rejected, match=r"no address is known for the host archive\.example"):
        await aio.query(url="http://archive.example", instrument="mag")
    assert names.asked == ["archive.example"]


async def test_a_name_that_is_unknown_after_it_has_answered_will_be_back(names: Names) -> None:
    # Its look-ups are kept for a while, so that only a look inside can begin with an answer.
    async with ApiSession("http://archive.example", {}, Settings()) as session:
        session._has_answered = True
        with pytest.raises(errors.Interrupted, match="no address is known"):
            await session.get("/query")


async def test_storage_of_an_unknown_name_is_a_passing_failure(place: Place, names: Names) -> None:
    names.known["storage.example"] = [UNKNOWN]
    result = await place.pull()
    assert (result.failed, result.passing) == (1, 1)
    assert "no address is known for the host storage.example" in str(place.error)


async def test_a_proxy_of_an_unknown_name_is_told_at_once(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    through(monkeypatch, "http://proxy.example:3128")
    with pytest.raises(errors.Rejected, match=r"proxy\.example; check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"):
        await aio.query(url="http://archive.example", instrument="mag")


# --- names that are known later, or not in time


async def test_an_archive_whose_name_cannot_be_told_for_a_while_is_searched_all_the_same(
    place: Place, names: Names
) -> None:
    names.known["archive.example"] = [LATER, LATER, (HOST,)]
    assert len(await aio.query(url=place.url, settings=AT_ONCE, instrument="mag")) == 1


@pytest.mark.parametrize("host", ["archive.example", "storage.example"])
async def test_a_name_that_cannot_be_told_for_a_while_loses_nothing(place: Place, names: Names, host: str) -> None:
    names.known[host] = [LATER, LATER, (HOST,)]
    assert (await place.pull(outage_max=60.0)).done == 1


@pytest.mark.parametrize("host", ["archive.example", "storage.example"])
async def test_a_name_that_can_never_be_told_is_a_passing_failure(place: Place, names: Names, host: str) -> None:
    names.known[host] = [LATER]
    result = await place.pull()
    assert (result.failed, result.passing) == (1, 1)
    assert f"no address is known for the host {host}; check the network" in str(place.error)


async def test_an_archive_whose_name_is_not_told_in_time_is_asked_for_again(place: Place, names: Names) -> None:
    names.slow["archive.example"] = 1
    settings = replace(AT_ONCE, connect_timeout=PATIENCE)
    assert len(await aio.query(url=place.url, settings=settings, instrument="mag")) == 1


async def test_storage_whose_name_is_not_told_in_time_is_asked_for_again(place: Place, names: Names) -> None:
    names.slow["storage.example"] = 1
    assert (await place.pull(connect_timeout=PATIENCE, outage_max=60.0)).done == 1


# --- rebinding


def through(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Let the archive be reached through a proxy alone, and everything else without."""
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "storage.example")


@pytest.fixture
async def public_place(place: Place, names: Names, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """Give the archive a public address; it answers through a proxy, as nothing else public can here."""
    names.known["archive.example"] = [(PUBLIC,)]
    async with listening(Proxy().open) as port:
        through(monkeypatch, f"http://{HOST}:{port}")
        yield place


async def test_storage_that_moves_to_a_private_address_is_not_followed(public_place: Place, names: Names) -> None:
    names.known["storage.example"] = [(PUBLIC,), (HOST,)]
    await public_place.pull()
    assert isinstance(public_place.error, errors.Interrupted)  # the public address, which cannot be reached here
    await public_place.pull()
    assert isinstance(public_place.error, errors.Rejected)
    assert f"storage.example, which is the private address {HOST}: not followed" in str(public_place.error)
    assert not [path for path in public_place.archive.asked if path.startswith("/object/")]


async def test_storage_with_a_private_address_among_public_ones_is_not_followed(
    public_place: Place, names: Names
) -> None:
    names.known["storage.example"] = [(PUBLIC, HOST)]
    await public_place.pull()
    assert isinstance(public_place.error, errors.Rejected)
    assert not [path for path in public_place.archive.asked if path.startswith("/object/")]
