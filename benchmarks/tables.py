"""Medians, ratios, and a Markdown table of a result."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Self

from benchmarks.rivals import OURS

_COLUMNS = (
    "tool", "wall s (min-max)", "files/s", "MB/s", "CPU s", "server CPU s", "peak RSS MiB", "verifies", "ok",
    "wall / ours (min-max)",
)  # fmt: skip


_MANY_FILES = 1000
_MUCH_LATE = 0.01


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """Sum up some values; None where there are none."""
        known = sorted(values)
        return cls(median(known), known[0], known[-1]) if known else None

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Row:
    """One tool: medians over its good rounds; seconds, MB (10^6 bytes) and MiB."""

    peer: str
    version: str
    verifies: bool
    wall: Spread | None
    """None where no round was good."""
    files_per_second: float
    mb_per_second: float
    cpu: float
    server_cpu: float
    rss_mib: float
    ratio: Spread | None
    """Its wall by ours, within each round; above 1, ours was faster."""
    problem: str


def rows(result: Mapping[str, Any], base: str = OURS) -> list[Row]:
    """Sum up a result, the fastest first, those that failed last."""
    by_peer = {peer: [run for run in result["rounds"] if run["peer"] == peer] for peer in result["peers"]}
    base_walls = {run["round"]: run["wall"] for run in _good(by_peer.get(base, []))}
    found = [_row(peer, runs, result, base_walls) for peer, runs in by_peer.items()]
    return sorted(found, key=lambda row: row.wall.median if row.wall else float("inf"))


def _row(
    peer: str, runs: Sequence[Mapping[str, Any]], result: Mapping[str, Any], base_walls: Mapping[int, float]
) -> Row:
    good = _good(runs)
    wall = Spread.of(run["wall"] for run in good)
    ratios = [run["wall"] / base_walls[run["round"]] for run in good if run["round"] in base_walls]
    told = result["peers"][peer]
    work = result["workload"]

    def middle(value: Callable[[Mapping[str, Any]], float]) -> float:
        return median(map(value, good)) if good else 0.0

    return Row(
        peer, told["version"] or "", told["verifies"], wall,
        files_per_second=work["files"] / wall.median if wall else 0.0,
        mb_per_second=work["bytes"] / 1e6 / wall.median if wall else 0.0,
        cpu=middle(lambda run: run["user"] + run["sys"]),
        server_cpu=middle(lambda run: run["server_cpu"]),
        rss_mib=middle(lambda run: run["rss_mib"]),
        ratio=Spread.of(ratios),
        problem=_problem(runs),
    )  # fmt: skip


def amount_of(result: Mapping[str, Any]) -> tuple[float, str]:
    """Return what is divided by seconds, and the unit that this gives: files/s, or MB/s where files are few."""
    work = result["workload"]
    if work["files"] / work["scale"] >= _MANY_FILES:
        return work["files"], "files/s"
    return work["bytes"] / 1e6, "MB/s"


def _good(runs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [run for run in runs if not run["problem"]]


def _problem(runs: Sequence[Mapping[str, Any]]) -> str:
    bad = [run for run in runs if run["problem"]]
    return f"failed {len(bad)} of {len(runs)}: {bad[0]['problem']}" if bad else ""


def markdown(result: Mapping[str, Any]) -> str:
    """Return the table, with a line above that says on what, and one below for who was missing."""
    lines = [
        heading(result),
        "",
        _line(_COLUMNS),
        _line("---" if at == 0 else "--:" for at in range(len(_COLUMNS))),
    ]
    lines += [_line(_cells(row)) for row in rows(result)]
    if result["not_installed"]:
        lines += ["", f"Not installed: {', '.join(result['not_installed'])}."]
    return "\n".join(lines) + "\n"


def heading(result: Mapping[str, Any]) -> str:
    """Say what was measured, on what, and when, in one line."""
    work, machine, net = result["workload"], result["machine"], result["network"]
    scale = "" if work["scale"] == 1 else f", scale {work['scale']:g}: for breakage, not for figures"
    tls = ", TLS" if work.get("tls") else ""
    rounds = max((run["round"] for run in result["rounds"]), default=0)
    own = _way(net)
    doubt = "?" if net["congestion_control"] == "bbr" else ""  # it paces, so ratios shrink
    return (
        f"**{work['name']}**: {work['files']:,} files, {work['bytes'] / 1e6:,.0f} MB, {work['direction']}{tls}"
        f"{scale}. {result['server']}, {net['congestion_control']}{doubt} in {own}; {machine['cores']} cores of "
        f"{machine['cpu']}, {machine['system']}, {machine['python']}; {rounds} rounds; {result['date'][:10]}."
    )


def _way(net: Mapping[str, Any]) -> str:
    link = net.get("link")
    if not link:
        return "own namespace" if net["namespace"] else "the host's loopback"
    loss = f", {link['loss'] * 100:g} % of packets lost each way" if link["loss"] else ""
    how = (
        "two namespaces" if link["kind"] == "tun" else "a delaying proxy: no real TCP on the way, so for breakage"
    )
    return (
        f"{how}, {link['rtt_ms']:g} ms round trip{loss} (measured: connect {link['connect_ms']:.1f} ms, "
        f"request {link['request_ms']:.1f} ms{_doubts(link)})"
    )


def _doubts(link: Mapping[str, Any]) -> str:
    late, overflowed = link.get("late", 0) / max(1, link.get("carried", 0)), link.get("overflowed", 0)
    told = f"; {late:.0%} of packets over 5 ms late: the machine was too busy" if late > _MUCH_LATE else ""
    return told + (f"; {overflowed:,} packets dropped that should not have been" if overflowed else "")


def _cells(row: Row) -> list[str]:
    name = f"{row.peer} {row.version}".strip()
    verifies = "yes" if row.verifies else "no"
    if row.wall is None:
        return [name, *["-"] * 6, verifies, row.problem.replace("|", "/"), "-"]
    return [
        f"**{name}**" if row.peer == OURS else name,
        str(row.wall), figure(row.files_per_second), figure(row.mb_per_second), f"{row.cpu:.2f}",
        f"{row.server_cpu:.2f}", f"{row.rss_mib:.0f}", verifies, row.problem.replace("|", "/") or "yes",
        f"{row.ratio}" if row.ratio else "-",
    ]  # fmt: skip


def figure(value: float) -> str:
    """Write a rate with as many digits as it deserves."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
