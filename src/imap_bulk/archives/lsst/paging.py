"""A list, page by page, from servers that say whether there is more, and from those that ignore what is asked."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable

from imap_bulk.archives.lsst.envelopes import Page
from imap_bulk.errors import Rejected
from imap_bulk.listing import Seen

_LOG = logging.getLogger(__name__)

COUNT = 1000
"""Names that are asked for at once; what the page of 2015 has as its default."""

_MOST_FRUITLESS = 3
"""Pages in a row without a new name that are read because the server says that there is more."""

Turn = Callable[[int, int], Awaitable[Page]]
"""Asks for one page: from which place on, counting from 0, and how many names."""


class UnstableList(Rejected):
    """The list changes while it is read, and that was not wanted."""


async def names(
    turn: Turn, subject: str, *, count: int = COUNT, stable: bool = False
) -> AsyncGenerator[str, None]:
    """Yield each name of a list once, in its order.

    A server may cap `count`, so that the next page begins behind what has come. One that does not say whether
    there is more is asked until a page brings nothing new: it may send the whole list each time. Where the list
    changes between its pages, its beginning is read again. Raises UnstableList if it has to be `stable`.
    """
    seen, may_change, is_over = Seen(), False, False
    start = first = fruitless = 0
    while not is_over:
        page = await turn(start, count)
        may_change = may_change or page.stable is False
        if may_change and stable:
            raise UnstableList(f"{subject}: the archive says that this list changes while it is read")
        fresh = [name for name in page.names if seen.add(name)]
        for name in fresh:
            yield name
        start += len(page.names)
        first = first or start
        fruitless = 0 if fresh else fruitless + 1
        if page.more and fruitless == _MOST_FRUITLESS:
            raise Rejected(f"{subject}: the archive promises more names again and again, but sends none")
        is_over = not (page.more or (page.more is None and fresh))
    if may_change and start > first:  # one page is of one moment
        _LOG.warning(
            "Warning: %s: this list changes while it is read; if it matters what is new, read it again", subject
        )
        async for name in _new_at_the_beginning(turn, seen, count):
            yield name


async def _new_at_the_beginning(turn: Turn, seen: Seen, count: int) -> AsyncGenerator[str, None]:
    """Read the first pages again, until one of them holds a name that is known."""
    start = 0
    while page := (await turn(start, count)).names:
        fresh = [name for name in page if seen.add(name)]
        for name in fresh:
            yield name
        if len(fresh) < len(page):
            return
        start += len(page)
