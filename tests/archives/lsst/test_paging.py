"""A list, page by page: no name is lost and none is repeated, whatever a server makes of start and count."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.archives.lsst.envelopes import Page
from imap_bulk.archives.lsst.paging import UnstableList, names
from imap_bulk.errors import Rejected


@dataclass
class Shelf:
    """Plays a server's list; `turned` sees it change after each page."""

    listed: list[str]
    cap: int = 1000
    flags: bool = True
    ignores: bool = False
    is_stable: bool = True
    turned: Callable[["Shelf"], None] = lambda _: None
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def turn(self, start: int, count: int) -> Page:
        self.asked.append((start, count))
        end = start + min(count, self.cap)
        found = self.listed if self.ignores else self.listed[start:end]
        more, stable = (end < len(self.listed), self.is_stable) if self.flags else (None, None)
        page = Page(tuple(found), more, stable)
        self.turned(self)
        return page

    async def all(self, count: int = 5, *, stable: bool = False) -> list[str]:
        return [name async for name in names(self.turn, "the list", count=count, stable=stable)]


def named(count: int) -> list[str]:
    return [f"image{number}" for number in range(count)]


async def test_pages_follow_one_another() -> None:
    shelf = Shelf(named(12))
    assert await shelf.all() == named(12)
    assert shelf.asked == [(0, 5), (5, 5), (10, 5)]


async def test_a_server_may_send_shorter_pages_than_are_asked_for() -> None:
    shelf = Shelf(named(12), cap=3)
    assert await shelf.all() == named(12)
    assert [start for start, _ in shelf.asked] == [0, 3, 6, 9]


async def test_without_flags_a_short_page_may_be_a_cap() -> None:
    assert await Shelf(named(12), cap=3, flags=False).all() == named(12)


async def test_a_server_that_ignores_the_page_is_asked_twice() -> None:
    shelf = Shelf(named(12), flags=False, ignores=True)
    assert await shelf.all() == named(12)
    assert len(shelf.asked) == 2


async def test_an_empty_list_is_asked_for_once() -> None:
    shelf = Shelf([])
    assert await shelf.all() == []
    assert len(shelf.asked) == 1


async def test_endless_promises_of_more_end() -> None:
    async def turn(_start: int, _count: int) -> Page:
        return Page(("a",), more=True)

    with pytest.raises(Rejected, match="promises more names again and again"):
        [name async for name in names(turn, "the list")]


@pytest.mark.parametrize("at_once", [1, 4, 7])
async def test_a_list_that_grows_at_its_beginning_loses_none_and_repeats_none(at_once: int) -> None:
    new = iter(range(100))

    def grow(shelf: Shelf) -> None:
        if len(shelf.asked) <= 3:
            shelf.listed[:0] = [f"new{next(new)}" for _ in range(at_once)]

    shelf = Shelf(named(12), is_stable=False, turned=grow)
    found = await shelf.all()
    assert len(found) == len(set(found))
    assert set(found) == set(shelf.listed)


async def test_a_list_that_changes_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await Shelf(named(12), is_stable=False).all()
    assert "the list: this list changes while it is read" in caplog.text


async def test_one_page_is_of_one_moment(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(named(3), is_stable=False)
    assert await shelf.all() == named(3)
    assert (len(shelf.asked), caplog.text) == (1, "")


async def test_a_list_that_changes_can_be_refused() -> None:
    with pytest.raises(UnstableList, match="changes while it is read"):
        await Shelf(named(3), is_stable=False).all(stable=True)


@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans())
async def test_any_server_gives_all_names_once(
    size: int, count: int, cap: int, flags: bool, ignores: bool
) -> None:
    shelf = Shelf(named(size), cap, flags, ignores)
    assert await shelf.all(count) == named(size)
