"""What MySQL and ADQL know and SQLite does not: SHOW, DESCRIBE, a semicolon at the end, TOP."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from imap_bulk.server.lsst.sample import DATABASES, Database, database
from imap_bulk.server.lsst.schema import Table

Told = tuple[Sequence[str], Sequence[tuple[Any, ...]]]
"""The names of columns, and rows."""

_QUOTED = r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')"""
_NAME = r"`?(?P<{}>[A-Za-z0-9_]+)`?"
_TABLE = _NAME.format("database") + r"\s*\.\s*" + _NAME.format("table")
_IN = r"(?:IN|FROM)\s+"


def _statement(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_DATABASES = _statement(rf"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+LIKE\s+{_QUOTED})?")
_TABLES = _statement(rf"SHOW\s+TABLES\s+{_IN}{_NAME.format('database')}(?:\s+LIKE\s+{_QUOTED})?")
_COLUMNS = _statement(rf"(?:SHOW\s+(?:COLUMNS|FIELDS)\s+{_IN}|DESCRIBE\s+|DESC\s+){_TABLE}")
_CREATE = _statement(rf"SHOW\s+CREATE\s+TABLE\s+{_TABLE}")
_TOP = _statement(r"(\s*SELECT\s+(?:DISTINCT\s+|ALL\s+)?)TOP\s+([0-9]{1,18})\s")


class Unknown(LookupError):
    """There is no such database or table."""


def answer(statement: str) -> Told | None:
    """Answer what SQLite has no words for; None is for what it has. Raises Unknown."""
    text = _bare(statement)
    for pattern, told in _ANSWERS:
        if match := pattern.fullmatch(text):
            return told(match)
    return None


def to_sqlite(statement: str) -> str:
    """Rewrite a statement in SQLite's dialect."""
    text = _bare(statement)
    if match := _TOP.match(text):
        return f"SELECT * FROM ({match[1]}{text[match.end() :]}\n) LIMIT {match[2]}"  # noqa: S608 - a stranger's anyhow
    return text


def like(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a text is LIKE the pattern, without regard to case.

    One regular expression would do, and with many `%` take years.
    """
    first, *others = (_like_piece(piece) for piece in pattern.split("%"))

    def is_like(text: str) -> bool:
        if not others:
            return first.fullmatch(text) is not None
        found = first.match(text)
        for piece in others[:-1]:
            found = found and piece.search(text, found.end())
        tail = len(text) - len(pattern.rpartition("%")[2])
        return found is not None and tail >= found.end() and others[-1].fullmatch(text, tail) is not None

    return is_like


def _like_piece(piece: str) -> re.Pattern[str]:
    letters = ("." if letter == "_" else re.escape(letter) for letter in piece)
    return re.compile("".join(letters), re.IGNORECASE | re.DOTALL)


def _bare(statement: str) -> str:
    return statement.strip().rstrip("; \t\r\n")


def _databases(match: re.Match[str]) -> Told:
    return ["Database"], [(name,) for name in _liked(match, (each.name for each in DATABASES))]


def _tables(match: re.Match[str]) -> Told:
    found = _known(match["database"])
    return [f"Tables_in_{found.name}"], [(name,) for name in _liked(match, (table.name for table in found.tables))]


def _columns(match: re.Match[str]) -> Told:
    table = _known_table(match)
    rows = [
        (
            column.name,
            column.type,
            "YES" if column.nullable else "NO",
            "PRI" if column.name == table.key else "",
            None,
            "",
        )
        for column in table.columns
    ]
    return ["Field", "Type", "Null", "Key", "Default", "Extra"], rows


def _create(match: re.Match[str]) -> Told:
    table = _known_table(match)
    return ["Table", "Create Table"], [(table.name, table.mysql())]


def _liked(match: re.Match[str], names: Iterator[str]) -> list[str]:
    wanted = match["double"] if match["double"] is not None else match["single"]
    return list(filter(like("%" if wanted is None else wanted), names))


def _known(name: str) -> Database:
    found = database(name)
    if found is None:
        raise Unknown(f"Unknown database '{name}'")
    return found


def _known_table(match: re.Match[str]) -> Table:
    table = _known(match["database"]).table(match["table"])
    if table is None:
        raise Unknown(f"Table '{match['database']}.{match['table']}' doesn't exist")
    return table


_ANSWERS = ((_DATABASES, _databases), (_TABLES, _tables), (_COLUMNS, _columns), (_CREATE, _create))
