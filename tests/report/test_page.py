"""The page: everything is told, nothing is let in, and it stays small."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from tests.report.conftest import HOSTILE, Hear, done, failed, transfer

from imap_bulk.errors import NotFound, UnsafePath
from imap_bulk.model import Outcome, Result, Status
from imap_bulk.report import Recorder
from imap_bulk.report.html import plain
from imap_bulk.report.page import page


class Elements(HTMLParser):
    """Gathers elements, attributes and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.said = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.said += data


def test_names_and_words_of_servers_are_text_and_nothing_else(run_of_three: Recorder) -> None:
    html = page(run_of_three.record())
    html.encode()
    elements = Elements(html)
    assert {"script", "img", "b>"}.isdisjoint(elements.tags)
    assert plain(HOSTILE) in elements.said
    assert "<img src=x onerror=alert(1)>" in elements.said
    assert "trying <more>" in elements.said


def test_the_page_asks_nobody_and_forbids_all_but_its_own_style(run_of_three: Recorder) -> None:
    html = page(run_of_three.record())
    names = {name for name, _ in Elements(html).attributes}
    assert names.isdisjoint({"src", "href", "style", "xlink:href", "action"})
    assert not any(name.startswith("on") for name in names)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = (value for name, value in Elements(html).attributes if value.startswith("default-src"))
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style


def test_what_matters_is_told(run_of_three: Recorder) -> None:
    said = Elements(page(run_of_three.record())).said
    for told in (
        "2 of 3 files are there", "1 failed", "1.0 kB", "2 of 2", "1 pulled", "1 already there",
        "archive.example", "the digest in a manifest", "imap-bulk pull <b>",
        "12 requests; half took less than 16 ms, 95 % less than 64 ms", "imap/a.cdf",
    ):  # fmt: skip
        assert told in said


@pytest.mark.parametrize(
    ("result", "headline", "verdict"),
    [
        (Result(wanted=2, done=2, verified=2), "2 files pulled", "complete and verified"),
        (Result(wanted=2, done=1, skipped=1, verified=1), "1 file pulled, 1 already there", "1 not verified"),
        (Result(wanted=2, skipped=2, verified=2), "2 files, all there already", "complete and verified"),
        (Result(wanted=2, done=1, failed=1, verified=1), "1 of 2 files is there", "1 failed"),
        (Result(wanted=2, done=1, cancelled=1), "1 of 2 files is there", "stopped"),
        (Result(wanted=1, skipped=1, verified=1), "1 file, there already", "complete and verified"),
        (Result(), "0 files, all there already", "complete and verified"),
    ],
)
def test_the_headline_says_how_it_ended(hear: Hear, result: Result, headline: str, verdict: str) -> None:
    said = Elements(page(hear(result).record())).said
    assert headline in said
    assert verdict in said


def test_a_run_that_came_to_nothing_has_a_page_too(hear: Hear) -> None:
    assert "The run ended before anything moved" in page(hear().record())


def test_failures_of_one_kind_are_told_together(hear: Hear) -> None:
    keys = [f"imap/{number}.cdf" for number in range(20)]
    errors = [NotFound(f"{key}: md5:{number:032x} is not at GET /{key}") for number, key in enumerate(keys)]
    recorder = hear(*map(failed, keys, errors), Result(wanted=20, failed=20))
    html = page(recorder.record())
    assert html.count('class="reason"') == 1
    assert "20 files: " in html
    assert "8 more" in html


def test_a_reason_stays_readable_where_a_key_ends_in_a_slash(hear: Hear) -> None:
    key = "imap/mag/"
    recorder = hear(failed(key, UnsafePath(f"{key!r} is no safe place")), Result(wanted=1, failed=1))
    assert "is no safe place" in page(recorder.record())


def test_a_page_about_many_files_stays_small(hear: Hear) -> None:
    failures = (failed(f"imap/f{number}.cdf", NotFound(f"reason {number}")) for number in range(3000))
    many = (done(f"imap/{number}.cdf", number % 7) for number in range(3000))
    recorder = hear(*failures, *many, Result(wanted=6000, done=3000, failed=3000))
    assert len(page(recorder.record())) < 150_000
    assert "2,960 more failed" in page(recorder.record())


def test_the_slowest_files_come_first(hear: Hear) -> None:
    recorder = hear(*(done(f"imap/{number}.cdf", number) for number in range(50)))
    assert [outcome.seconds for outcome in recorder.record().slowest] == list(range(49, 29, -1))


def test_what_was_cancelled_is_in_no_list(hear: Hear) -> None:
    recorder = hear(Outcome(transfer("imap/a.cdf"), Status.CANCELLED), Result(wanted=1, cancelled=1))
    assert list(recorder.files()) == []
    assert not recorder.record().slowest
