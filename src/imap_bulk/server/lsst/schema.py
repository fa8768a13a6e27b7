"""The tables of the catalogue databases: their columns as MySQL shows them, and as SQLite keeps them."""

from collections.abc import Iterator
from dataclasses import dataclass

_KINDS = {"bigint": "long", "int": "long", "tinyint": "long", "double": "double", "float": "double"}
_AFFINITIES = {"long": "INTEGER", "double": "REAL", "text": "TEXT"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `type` is MySQL's, such as `bigint(20)`."""

    name: str
    type: str
    nullable: bool = False

    @property
    def datatype(self) -> str:
        """What an answer calls the type: long, double or text."""
        return _KINDS.get(self.type.partition("(")[0], "text")


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first column is the primary key."""

    name: str
    description: str
    columns: tuple[Column, ...]

    @property
    def key(self) -> str:
        """Name of the primary key."""
        return self.columns[0].name

    def sqlite(self, database: str) -> str:
        """Return the statement that creates the table in SQLite."""
        return f"CREATE TABLE {database}.{self.name} ({', '.join(self._sqlite_columns())})"

    def _sqlite_columns(self) -> Iterator[str]:
        for column in self.columns:
            affinity = _AFFINITIES[column.datatype]
            yield f"{column.name} {affinity}{' PRIMARY KEY' if column.name == self.key else ''}"

    def mysql(self) -> str:
        """Return what MySQL's SHOW CREATE TABLE would."""
        columns = [
            f"  `{c.name}` {c.type} {'DEFAULT NULL' if c.nullable else 'NOT NULL'},\n" for c in self.columns
        ]
        key = f"  PRIMARY KEY (`{self.key}`)\n"
        return f"CREATE TABLE `{self.name}` (\n{''.join(columns)}{key}) ENGINE=MyISAM DEFAULT CHARSET=latin1"


def _columns(*lines: str) -> tuple[Column, ...]:
    """Read columns written as `name type`; a question mark after the type allows NULL."""
    pairs = [line.split() for line in lines]
    return tuple(Column(name, kind.rstrip("?"), kind.endswith("?")) for name, kind in pairs)


_CORNERS = tuple(f"corner{number}{axis} double" for number in (1, 2, 3, 4) for axis in ("Ra", "Decl"))

EXPOSURES = Table(
    "Science_Ccd_Exposure",
    "exposures of single chips, calibrated",
    _columns(
        "scienceCcdExposureId bigint(20)",
        "run int(11)",
        "filterId tinyint(4)",
        "camcol tinyint(4)",
        "field int(11)",
        "filterName char(3)",
        "ra double",
        "decl double",
        *_CORNERS,
        "obsStart timestamp",
    ),
)
COADDS = Table(
    "DeepCoadd",
    "patches of the sky, stacked from many exposures",
    _columns(
        "deepCoaddId bigint(20)",
        "tract int(11)",
        "patch char(16)",
        "filterName char(3)",
        "ra double",
        "decl double",
        *_CORNERS,
    ),
)
OBJECTS = Table(
    "Object",
    "this is my object table",
    _columns(
        "id bigint(20)",
        "ra double",
        "decl double",
        "flux float",
        "fluxSigma float?",
        "parent bigint(20)?",
        "note text?",
    ),
)
SOURCES = Table(
    "DeepForcedSource",
    "what single exposures show where the stack has an object",
    _columns(
        "deepForcedSourceId bigint(20)",
        "scienceCcdExposureId bigint(20)",
        "deepSourceId bigint(20)",
        "ra double",
        "decl double",
        "timeMid timestamp",
        "flux_psf float?",
        "flux_psf_err float?",
        "flagNegative tinyint(1)",
    ),
)
ALERTS = Table(
    "DiaSource",
    "differences found tonight",
    _columns("diaSourceId bigint(20)", "ra double", "decl double", "flux float?", "obsTime timestamp"),
)

DATATYPES = {
    column.name: column.datatype
    for table in (ALERTS, OBJECTS, SOURCES, COADDS, EXPOSURES)
    for column in table.columns
}
"""Column -> datatype, for results that hold no value to tell it from."""
