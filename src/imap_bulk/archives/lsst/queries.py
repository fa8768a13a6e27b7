"""The answers to SQL: tables, whose columns servers describe in two places; and those of parts, in order."""

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from imap_bulk.archives.lsst import jobs
from imap_bulk.archives.lsst.envelopes import read_document, result_of
from imap_bulk.archives.lsst.jobs import Patience
from imap_bulk.archives.lsst.service import Service
from imap_bulk.archives.lsst.statement import parse
from imap_bulk.errors import Garbled, Rejected, Stalled
from imap_bulk.http import Reply
from imap_bulk.retry import persist
from imap_bulk.transport.api import AnswerTooLong

_LATER = {"Prefer": "respond-async"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `datatype` is long, double, text or binary, guessed by the server from its first row."""

    name: str
    datatype: str = "text"
    xtype: str = ""
    """`timestamp` or `date` where the text is one."""


@dataclass(frozen=True, slots=True)
class Table:
    """An answer. Without rows the columns are unknown, as servers have it. Integers are exact, binary is bytes."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]


async def ask(service: Service, sql: str, patience: Patience | None = None) -> Table:
    """Ask for one statement; with `patience`, have the archive work on it while nobody holds the line.

    Raises Rejected for bad SQL, Garbled, TransientError.
    """
    subject = _shown(sql)
    body, headers = urlencode({"query": sql}).encode(), {**_FORM, **(_LATER if patience else {})}

    async def attempt() -> Table:
        try:
            reply = await service.ask("POST", "/db/v0/tap/sync", None, body, headers)
        except Stalled as error:  # asked once more, the server would be at it twice
            within = f"no answer within {service.settings.idle_timeout:g} s"
            raise Rejected(f"{subject}: {within}; ask in parts (--partition), or give it --timeout") from error
        if reply.status == 202 and patience:
            reply = await _result(service, reply, patience, subject)
        return read_table(reply, subject)

    try:
        return await persist(attempt, service.settings)
    except AnswerTooLong as error:
        raise Rejected(f"{subject}: {error}; ask for it in parts, by --partition COLUMN:LO:HI:N") from error


async def _result(service: Service, accepted: Reply, patience: Patience, subject: str) -> Reply:
    """Wait for the answer to a statement that the archive has put off."""
    found = await jobs.finished(service, jobs.id_of(accepted, subject), patience, subject)
    if len(found) != 1:
        raise Rejected(f"{subject}: {len(found)} results came in place of one")
    return await service.persist("GET", service.below(found[0]))


async def ask_each(
    service: Service, statements: Sequence[str], at_once: int, patience: Patience | None = None
) -> AsyncGenerator[Table, None]:
    """Yield the answers in the order of the statements; no more than `at_once` are under way or in memory.

    Raises as `ask`, and Garbled when their columns differ.
    """
    waiting = iter(statements)
    first: tuple[str, ...] = ()
    flight = deque(asyncio.create_task(ask(service, sql, patience)) for sql in islice(waiting, at_once))
    try:
        while flight:
            table = await flight.popleft()
            told = tuple(column.name for column in table.columns)
            first = first or told
            if told and told != first:
                raise Garbled(f"parts of one query have different columns: {', '.join(first)}; {', '.join(told)}")
            yield table
            del table  # before the next one comes
            flight.extend(asyncio.create_task(ask(service, sql, patience)) for sql in islice(waiting, 1))
    finally:
        for task in flight:
            task.cancel()
        await asyncio.gather(*flight, return_exceptions=True)


async def count(service: Service, sql: str) -> int:
    """Ask how many rows a statement has. Raises BadQuery where that cannot be asked, and as `ask`."""
    table = await ask(service, parse(sql, "for its number of rows").count())
    match [list(row) for row in table.rows]:
        case [[int(number)]]:
            return number
    raise Garbled(f"{_shown(sql)}: the archive answered no number of rows")


def read_table(reply: Reply, subject: str) -> Table:
    """Read the answer to a query. Raises Rejected, Garbled."""
    result = result_of(read_document(reply, subject), subject)
    table = result.get("table") if isinstance(result, dict) else None
    if not isinstance(table, dict) or not isinstance(table.get("data"), list):
        raise Garbled(f"{subject}: the archive answered no table ({reply.words}); check the URL")
    described = table.get("metadata") or result.get("metadata") or {}
    columns = _columns(described.get("elements") if isinstance(described, dict) else None, subject)
    rows = table["data"]
    if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
        raise Garbled(f"{subject}: a row has not as many values as there are columns ({len(columns)})")
    return Table(columns, _decoded(rows, columns, subject))


def _columns(elements: Any, subject: str) -> tuple[Column, ...]:
    if not isinstance(elements, list) or not all(isinstance(told, dict) and "name" in told for told in elements):
        raise Garbled(f"{subject}: the archive does not say which columns there are")
    return tuple(
        Column(str(told["name"]), str(told.get("datatype", "text")), str(told.get("xtype", "")))
        for told in elements
    )


def _decoded(rows: list[list[Any]], columns: Sequence[Column], subject: str) -> list[list[Any]]:
    """Make bytes of what came as base64."""
    binary = [at for at, column in enumerate(columns) if column.datatype == "binary"]
    try:
        for row in rows if binary else ():
            for at in binary:
                row[at] = None if row[at] is None else base64.b64decode(row[at], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Garbled(f"{subject}: a binary value is no base64") from error
    return rows


def _shown(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[:_SHOWN_CHARACTERS] + " …"
