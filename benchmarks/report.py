"""All kept results in a few Markdown tables, with a chart of each: what a README shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import chart, results
from benchmarks.rivals import OURS
from benchmarks.tables import Row, amount_of, figure, heading, rows

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
"""What stands around the report in a file that shows it."""

_WAYS = ("Over loopback", "Over loopback, encrypted (TLS)", "A long way off", "A long way off, encrypted (TLS)")
_NEAR, _NEAR_TLS, _FAR, _FAR_TLS = _WAYS


def write(directory: Path = results.DIRECTORY) -> str:
    """Draw the newest result of each workload and distance; return the Markdown of all.

    Raises RuntimeError where there is none, OSError.
    """
    kept = results.latest(directory)
    if not kept:
        raise RuntimeError(f"{directory} holds no results of whole workloads")
    for result in kept:
        (directory / f"{results.title(result)}.svg").write_text(chart.svg(result), encoding="utf-8")
    return markdown(kept)


def markdown(kept: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for each way that bytes went: a line a tool, a column a result."""
    ways: dict[str, list[Mapping[str, Any]]] = {}
    for result in kept:
        ways.setdefault(_way(result), []).append(result)
    tables = (f"**{way}**\n\n{_table(ways[way])}" for way in _WAYS if way in ways)
    told = "In brackets: how many times as fast imap-bulk was, median of the ratios within each round.\n"
    return "\n".join([*tables, told])


def _way(result: Mapping[str, Any]) -> str:
    near, far = (_NEAR_TLS, _FAR_TLS) if result["workload"].get("tls") else (_NEAR, _FAR)
    return far if result["network"].get("link") else near


def _table(kept: Sequence[Mapping[str, Any]]) -> str:
    columns = [{row.peer: row for row in rows(result)} for result in kept]
    peers = dict.fromkeys(peer for column in columns for peer in column)
    names = [f"{results.title(result)}, {amount_of(result)[1]}" for result in kept]
    lines = [
        _line(["tool", "checks content", *names]),
        _line(["---", *["--:"] * (1 + len(kept))]),
        *(_line(_cells(peer, kept, columns)) for peer in sorted(peers, key=lambda name: name != OURS)),
        "",
        *(f"- {heading(result)}" for result in kept),
    ]
    return "\n".join(lines) + "\n"


def put_into(path: Path, report: str) -> None:
    """Replace what stands between the marks of a file. Raises RuntimeError where there are none, OSError."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise RuntimeError(f"{path} has no lines {BEGIN!r} and {END!r}")
    path.write_text(f"{before}{BEGIN}\n{report}{END}{after}", encoding="utf-8")


def _cells(peer: str, kept: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Row]]) -> list[str]:
    row = next(column[peer] for column in columns if peer in column)
    name = f"**{peer}**" if peer == OURS else peer
    rates = [_rate(column.get(peer), amount_of(result)[0]) for result, column in zip(kept, columns, strict=True)]
    return [name, "yes" if row.verifies else "no", *rates]


def _rate(row: Row | None, amount: float) -> str:
    if row is None:
        return ""
    if row.wall is None:
        return "failed"
    ratio = f" ({row.ratio.median:.2f}x)" if row.ratio and row.peer != OURS else ""
    return f"{figure(amount / row.wall.median)}{ratio}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
