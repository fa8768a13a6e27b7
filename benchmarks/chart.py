"""A bar chart of a result, as SVG that is readable on light and on dark pages."""

from collections.abc import Mapping
from html import escape
from typing import Any

from benchmarks import results
from benchmarks.rivals import OURS
from benchmarks.tables import Row, amount_of, figure, rows

_WIDTH, _LEFT, _RIGHT = 760, 210, 130
_TOP, _STEP, _BAR = 44, 26, 16

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#57606a}.title{font-weight:600}.ours{fill:#2f81f7}"
    ".checks{fill:#7d8590}.trusts{fill:#7d859066;stroke:#7d8590;stroke-dasharray:3 2}"
    ".spread{stroke:#57606a;stroke-width:1.5}"
    "@media (prefers-color-scheme:dark){text{fill:#9ea7b3}.spread{stroke:#c9d1d9}}"
)


def svg(result: Mapping[str, Any]) -> str:
    """Draw files/s (or MB/s, where files are few) of all tools that did their work; higher is better."""
    work = result["workload"]
    amount, unit = amount_of(result)
    done = [row for row in rows(result) if row.wall]
    most = max((amount / row.wall.low for row in done if row.wall), default=1.0)
    height = _TOP + _STEP * len(done) + 30
    title = f"{results.title(result)} ({work['direction']}): {unit}, median of the rounds with their range"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="8" y="24">{escape(title)}</text>',
        *(_bar(row, _TOP + _STEP * at, amount, most) for at, row in enumerate(done)),
        f'<text x="8" y="{height - 8}">blue: imap-bulk; solid: checks what it fetched; dashed: does not</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(row: Row, top: int, amount: float, most: float) -> str:
    assert row.wall
    middle, slow, fast = (
        (_WIDTH - _LEFT - _RIGHT) * amount / seconds / most
        for seconds in (row.wall.median, row.wall.high, row.wall.low)
    )
    kind = "ours" if row.peer.startswith(OURS) else "checks" if row.verifies else "trusts"
    at = top + _BAR / 2
    return (
        f'<text x="{_LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(row.peer)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{middle:.1f}" height="{_BAR}" rx="2"/>'
        f'<path class="spread" d="M{_LEFT + slow:.1f} {at}H{_LEFT + fast:.1f}"/>'
        f'<text x="{_LEFT + fast + 8:.1f}" y="{top + 13}">{figure(amount / row.wall.median)}</text>'
    )
