"""What the catalog can be asked for, as one SQL statement."""
# ruff: noqa: S608 - statements are built from the constants of `rows`; every value goes through a placeholder

from dataclasses import dataclass
from enum import StrEnum

from imap_bulk.filenames import Kind
from imap_bulk.server.rows import COLUMNS, SERIES, Value

FACTS = "size, md5, sha256, ingested"
"""The columns of a `StoredObject`, in its order."""

PENDING = f"SELECT name, key, {FACTS} FROM pending"

_UNKNOWN_WHILE_PENDING = {"ingested", "size", "md5", "sha256", "released"}


class Versions(StrEnum):
    """Which of several versions a search answers with."""

    ALL = "all"
    NEWEST = "newest"
    LATEST_MAJOR = "latest major"
    NEWEST_KERNEL = "newest kernel"


@dataclass(frozen=True, slots=True)
class Condition:
    """`column` `operator` `value`; all conditions of a search must hold."""

    column: str
    operator: str
    value: Value

    def __post_init__(self) -> None:
        assert self.column in COLUMNS
        assert self.operator in {"=", ">=", "<=", "<", "<>"}


@dataclass(frozen=True, slots=True)
class Search:
    """Which rows are wanted: of one kind, under all of the conditions, in some of their versions."""

    kind: Kind
    conditions: tuple[Condition, ...] = ()
    versions: Versions = Versions.ALL

    def statement(self) -> tuple[str, list[Value]]:
        """Return the SQL, ordered by key, with the values for its placeholders."""
        where = " AND ".join(("kind = ?", *(f"{each.column} {each.operator} ?" for each in self.conditions)))
        rows = f"SELECT * FROM objects WHERE {where}"
        values: list[Value] = [self.kind.value, *(each.value for each in self.conditions)]
        if self.versions is Versions.ALL:
            return f"{rows} ORDER BY key", values
        if self.versions is Versions.NEWEST_KERNEL:
            newest = "(SELECT max(minor) FROM objects AS o WHERE o.file_root = objects.file_root)"
            return f"{rows} AND minor = {newest} ORDER BY key", values
        # NULL sorts lowest in SQLite: a version without a major (vNNN) is older than any that has one.
        # Rows of equal rank all stay, as with the SDC: a .cdf beside a .pkts, or two Carrington rotations.
        order = "major DESC" if self.versions is Versions.LATEST_MAJOR else "major DESC, minor DESC, version DESC"
        # Ranked are ids alone: whole rows, sorted for nothing, would take half as long again.
        # The plus keeps SQLite from choosing an index for its order and not for what it finds.
        place = f"rank() OVER (PARTITION BY +{SERIES} ORDER BY {order}) AS place"
        ranked = f"SELECT rowid AS id, {place} FROM objects WHERE {where}"
        chosen = f"SELECT id FROM ({ranked}) WHERE place = 1"
        return f"SELECT * FROM objects WHERE rowid IN ({chosen}) ORDER BY key", values

    def pending_statement(self) -> tuple[str, list[Value]]:
        """Return the SQL for what may match, once it is settled, with the values for its placeholders."""
        known = [each for each in self.conditions if each.column not in _UNKNOWN_WHILE_PENDING]
        where = " AND ".join(("kind = ?", *(f"{each.column} {each.operator} ?" for each in known)))
        return f"{PENDING} WHERE {where}", [self.kind.value, *(each.value for each in known)]
