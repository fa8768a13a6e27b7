"""The page: one HTML file without scripts, that needs nothing else and asks nobody."""

import base64
import hashlib
from importlib import resources

from imap_bulk import __version__
from imap_bulk.quantities import files
from imap_bulk.report import parts
from imap_bulk.report.charts import over_time
from imap_bulk.report.html import Html, element, join
from imap_bulk.report.record import RunRecord

_WIDE, _NARROW = 920, 400


def page(run: RunRecord) -> str:
    """Write a run as one HTML document."""
    style = resources.files("imap_bulk.report").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{_headline(run)} · imap-bulk"),
        element("style", Html(style)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', _body(run)), lang='en')}\n"


def _headline(run: RunRecord) -> str:
    result, verb = run.result, f"{run.doing.direction}ed"
    if result is None:
        return "The run ended before anything moved"
    there = result.done + result.skipped
    if result.complete and not result.done:
        return f"{files(there)}, {'there already' if there == 1 else 'all there already'}"
    if result.complete:
        skipped = f", {result.skipped:,} already there" if result.skipped else ""
        return f"{files(result.done)} {verb}{skipped}"
    return f"{there:,} of {files(result.wanted)} {'are there' if there != 1 else 'is there'}"


def _verdict(run: RunRecord) -> Html:
    result = run.result
    if result is None or result.cancelled:
        return element("span", "stopped", class_="verdict bad")
    if result.failed:
        return element("span", f"{result.failed:,} failed", class_="verdict bad")
    if result.unverified:
        return element("span", f"complete, {result.unverified:,} not verified", class_="verdict warn")
    return element("span", "complete and verified", class_="verdict good")


def _body(run: RunRecord) -> Html:
    has_asked = any(pacing.durations for pacing in run.pacings)
    where = "from" if run.doing.direction == "pull" else "to"
    header = element(
        "header",
        element("p", "imap-bulk run report", class_="kicker"),
        element("h1", _headline(run), " ", _verdict(run)),
        element("p", f"{where} ", element("code", run.doing.archive), f" · {parts.moment(run.started)}"),
    )
    sections = [
        ("What failed", "", parts.failures(run) if run.failures else None),
        ("Over time", "", _charts(run) if has_asked else None),
        ("Why concurrency moved", _PACE, parts.changes(run) if has_asked else None),
        ("Hosts", "", parts.hosts(run) if has_asked else None),
        ("What was verified by what", "", parts.proofs(run) if run.proofs else None),
        ("The slowest files", "", parts.slowest(run) if run.slowest else None),
        ("Run it again", _AGAIN, element("pre", run.doing.command)),
    ]
    told = (_section(name, note, content) for name, note, content in sections if content is not None)
    footer = element("footer", f"imap-bulk {__version__} · data directory ", element("code", run.doing.data_dir))
    return element("main", header, parts.tiles(run), parts.outcomes(run), *told, footer)


_PACE = "Concurrency starts low and grows as long as more requests at once bring more bytes or files a second."
_AGAIN = "What is there and right does not move again. Keys are not shown: set them in the environment."


def _section(name: str, note: str, content: Html) -> Html:
    return element("section", element("h2", name), element("p", note, class_="note") if note else "", content)


def _charts(run: RunRecord) -> Html:
    legend = (
        element("li", element("i", class_=f"mark{min(number, 2)}"), parts.host_name(run, host))
        for number, host in enumerate(run.changes)
    )
    return join(
        element("div", over_time(run, _WIDE), class_="chart wide"),
        element("div", over_time(run, _NARROW), class_="chart narrow"),
        element("ul", *legend, class_="legend"),
    )
