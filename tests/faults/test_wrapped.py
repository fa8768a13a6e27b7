"""R18: answers that are wrapped to hurt cost neither memory nor time, and no file."""

import asyncio
import json
import re
import sys
import time
from pathlib import Path

import pytest
from tests.faults.bench import SMALL, Bench, name_of
from tests.faults.clients import Ended, final_files, run
from tests.faults.conftest import Faulty
from tests.faults.networks import HOST, NAME, listening

HURTING = ["huge-header", "many-headers", "interim-answers", "gzip-label", "gzip-bomb"]
FEW = SMALL[:3]
MIB = 1 << 20
MOST_MEMORY = 16 * MIB
PATIENCE = 0.5

ENDLESS = {
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" * 1000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Filler: x\r\n" * 1000),
    "one header": (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 65536),
    "one chunk's extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"x" * 65536),
    "an answer": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "an error's words": (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", b"x" * 65536),
}
"""What an answer begins with, and what then comes for ever."""

counts_memory = pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells the peak of one process")


async def footprint(url: str, data_dir: Path, *arguments: str, **settings: float) -> tuple[Ended, int]:
    """Pull in a process of its own; return how it ended, and the most memory it had, in bytes."""
    ended = await run(
        "--url", url, "--data-dir", str(data_dir), "pull", "-q", "--no-fsync", *arguments,
        module="tests.faults.peak", environment={"TUNED": json.dumps({"wait_base": 0.0, **settings})},
    )  # fmt: skip
    told = re.search(r"^peak ([0-9]+)$", ended.stderr, re.MULTILINE)
    assert told, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended, int(told[1])


async def pulling(bench: Bench, *arguments: str, **settings: float) -> tuple[Ended, int]:
    """Pull from a bench in a process of its own, and hold the disk to the truth."""
    ended, bytes_had = await footprint(bench.server.url, bench.data_dir, *arguments, **settings)
    assert final_files(bench.data_dir).items() <= bench.archived.items()
    return ended, bytes_had


@pytest.mark.parametrize("fault", HURTING)
async def test_storage_that_hurts_is_asked_again(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"storage:{fault}*2")
    assert (await bench.pull(FEW, outage_max=60.0)).done == len(FEW)
    assert set(bench.faults) == {fault}


@pytest.mark.parametrize("fault", ["huge-header", "many-headers", "interim-answers"])
async def test_an_archive_that_hurts_is_asked_again(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"api:{fault}*1")
    assert (await bench.pull_listed(outage_max=60.0)).done == len(SMALL)


@counts_memory
async def test_storage_that_hurts_takes_no_memory(faulty: Faulty) -> None:
    _, usual_bytes = await pulling(await faulty("streak=2"), FEW[0])
    for fault in HURTING:
        ended, bytes_had = await pulling(await faulty(f"storage:{fault}*1"), FEW[0])
        assert ended.code == 0, ended.stderr
        assert bytes_had - usual_bytes <= MOST_MEMORY, fault


@counts_memory
async def test_an_archive_that_hurts_takes_no_memory(faulty: Faulty) -> None:
    _, usual_bytes = await pulling(await faulty("streak=2"), FEW[0])
    for fault in ["huge-header", "many-headers", "interim-answers"]:
        ended, bytes_had = await pulling(await faulty(f"api:{fault}*1"), FEW[0])
        assert ended.code == 0, ended.stderr
        assert bytes_had - usual_bytes <= MOST_MEMORY, fault


@counts_memory
async def test_a_giant_answer_is_refused_in_a_sentence_and_takes_little_memory(faulty: Faulty) -> None:
    _, usual_bytes = await pulling(await faulty("streak=2"), FEW[0])
    ended, bytes_had = await pulling(await faulty("api:json-giant=1,streak=0"), FEW[0])
    assert ended.code == 1
    assert "is longer than 1 MiB" in ended.stderr
    assert bytes_had - usual_bytes <= MOST_MEMORY


@counts_memory
async def test_a_search_that_is_always_answered_by_giants_takes_little_memory(faulty: Faulty) -> None:
    _, usual_bytes = await pulling(await faulty("streak=2"), FEW[0])
    listing = ["--instrument", "mag", "--start-date", "20260101", "--end-date", "20260104"]
    ended, bytes_had = await pulling(await faulty("api:json-giant=1,streak=0"), *listing)
    assert ended.code == 1
    assert "is longer than 8 MiB" in ended.stderr
    assert bytes_had - usual_bytes <= MOST_MEMORY


@counts_memory
@pytest.mark.parametrize("unit", ["[],", "{},", "1.5,"])
async def test_a_dense_answer_to_what_is_no_search_takes_little_memory(
    faulty: Faulty, tmp_path: Path, unit: str
) -> None:
    _, usual_bytes = await pulling(await faulty("streak=2"), FEW[0])
    dense = f"[{unit * (MIB // 4 // len(unit))}0]".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(dense)}\r\nConnection: close\r\n\r\n".encode()
    ended, bytes_had = await refused(head + dense, tmp_path / "dense")
    assert ended.code == 75
    assert "Failed: " in ended.stderr
    assert bytes_had - usual_bytes <= MOST_MEMORY


@counts_memory
async def test_json_that_is_nested_without_end_is_no_bug_of_ours(tmp_path: Path) -> None:
    deep = b"[" * 100_000
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(deep)}\r\nConnection: close\r\n\r\n".encode()
    ended, _ = await refused(head + deep, tmp_path / "deep", "--instrument", "mag")
    assert ended.code == 75
    assert "something that is no JSON" in ended.stderr


async def refused(answer: bytes, data_dir: Path, *arguments: str) -> tuple[Ended, int]:
    """Pull from an archive that always answers so."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with listening(respond) as port:
        return await footprint(f"http://{HOST}:{port}", data_dir, *(arguments or (NAME,)))


@counts_memory
@pytest.mark.parametrize("what", ENDLESS)
async def test_an_archive_that_never_ends_is_a_failure_and_takes_little_memory(
    faulty: Faulty, tmp_path: Path, what: str
) -> None:
    _, usual_bytes = await pulling(await faulty("streak=2"), FEW[0])
    begin, forever = ENDLESS[what]

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        while True:
            writer.write(forever)
            await writer.drain()

    patience = {"connect_timeout": PATIENCE, "idle_timeout": PATIENCE, "outage_max": 0.1}
    async with listening(flood) as port:
        ended, bytes_had = await footprint(
            f"http://{HOST}:{port}", tmp_path / "flooded", "--retries", "0", NAME, **patience
        )
    assert ended.code in (1, 75)
    assert "Failed: " in ended.stderr
    assert bytes_had - usual_bytes <= MOST_MEMORY


async def test_a_giant_answer_is_a_typed_failure_of_its_file_alone(faulty: Faulty) -> None:
    bench = await faulty("api:json-giant=0.2", seed=3)
    result = await bench.pull([*SMALL[:10], name_of("byte")])
    assert 0 < result.failed < result.wanted
    assert result.failed == len(bench.faults)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "fault", [*(f"storage:{fault}" for fault in HURTING), "api:huge-header", "api:json-giant"]
)
@pytest.mark.parametrize("seed", range(40))
async def test_what_hurts_is_over_in_five_seconds(faulty: Faulty, fault: str, seed: int) -> None:
    bench = await faulty(f"{fault}=1,streak=0", seed)
    began = time.monotonic()
    result = await bench.pull(FEW, retries=0)
    seconds = time.monotonic() - began
    sys.stderr.write(f"{fault}: {seconds:.2f} s\n")
    assert result.failed == (0 if fault == "storage:gzip-label" else len(FEW))
    assert seconds <= 5
