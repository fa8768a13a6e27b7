"""The drawings of the page, in SVG. Each is drawn for a width, so that its words stay readable on a telephone."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from imap_bulk.quantities import duration, size
from imap_bulk.report.causes import cause
from imap_bulk.report.html import Html, element
from imap_bulk.report.record import RunRecord

_LEFT, _RIGHT, _TOP = 64, 10, 22
_GOODPUT, _SETBACKS, _CONCURRENCY = 150, 22, 84
"""Heights of the three bands of the chart over time."""

_GAP, _FOOT = 36, 24
_MOST_MARKS = 60
_USUAL_BARS = 12
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400)
_DAY = 86_400


def over_time(run: RunRecord, width: int) -> Html:
    """Draw goodput, setbacks and concurrency above one another, on one axis of time."""
    seconds = max(run.seconds, 1e-3)
    height = _TOP + _GOODPUT + _GAP + _SETBACKS + _GAP + _CONCURRENCY + _FOOT
    plot = _Plot(width, seconds)
    setbacks = _TOP + _GOODPUT + _GAP
    concurrency = setbacks + _SETBACKS + _GAP
    return element(
        "svg",
        *_time_axis(plot, concurrency + _CONCURRENCY),
        *_goodput(plot, run, _TOP),
        *_setbacks(plot, run, setbacks),
        *_concurrency(plot, run.changes, concurrency),
        view_box=f"0 0 {width} {height}", role="img", aria_label="Goodput, setbacks and concurrency over time",
    )  # fmt: skip


class _Plot:
    """Where a time lies."""

    def __init__(self, width: int, seconds: float) -> None:
        self.width = width
        self.seconds = seconds
        self.right = width - _RIGHT

    def x(self, at: float) -> float:
        return round(_LEFT + (self.right - _LEFT) * min(1.0, at / self.seconds), 1)


def _time_axis(plot: _Plot, foot: float) -> Iterator[Html]:
    most = 7 if plot.width > 600 else 4
    step = next((step for step in _STEPS if plot.seconds / step <= most), 0.0)
    step = step or math.ceil(plot.seconds / most / _DAY) * _DAY
    for number in range(int(plot.seconds / step) + 1):
        x = plot.x(number * step)
        yield element("line", x1=x, x2=x, y1=_TOP, y2=foot, class_="grid")
        yield element("text", _tick(number * step), x=x, y=foot + 17, class_="axis middle")


def _tick(seconds: float) -> str:
    """Say a round time in short: 0, 20 ms, 5 s, 1 min 30 s."""
    if not seconds:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:g} s" if seconds < 60 else duration(seconds).removesuffix(" 0 s").removesuffix(" 0 min")


def _scale(most: float) -> float:
    """Return the next round number."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * factor for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if power * factor >= most * 0.999)


def _labels(plot: _Plot, top: float, height: float, name: str, most: str) -> Iterator[Html]:
    yield element("line", x1=_LEFT, x2=plot.right, y1=top + height, y2=top + height, class_="base")
    yield element("text", most, x=_LEFT - 8, y=top + 4, class_="axis end")
    yield element("text", "0", x=_LEFT - 8, y=top + height + 4, class_="axis end")
    yield element("text", name, x=_LEFT, y=top - 9, class_="name")


def _goodput(plot: _Plot, run: RunRecord, top: float) -> Iterator[Html]:
    timeline, step = run.timeline, run.timeline.step_seconds
    rates = [
        (number * step, count / max(1e-3, min(step, plot.seconds - number * step)))
        for number, count in enumerate(timeline.bytes)
        if number * step < plot.seconds
    ]
    most = _scale(max((rate for _, rate in rates), default=0))
    yield from _labels(plot, top, _GOODPUT, "goodput", f"{size(most)}/s")
    line = "".join(
        f"L{plot.x(at)} {top + _GOODPUT * (1 - rate / most):.1f}H{plot.x(at + step)}" for at, rate in rates
    )
    floor = top + _GOODPUT
    yield element("path", d=f"M{_LEFT} {floor}{line}V{floor}Z", class_="area")
    yield element("path", d=f"M{line[1:]}" if line else "M0 0", class_="line")


def _setbacks(plot: _Plot, run: RunRecord, top: float) -> Iterator[Html]:
    yield element("text", "attempts that failed", x=_LEFT, y=top - 9, class_="name")
    yield element("line", x1=_LEFT, x2=plot.right, y1=top + _SETBACKS, y2=top + _SETBACKS, class_="base")
    step = run.timeline.step_seconds
    most = max((sum(kinds.values()) for kinds in run.timeline.setbacks), default=0)
    for number, kinds in enumerate(run.timeline.setbacks):
        if count := sum(kinds.values()):
            x, height = plot.x(number * step), max(4.0, _SETBACKS * count / most)
            told = ", ".join(f"{each} {cause(kind)}" for kind, each in kinds.most_common())
            mark = element("title", f"{duration(number * step)}: {told}")
            yield element(
                "rect", mark, x=x, y=round(top + _SETBACKS - height, 1), height=round(height, 1),
                width=max(2.5, plot.x((number + 1) * step) - x - 1), class_="setback",
            )  # fmt: skip
    if not most:
        yield element("text", "none", x=_LEFT, y=top + _SETBACKS - 6, class_="axis")


def _concurrency(plot: _Plot, hosts: Mapping[str, Sequence[tuple[float, int, str]]], top: float) -> Iterator[Html]:
    most = max((limit for changes in hosts.values() for _, limit, _ in changes), default=1)
    yield from _labels(plot, top, _CONCURRENCY, "requests at once", str(most))
    for number, changes in enumerate(hosts.values()):
        yield from _host_line(plot, changes, top, most, min(number, 2))


def _host_line(
    plot: _Plot, changes: Sequence[tuple[float, int, str]], top: float, most: int, number: int
) -> Iterator[Html]:
    def y(limit: int) -> float:
        return round(top + _CONCURRENCY * (1 - limit / most), 1)

    if not changes:
        return
    steps = "".join(f"H{plot.x(at)}V{y(limit)}" for at, limit, _ in changes[1:])
    first_at, first, _ = changes[0]
    yield element("path", d=f"M{plot.x(first_at)} {y(first)}{steps}H{plot.right}", class_=f"host host{number}")
    for at, limit, why in changes[-_MOST_MARKS:]:
        told = element("title", f"{duration(at)}: {limit}, {why}")
        yield element("circle", told, cx=plot.x(at), cy=y(limit), r=3, class_=f"mark{number}")


def shares(parts: Iterable[tuple[int, str]]) -> Html:
    """Draw a bar whose parts are as wide as their counts; each comes with the class of its colour."""
    counted = [(count, kind) for count, kind in parts if count]
    whole = sum(count for count, _ in counted) or 1
    bounds = [0.0]
    for count, _ in counted:
        bounds.append(bounds[-1] + 1000 * count / whole)
    rects = (
        element("rect", x=round(start, 2), width=round(max(2, end - start), 2), height=14, class_=kind)
        for (start, end), (_, kind) in zip(pairwise(bounds), counted, strict=True)
    )
    return element(
        "svg", *rects, view_box="0 0 1000 14", preserve_aspect_ratio="none", class_="shares", aria_hidden="true"
    )


def histogram(durations: Mapping[int, int]) -> Html:
    """Draw how many requests took how long; a bar for each doubling of the time."""
    digits = range(min(durations), max(durations) + 1)
    most = max(durations.values())
    width, height = 26, 54
    bars: list[Html] = []
    for place, digit in enumerate(digits):
        count = durations.get(digit, 0)
        tall = round(max(2.0, height * count / most), 1) if count else 0
        x, y = place * width, round(height - tall, 1)
        told = element("title", f"{count} within {duration(within(digit))}")
        bars.append(element("rect", told, x=x, y=y, width=width - 3, height=tall, class_="bar"))
        if place % 2 == 0:
            label = f"{1 << digit}\u202fms" if digit < 10 else f"{within(digit):.0f}\u202fs"
            bars.append(element("text", label, x=x + width / 2, y=height + 14, class_="axis middle"))
    wide = max(len(digits), _USUAL_BARS) * width + 24
    return element(
        "svg", *bars, view_box=f"-14 0 {wide} {height + 18}", class_="histogram", role="img",
        aria_label="Time of requests",
    )  # fmt: skip


def within(digits: int) -> float:
    """Return the seconds below which a time is whose milliseconds have so many binary digits."""
    return (1 << digits) / 1000
