"""What is there already is told many at once: whoever hears it knows what the outcome of each would tell."""

import io
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from imap_bulk.cli.console import Console
from imap_bulk.cli.markdown import JobSummary
from imap_bulk.cli.words import Verb
from imap_bulk.model import Direction, Event, Plan, Proof, Result, Skipped, There, Wanted
from imap_bulk.report import Doing, Recorder
from imap_bulk.report.lines import lines

MD5, SHA = f"md5:{'9' * 32}", f"sha256:{'a' * 64}"


def there(number: int, digest: str | None, proof: Proof | None) -> There:
    return There(Wanted(f"imap/f{number}", f"data/imap/f{number}", None, None, ""), digest, proof)


SKIPPED = Skipped(
    Direction.PULL,
    (there(1, MD5, Proof.ETAG), there(2, SHA, Proof.MANIFEST), there(3, None, Proof.SIZE), there(4, None, None)),
)
EVENTS: list[Event] = [SKIPPED, Plan(0, 0, 0, 4), Result(wanted=4, skipped=4, verified=2)]
SINGLY: list[Event] = [*SKIPPED.outcomes(), *EVENTS[1:]]

Hear = Callable[[list[Event], Path], object]


def shown(events: list[Event], *, json: bool) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    console = Console(Verb.PULL, json=json, stdout=out, stderr=err, clock=lambda: 0.0)
    for event in events:
        console(event)
    console.paint()
    return out.getvalue(), err.getvalue()


def summarised(events: list[Event], path: Path) -> str:
    summary = JobSummary(path / "summary.md", Verb.PULL, lambda _: None)
    for event in events:
        summary(event)
    text = (path / "summary.md").read_text()
    (path / "summary.md").unlink()
    return text


def written_down(events: list[Event], _: Path) -> object:
    recorder = Recorder(Doing("pull", "archive", "data", "imap-bulk pull"), lambda: 0.0)
    for event in events:
        recorder(event)
    told = [line for line in lines(recorder.record()) if '"event": "run"' not in line]
    files = list(recorder.files())
    recorder.close()
    return told, files


@pytest.mark.parametrize(
    "hear",
    [
        pytest.param(lambda events, _: shown(events, json=False), id="people"),
        pytest.param(lambda events, _: shown(events, json=True), id="programs"),
        pytest.param(summarised, id="a CI job"),
        pytest.param(written_down, id="a report"),
    ],
)
def test_who_hears_of_many_at_once_tells_what_is_told_of_each(hear: Hear, tmp_path: Path) -> None:
    assert hear(EVENTS, tmp_path) == hear(SINGLY, tmp_path)


def test_programs_are_told_of_each_file_that_is_there() -> None:
    out, _ = shown([SKIPPED], json=True)
    assert [line.count('"status": "skipped"') for line in out.splitlines()] == [1] * 4


def test_the_log_names_each_file_that_is_there(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        shown([SKIPPED], json=False)
    assert [record.message.partition(":")[0] for record in caplog.records] == [f"imap/f{n}" for n in range(1, 5)]
