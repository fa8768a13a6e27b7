"""JSON Lines and PROV-JSON beside the page."""

import json
from pathlib import Path

from prov.model import ProvActivity, ProvDocument, ProvEntity, ProvGeneration, ProvUsage
from tests.report.conftest import HOSTILE, Hear

from imap_bulk.report import Recorder, write
from imap_bulk.report.lines import lines
from imap_bulk.report.provenance import document


def test_every_line_is_an_object_with_its_schema(run_of_three: Recorder) -> None:
    told = [json.loads(line) for line in lines(run_of_three.record())]
    assert {line["schema"] for line in told} == {1}
    kinds = [line["event"] for line in told]
    assert (kinds[0], kinds[-1]) == ("run", "summary")
    assert {"step", "concurrency", "host", "setbacks", "verified", "slow", "failed"} < set(kinds)
    (setback,) = (line for line in told if line["event"] == "setbacks")
    assert setback == {
        "schema": 1, "event": "setbacks", "host": "storage.example", "error": "Interrupted", "attempts": 1,
    }  # fmt: skip
    assert sum(line["bytes"] for line in told if line["event"] == "step") == 1000
    (failed,) = (line for line in told if line["event"] == "failed")
    assert failed["key"] == HOSTILE


def test_the_reference_reader_takes_the_provenance(run_of_three: Recorder) -> None:
    text = "".join(document(run_of_three.record(), run_of_three.files))
    read = ProvDocument.deserialize(content=text, format="json")
    names = {str(entity.identifier) for entity in read.get_records(ProvEntity)}
    assert names == {"object:imap/a.cdf", "object:imap/there.cdf"}
    (activity,) = read.get_records(ProvActivity)
    assert isinstance(activity, ProvActivity)
    start, end = activity.get_startTime(), activity.get_endTime()
    assert start
    assert end
    assert start < end
    (made,), (used,) = read.get_records(ProvGeneration), read.get_records(ProvUsage)
    assert "object:imap/a.cdf" in str(made)
    assert "object:imap/there.cdf" in str(used)


def test_digests_and_proofs_are_in_the_provenance(run_of_three: Recorder) -> None:
    told = json.loads("".join(document(run_of_three.record(), run_of_three.files)))
    assert told["entity"]["object:imap/a.cdf"] == {
        "prov:label": "imap/a.cdf",
        "prov:location": "data/imap/a.cdf",
        "ib:status": "done",
        "ib:digest": f"sha256:{'a' * 64}",
        "ib:verifiedBy": "manifest",
    }


def test_a_run_without_files_has_a_provenance_too(hear: Hear) -> None:
    recorder = hear()
    told = json.loads("".join(document(recorder.record(), recorder.files)))
    assert told["entity"] == told["used"] == told["wasGeneratedBy"] == {}


def test_three_files_are_written_and_nothing_else(run_of_three: Recorder, tmp_path: Path) -> None:
    write(run_of_three, tmp_path / "run.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "run.html",
        "run.jsonl",
        "run.prov.json",
    ]
