"""python -m benchmarks: see `python -m benchmarks --help` and benchmarks/README.md."""

import argparse
import os
import signal
import sys
from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path

from benchmarks import against, chart, network, report, results, tables
from benchmarks.link import Distance
from benchmarks.measure import PATIENCE
from benchmarks.programs import all_rivals, clusters
from benchmarks.rivals import OURS
from benchmarks.session import Plan, play, tell
from benchmarks.workloads import GROUPS, WORKLOADS


def main(arguments: Sequence[str]) -> int:
    """Do what the options say; return the exit code."""
    options = _parse(arguments)
    if options.table:
        print(tables.markdown(results.load(options.table)), end="")
        return 0
    if options.chart:
        print(chart.svg(results.load(options.chart)), end="")
        return 0
    if options.report:
        return _report(options.into)
    if options.rivals:
        os.environ["IMAP_BULK_RIVALS"] = str(options.rivals.resolve())
    if options.list:
        return _list()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers end and worktrees go
    try:
        with against.checkout(options.against) as other:
            if not network.is_inside() and not options.host_network and network.may_isolate():
                return network.run_inside(arguments)
            return _run(options, other)
    except RuntimeError as error:
        tell(f"Error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="imap-bulk beside its rivals.")
    add = parser.add_argument
    add(
        "--workload", type=_workloads, default=["small"], metavar="NAME,...", help=", ".join([*WORKLOADS, *GROUPS])
    )
    add("--scale", type=float, default=1.0, help="a part of the data, as in 0.01; then no results are kept")
    add("--peers", type=_peers, metavar="NAME,...", help="who takes part [default: all that are installed]")
    far = "lay a long way to the server, as in 80ms, or 80ms,0.5%% of packets lost; repeat for several tables"
    add("--link", type=_distance, action="append", metavar="RTT[,LOSS]", help=far)
    slow = "seconds that one run may take; who takes longer does not run again [default: %(default)g]"
    add("--patience", type=float, default=PATIENCE, metavar="S", help=slow)
    add("--rounds", type=int, default=5, help="how often everybody runs [default: 5]")
    add("--against", metavar="REF", help="race also with another commit of imap-bulk")
    add("--rivals", type=Path, metavar="DIR", help="virtual environment of the rivals from PyPI")
    add("--server", choices=("auto", "nginx", "embedded"), default="auto")
    add("--host-network", action="store_true", help="stay out of a network namespace")
    keep = "keep results as a dated file in benchmarks/results [default: if --scale is 1]"
    add("--keep-results", action=argparse.BooleanOptionalAction, help=keep)
    add("--no-results", action="store_false", dest="keep_results", help="the same as --no-keep-results")
    add("--list", action="store_true", help="show workloads, and who is installed")
    add("--table", type=Path, metavar="FILE", help="print the table of a result")
    add("--chart", type=Path, metavar="FILE", help="print the chart of a result, as SVG")
    add("--report", action="store_true", help="draw all kept results, and print one table of them as Markdown")
    add("--into", type=Path, metavar="FILE", help=f"with --report: put it between {report.BEGIN} and ... end")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.scale <= 0 or options.patience <= 0:
        parser.error("--rounds, --scale and --patience are positive")
    return options


def _workloads(text: str) -> list[str]:
    names = [each for name in text.split(",") for each in GROUPS.get(name, (name,))]
    return _known(names, [*WORKLOADS, *GROUPS])


def _distance(text: str) -> Distance:
    try:
        return Distance.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _peers(text: str) -> list[str]:
    return _known(text.split(","), [rival.name for rival in (*all_rivals(), *clusters())])


def _known(names: list[str], known: Collection[str]) -> list[str]:
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}")
    return names


def _run(options: argparse.Namespace, other: against.Checkout | None) -> int:
    if network.is_inside():
        network.prepare()
    keep = options.scale == 1 if options.keep_results is None else options.keep_results
    failed = False
    for distance, name in product(options.link or [None], options.workload):
        plan = _plan(options, name, distance, other)
        if not plan.rivals:
            raise RuntimeError(f"{name}: nobody who could take part is installed")
        result = play(plan)
        print(tables.markdown(result), flush=True)
        failed |= any(run["problem"] for run in result["rounds"] if run["peer"].startswith(OURS))
        if keep:
            tell(f"kept as {results.save(result)}")
    return 1 if failed else 0


def _plan(
    options: argparse.Namespace, name: str, distance: Distance | None, other: against.Checkout | None
) -> Plan:
    whole = WORKLOADS[name]
    work = (whole.where_lossy() if distance and distance.loss else whole).scaled(options.scale)
    wanted = [
        rival
        for rival in (all_rivals() if not options.peers else (*all_rivals(), *clusters()))
        if work.direction in rival.directions and (not options.peers or rival.name in options.peers)
    ]
    there = [rival for rival in wanted if rival.version()]
    missing = [rival.name for rival in wanted if rival not in there]
    second = [other.rival()] if other else []
    rivals = [*there, *second]
    return Plan(work, rivals, missing, options.rounds, options.server, distance, options.patience)


def _report(into: Path | None) -> int:
    try:
        text = report.write()
        if into:
            report.put_into(into, text)
        print(text, end="")
        return 0
    except (RuntimeError, OSError) as error:
        tell(f"Error: {error}")
        return 1


def _list() -> int:
    print("Workloads:")
    for work in WORKLOADS.values():
        print(f"  {work.name:28} {work.direction} {work.count:,} files, {sum(work.sizes()) / 1e6:,.0f} MB")
    print("Peers:")
    for rival in all_rivals():
        print(f"  {rival.name:28} {rival.version() or 'not installed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
