"""The parts of a search, of which the next few are on their way while one is read."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from imap_bulk.archives.imap.query import ImapQuery
from imap_bulk.http import Reply

Ask = Callable[[ImapQuery], Coroutine[Any, Any, Reply]]


@dataclass(slots=True)
class Question:
    """A part of a search. Its first attempt may begin before its turn; those after a failure wait for it."""

    piece: ImapQuery
    suspected: int | None = None
    """The status that split the query of which this is a part."""
    reply: asyncio.Task[Reply] | None = None

    def ask(self, ask: Ask) -> None:
        """Begin the first attempt."""
        self.reply = self.reply or asyncio.create_task(ask(self.piece))

    async def next_reply(self, ask: Ask) -> Reply:
        """Return the reply to the attempt that has begun, or else to another one."""
        reply, self.reply = self.reply, None
        return await (reply or ask(self.piece))


async def forget(replies: Sequence[asyncio.Task[Reply]]) -> None:
    """End attempts that nobody waits for any more."""
    for reply in replies:
        reply.cancel()
    await asyncio.gather(*replies, return_exceptions=True)
