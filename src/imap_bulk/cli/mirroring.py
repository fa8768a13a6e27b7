"""`pull --since`: what a mirror has to tell at its end."""

from typing import TYPE_CHECKING

from imap_bulk.cli import events, pins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imap_bulk.cli.console import Console
    from imap_bulk.mirror import Mirror, News
    from imap_bulk.model import Result

MOST_NEWS_SHOWN = 20


def tell(console: "Console", mirror: "Mirror", result: "Result", *, as_json: bool) -> None:
    """End a mirror's run, and say what is news and how far it is. Raises OSError."""
    leaves_a_gap = mirror.leaves_a_gap
    news = mirror.end(result)
    if as_json:
        for each in news:
            console.tell_programs(events.change(each.change, pins.kind(each.change)))
        console.tell_programs(events.mirrored(mirror.asked_from, mirror.watermark))
    else:
        for each in news[:MOST_NEWS_SHOWN]:
            console.tell(_line(each))
        if (more := len(news) - MOST_NEWS_SHOWN) > 0:
            console.tell(f"… and {more} more (--json names every one)")
    if mirror.has_begun:
        console.tell(_standing(mirror, news, result, leaves_a_gap))


def _line(news: "News") -> str:
    told = pins.change(news.change)
    return f"{told}, archived again {moment(news.again)}" if news.again else told


def _standing(mirror: "Mirror", news: "Sequence[News]", result: "Result", leaves_a_gap: bool) -> str:
    counts = pins.count(each.change for each in news)
    kept = "; what is withdrawn stays here" if "withdrawn" in counts else ""
    found = f"{counts}{kept}. " if counts else ""
    if not mirror.is_kept:
        return f"{found}The journal cannot be written: the next --since last asks for everything again."
    if mirror.watermark is None:
        return f"{found}Not mirrored yet: the next --since last asks for everything again."
    until = moment(mirror.watermark)
    if leaves_a_gap:
        return (
            f"{found}Still mirrored up to {until}: what was archived between then and now was not all asked for."
        )
    if not result.complete:
        return f"{found}Still mirrored up to {until}: the next --since last asks again from there."
    return f"{found}Mirrored up to {until}."


def moment(told: str | None) -> str:
    """Write a time of the archive's as people read it: 2026-01-05 12:00:00."""
    digits = f"{told or '':0<14}"
    day, time = digits[:8], digits[8:]
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"
