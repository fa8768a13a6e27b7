"""R18: answers that are wrapped to hurt cost neither memory nor time, and no file."""

import re
import time

import pytest
from tests.faults.bench import SMALL, Bench, name_of
from tests.faults.clients import Ended, final_files, run
from tests.faults.conftest import Faulty

HURTING = ["huge-header", "many-headers", "interim-answers", "gzip-label", "gzip-bomb"]
FEW = SMALL[:3]
MIB = 1 << 20


async def footprint(bench: Bench, *names: str) -> tuple[Ended, int]:
    """Pull in a process of its own; return how it ended, and the most memory it had, in bytes."""
    place = ["--url", bench.server.url, "--data-dir", str(bench.data_dir)]
    ended = await run(*place, "pull", "-q", "--no-fsync", *names, module="tests.faults.footprint")
    told = re.search(r"^maxrss ([0-9]+)$", ended.stderr, re.MULTILINE)
    assert told, ended.stderr
    assert final_files(bench.data_dir).items() <= bench.archived.items()
    return ended, int(told[1]) * 1024


@pytest.mark.parametrize("fault", HURTING)
async def test_storage_that_hurts_is_asked_again(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"storage:{fault}*2")
    began = time.monotonic()
    assert (await bench.pull(FEW, outage_max=60.0)).done == len(FEW)
    assert set(bench.faults) == {fault}
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("fault", ["huge-header", "many-headers", "interim-answers"])
async def test_an_archive_that_hurts_is_asked_again(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"api:{fault}*1")
    assert (await bench.pull_listed(outage_max=60.0)).done == len(SMALL)


async def test_storage_that_hurts_takes_no_memory(faulty: Faulty) -> None:
    _, usual_bytes = await footprint(await faulty("streak=2"), FEW[0])
    for fault in HURTING:
        ended, bytes_had = await footprint(await faulty(f"storage:{fault}*1"), FEW[0])
        assert ended.code == 0, ended.stderr
        assert bytes_had - usual_bytes <= 16 * MIB, fault


async def test_a_giant_answer_is_refused_in_a_sentence_and_takes_little_memory(faulty: Faulty) -> None:
    _, usual_bytes = await footprint(await faulty("streak=2"), FEW[0])
    ended, bytes_had = await footprint(await faulty("api:json-giant=1,streak=0"), FEW[0])
    assert ended.code == 1
    assert "is longer than " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert bytes_had - usual_bytes <= 64 * MIB


async def test_a_giant_answer_is_a_typed_failure_of_its_file_alone(faulty: Faulty) -> None:
    bench = await faulty("api:json-giant=0.2", seed=3)
    result = await bench.pull([*SMALL[:10], name_of("byte")])
    assert 0 < result.failed < result.wanted
    assert result.failed == len(bench.faults)
