"""A SELECT taken apart as far as it must be to ask for it in ranges of a column, or for the number of its rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from imap_bulk.errors import BadQuery

_QUOTED = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `[^`]*`  # in MySQL's three ways
      | --(?=\s|$)[^\n]* | \#[^\n]* | /\*.*?\*/              # comments""",
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]*|[()]")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_COUNT = re.compile("[0-9]{1,18}")
_WHOLE = ("union", "group", "having", "limit", "procedure", "into", "for", "distinct", "intersect", "except")
"""What makes the rows of a part others than a part of the rows."""
_AGGREGATE = re.compile(r"\b(count|sum|avg|min|max|std|stddev|variance|group_concat)\s*\(", re.IGNORECASE)
_CLAUSES = ("select", "from", "where", "order")
_MOST_PARTS = 100_000


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT without what would make parts of it mean something else."""

    selected: str
    source: str
    """FROM and what is joined to it."""
    where: str
    order: str
    """The columns that it is ordered by, if it is."""

    @property
    def text(self) -> str:
        """The statement."""
        clauses = {"SELECT": self.selected, "FROM": self.source, "WHERE": self.where, "ORDER BY": self.order}
        return " ".join(f"{name} {clause}" for name, clause in clauses.items() if clause)

    def within(self, condition: str) -> str:
        """Return the statement under one more condition."""
        where = f"({self.where}) AND {condition}" if self.where else condition
        return Statement(self.selected, self.source, where, self.order).text

    def count(self) -> str:
        """Return the statement that counts its rows."""
        return Statement("COUNT(*)", self.source, self.where, "").text


def parse(sql: str, purpose: str) -> Statement:
    """Take a SELECT apart; `purpose` says what for. Raises BadQuery where its rows depend on all of the others."""
    sql = _QUOTED.sub(lambda match: match[0] if match[0][0] in "'\"`" else " ", sql).strip().rstrip("; \n\t")
    bare = _QUOTED.sub(lambda match: " " * len(match[0]), sql)
    places: dict[str, int] = {}
    for word, start in _top_level_words(bare):
        if word in _WHOLE:
            raise BadQuery(f"a statement with {word.upper()} cannot be asked {purpose}: leave one of them out")
        if word in _CLAUSES and word in places:
            raise BadQuery(f"a statement with two {word.upper()} cannot be asked {purpose}")
        if word in _CLAUSES:
            places[word] = start
    in_order = sorted(places, key=_CLAUSES.index) == list(places)
    if not in_order or list(places)[:2] != ["select", "from"] or places["select"]:
        raise BadQuery("only one query, SELECT and FROM, can be asked " + purpose)
    ends = [*list(places.values())[1:], len(sql)]
    clauses = {
        word: sql[start + len(word) : end].strip() for (word, start), end in zip(places.items(), ends, strict=True)
    }
    if _AGGREGATE.search(bare[: places["from"]]):
        raise BadQuery(f"a statement that counts or sums up cannot be asked {purpose}")
    order = re.sub(r"(?i)^by\s+", "", clauses.get("order", ""))
    return Statement(clauses["select"], clauses["from"], clauses.get("where", ""), order)


def _top_level_words(bare: str) -> Iterator[tuple[str, int]]:
    """Yield the words outside parentheses, in lower case, and where they begin."""
    depth = 0
    for match in _WORD.finditer(bare):
        depth += (match[0] == "(") - (match[0] == ")")
        if depth == 0 and match[0] != ")":
            yield match[0].lower(), match.start()


@dataclass(frozen=True, slots=True)
class Partition:
    """How a SELECT is cut: a column, and the numbers at which it is. Nothing outside of them is left out."""

    column: str
    cuts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Partition":
        """Read COLUMN:LO:HI:N, N parts of equal width from LO to HI. Raises BadQuery."""
        column, *numbers = text.split(":")
        is_well_formed = len(numbers) == 3 and all(map(_NUMBER.fullmatch, numbers[:2]))
        if not is_well_formed or not _COUNT.fullmatch(numbers[2]) or not _COLUMN.fullmatch(column):
            raise BadQuery(f"the partition {text!r} is none; write COLUMN:LO:HI:N, as in id:0:200000:16")
        low, high, parts = Fraction(numbers[0]), Fraction(numbers[1]), int(numbers[2])
        if low >= high or not 1 <= parts <= _MOST_PARTS:
            raise BadQuery(f"the partition {text!r} needs LO below HI, and 1 to {_MOST_PARTS} parts")
        is_whole = "." not in numbers[0] + numbers[1]
        steps = (low + (high - low) * step / parts for step in range(1, parts))
        return cls(column, tuple(dict.fromkeys(_number(cut, is_whole) for cut in steps)))

    def conditions(self) -> Iterator[str]:
        """Yield one condition a part. Each row meets exactly one, that without a value the first."""
        if not self.cuts:
            yield "1 = 1"
            return
        yield f"({self.column} < {self.cuts[0]} OR {self.column} IS NULL)"
        for low, high in zip(self.cuts, self.cuts[1:], strict=False):
            yield f"({self.column} >= {low} AND {self.column} < {high})"
        yield f"{self.column} >= {self.cuts[-1]}"


def _number(cut: Fraction, is_whole: bool) -> str:
    return str(int(cut // 1)) if is_whole else f"{float(cut)!r}"


def statements(sql: str, partition: Partition | None) -> tuple[str, ...]:
    """Return a statement as it is, or one for each part. Raises BadQuery where parts would not add up to it."""
    if partition is None:
        return (sql,)
    parsed = parse(sql, "in parts")
    ascending = re.sub(r"(?i)\s+asc$", "", parsed.order)
    if ascending and ascending != partition.column:
        raise BadQuery(
            f"parts come in the order of {partition.column}: order by it, or leave ORDER BY {parsed.order} out"
        )
    return tuple(parsed.within(condition) for condition in partition.conditions())
