"""Which request meets which fault, and that no fault outlives its client or its server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.raw import ask, connect

from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.chaos import FAULTS, Chaos, Committed
from imap_bulk.server.chaos.fault import Kind
from imap_bulk.server.chaos.faults import ALL
from imap_bulk.server.chaos.spec import GROUPS, parse_spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.conftest import Clock, Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
KEY = f"imap/mag/l2/2026/01/{NAME}"
CONTENT = bytes(range(251)) * 1200
DECISIONS = 2000


def chaos(spec: str, seed: int = 1) -> Chaos:
    return Chaos(spec, seed, time.time)


def decisions(of: Chaos, kind: Kind, paths: int = DECISIONS, requests: int = 1) -> list[str | None]:
    """Ask for each path in turn, and again."""
    asked = [f"/{path}" for _ in range(requests) for path in range(paths)]
    decided = [of.decide(kind, "GET", path) for path in asked]
    return [decision and decision.fault.name for decision in decided]


# --- decisions


def test_the_same_seed_decides_the_same() -> None:
    first, second = (decisions(chaos("all=0.5", seed=3), Kind.WHOLE) for _ in range(2))
    assert first == second


def test_another_seed_decides_otherwise() -> None:
    first, second = (decisions(chaos("all=0.5", seed=seed), Kind.WHOLE) for seed in (3, 4))
    assert first != second


def test_the_order_of_other_paths_changes_nothing() -> None:
    here, there = chaos("all=0.5"), chaos("all=0.5")
    forth = {path: here.decide(Kind.WHOLE, "GET", path) for path in ("/a", "/b", "/c", "/a?")}
    back = {path: there.decide(Kind.WHOLE, "GET", path) for path in ("/a?", "/c", "/b", "/a")}
    assert forth == back


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("probability", [0.05, 0.5])
def test_a_group_meets_its_share_of_requests(kind: Kind, probability: float) -> None:
    faults = [fault for fault in decisions(chaos(f"all={probability}"), kind) if fault]
    assert len(faults) == pytest.approx(probability * DECISIONS, rel=0.3)
    assert all(kind in ALL[fault].kinds for fault in faults)


def test_a_group_is_shared_evenly() -> None:
    faults = Counter(decisions(chaos("all=1,streak=0"), Kind.PART, requests=5))
    fitting = [name for name, fault in ALL.items() if Kind.PART in fault.kinds]
    assert set(faults) == set(fitting)
    assert max(faults.values()) < 1.6 * min(faults.values())


def test_single_probabilities_hold() -> None:
    faults = Counter(decisions(chaos("truncate-length=0.1,flip=0.05"), Kind.WHOLE))
    assert faults["truncate-length"] == pytest.approx(200, rel=0.3)
    assert faults["flip"] == pytest.approx(100, rel=0.3)
    assert len(faults) == 3


@pytest.mark.parametrize(
    ("spec", "kind", "met"),
    [
        ("storage=1", Kind.WHOLE, True),
        ("storage=1", Kind.QUERY, False),
        ("api=1", Kind.QUERY, True),
        ("api=1", Kind.PUT, False),
        ("network=1", Kind.QUERY, True),
        ("network=1", Kind.PUT, True),
        ("api:stall-head=1", Kind.DOWNLOAD, True),
        ("api:stall-head=1", Kind.WHOLE, False),
        ("storage:stall-head=1", Kind.PUT, True),
        ("range-ignored=1", Kind.PART, True),
        ("range-ignored=1", Kind.WHOLE, False),
        ("flip=1", Kind.EMPTY, False),
    ],
)
def test_a_fault_meets_only_what_it_fits(spec: str, kind: Kind, met: bool) -> None:
    assert (chaos(spec).decide(kind, "GET", "/a") is not None) is met


def test_the_network_group_has_only_faults_of_the_network() -> None:
    assert all(ALL[fault or ""].is_network for fault in decisions(chaos("network=1"), Kind.WHOLE))


def test_a_fault_that_is_named_has_left_its_group() -> None:
    faults = decisions(chaos("network=0.9,stall-head=0"), Kind.EMPTY)
    assert set(faults) == {"reset-head", None}


@pytest.mark.parametrize(("option", "longest"), [("", 2), (",streak=1", 1), (",streak=5", 5), (",streak=0", 20)])
def test_faults_in_a_row_are_bounded(option: str, longest: int) -> None:
    faults = decisions(chaos(f"flip=1{option}"), Kind.WHOLE, paths=1, requests=20)
    rows = "".join("x" if fault else " " for fault in faults).split()
    assert max(len(row) for row in rows) == longest


def test_a_path_may_fail_a_few_times_and_then_be_good() -> None:
    faults = decisions(chaos("503-zero*3,flip*1"), Kind.WHOLE, paths=1, requests=6)
    assert faults == ["503-zero"] * 3 + ["flip", None, None]


def test_counted_faults_wait_for_a_request_they_fit() -> None:
    of = chaos("replaced*1")
    kinds = (Kind.WHOLE, Kind.PART, Kind.PART)
    assert [of.decide(kind, "GET", "/a") is not None for kind in kinds] == [False, True, False]


def test_every_path_counts_for_itself() -> None:
    faults = decisions(chaos("flip*2"), Kind.WHOLE, paths=3, requests=3)
    assert faults == ["flip"] * 6 + [None] * 3


# --- the SPEC


@pytest.mark.parametrize(
    "spec",
    [
        "nonsense=0.1", "flip", "flip=", "flip=2", "flip=-1", "flip=nan", "flip=1e9", "flip*x", "flip*1.5",
        "all*2", "streak=x", "streak=1.5", "streak*2", "stall=1:2", "stall=-1", "outage=5", "outage=5:",
        "outage=a:b", "outage=1:2:3", "flip=0.6,drip=0.6", "flip=0.1,flip=0.2", ",", "flip=0.1,", "api:flip=0.1",
        "api:all=0.1", "moon:flip=0.1", "flip=٣", "storage=0.6,api=0.2,network=0.6",
    ],
)  # fmt: skip
def test_a_bad_spec_names_the_known_faults(spec: str) -> None:
    with pytest.raises(ValueError, match=r"^chaos: .*; known faults and groups are .*truncate-length.*") as told:
        chaos(spec)
    assert "\n" not in str(told.value)


def test_a_server_refuses_a_bad_spec_before_it_starts(root: Path) -> None:
    with pytest.raises(ValueError, match="chaos: 'nope=1'"):
        ArchiveServer(ServerOptions(root, chaos="nope=1"))


def test_options_are_read() -> None:
    spec = parse_spec(" all=0.1, stall=2.5,streak=7 ,outage=5:60.5")
    assert (spec.stall, spec.streak, spec.outage) == (2.5, 7, (5.0, 60.5))


@given(st.text() | st.text(alphabet="aflip=*:.,0129-").filter(bool))
def test_a_spec_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        parse_spec(text)


_ENTRIES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "api:", "storage:"]),
    st.sampled_from([*FAULTS, *GROUPS, "streak", "stall", "outage"]),
    st.sampled_from("=*"),
    st.sampled_from(["0", "0.01", "1", "3", ".5", "1.", "5:6", "999999999"]),
)


@given(st.lists(_ENTRIES, min_size=1, max_size=5).map(",".join))
def test_a_likely_spec_is_refused_or_decides(text: str) -> None:
    try:
        of = chaos(text)
    except ValueError:
        return
    for kind in Kind:
        of.decide(kind, "GET", "/a")


def test_every_fault_has_a_line_and_a_fitting_request() -> None:
    assert all(line and "\n" not in line for line in FAULTS.values())
    assert all(fault.kinds for fault in ALL.values())


# --- at work


async def visit(start: Start, spec: str, seed: int = 5, **options: object) -> Visitor:
    visitor = await start(chaos=spec, seed=seed, **options)
    await visitor.server.add(NAME, CONTENT)
    return visitor


def log(visitor: Visitor) -> list[Committed]:
    assert visitor.server.chaos
    return list(visitor.server.chaos.log)


async def test_without_a_spec_there_is_no_chaos(visitor: Visitor) -> None:
    assert visitor.server.chaos is None


async def test_two_runs_of_a_seed_meet_the_same(root: Path) -> None:
    logs = []
    for run in range(2):
        options = ServerOptions(root / str(run), chaos="busy=0.3,500=0.2,missing=0.2,login-page=0.2", seed=9)
        async with ArchiveServer(options) as server:
            await server.add(NAME, CONTENT)
            await asyncio.gather(*(ask(f"{server.url}/query?instrument={number}") for number in range(30)))
            for _ in range(10):
                answer = await ask(f"{server.url}/download/{KEY}")
                if answer.status == 302:
                    await ask(answer.headers["location"])
            assert server.chaos
            logs.append(sorted(server.chaos.log))
    assert logs[0] == logs[1]
    assert {entry.origin for entry in logs[0]} == {"api", "storage"}


async def test_the_log_tells_what_befell_whom_and_no_secret(start: Start) -> None:
    visitor = await visit(start, "500*1")
    await ask(f"{visitor.server.url}/download/{KEY}")
    await ask(await visitor.sign_download(NAME))
    assert log(visitor) == [
        Committed("api", "GET", f"/download/{KEY}", "500"),
        Committed("storage", "GET", f"/{KEY}", "500"),
    ]


async def test_what_would_be_refused_anyhow_meets_no_fault(start: Start) -> None:
    visitor = await visit(start, "500=1,streak=0")
    assert (await ask(f"{visitor.server.url}/download/imap/none.cdf")).status == 404
    assert (await ask(f"{visitor.server.url}/upload/none.txt")).status == 400
    assert (await ask(f"{visitor.server.url}/nowhere")).status == 404
    assert (await ask(f"{visitor.server.storage_url}/{KEY}")).status == 403
    assert log(visitor) == []


async def test_a_key_is_asked_for_before_any_fault(start: Start) -> None:
    visitor = await visit(start, "500*1", keys={"right": "write"})
    url = f"{visitor.server.url}/api-key/query?instrument=mag"
    assert (await ask(url)).status == 401
    assert (await ask(url, headers={"x-api-key": "right"})).status == 500
    assert (await ask(url, headers={"x-api-key": "right"})).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_outage_closes_both_origins_for_its_time(start: Start, clock: Clock, method: str) -> None:
    visitor = await visit(start, "outage=10:20")
    name = NAME.replace("0115", "0116")
    url = await (visitor.sign_upload(name) if method == "PUT" else visitor.sign_download(NAME))
    began = clock.now
    for seconds, status in ((9, 200), (10, 503), (29, 503), (30, 200)):
        clock.now = began + seconds
        assert (await ask(f"{visitor.server.url}/query?instrument=mag")).status == status
        assert (await ask(url, method, b"field" if method == "PUT" else b"")).status == status
    assert [entry.fault for entry in log(visitor)] == ["outage"] * 4


SLOW = ["stall-head", "stall-body", "drip"]


@pytest.mark.parametrize("fault", [f"storage:{fault}" for fault in SLOW] + [f"api:{fault}" for fault in SLOW])
async def test_a_client_that_goes_ends_the_fault(start: Start, fault: str) -> None:
    visitor = await visit(start, f"{fault}=1,stall=60")
    url = f"{visitor.server.url}/query?instrument=mag"
    if fault.startswith("storage"):
        url = await visitor.sign_download(NAME)
    await _leaves_nothing_behind(url, "GET")


@pytest.mark.parametrize("size", [10, 50_000_000])
async def test_an_uploader_that_goes_ends_the_fault(start: Start, size: int) -> None:
    visitor = await visit(start, "storage:stall-head=1,stall=60")
    url = await visitor.sign_upload(NAME.replace("0115", "0116"))
    await _leaves_nothing_behind(url, "PUT", size)


async def _leaves_nothing_behind(url: str, method: str, size: int = 0) -> None:
    before = len(asyncio.all_tasks())
    _reader, writer = await connect(url, method, {"Content-Length": str(size)})
    writer.write(bytes(min(size, 5_000_000)))
    await asyncio.sleep(0.15)
    assert len(asyncio.all_tasks()) > before
    writer.transport.abort()
    async with asyncio.timeout(2):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 - no event tells of a task's end
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("fault", SLOW)
async def test_a_server_that_stops_ends_the_fault(root: Path, fault: str) -> None:
    options = ServerOptions(root, chaos=f"api:{fault}=1,stall=60", grace=30)
    async with ArchiveServer(options) as server:
        await server.add(NAME, CONTENT)
        waiting = asyncio.create_task(ask(f"{server.url}/query?instrument=mag"))
        await asyncio.sleep(0.15)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_clients_that_do_not_read_are_no_trouble(root: Path) -> None:
    faults = [name for name, fault in ALL.items() if Kind.PART in fault.kinds]
    spec = ",".join(f"storage:{fault}*1" for fault in faults)
    async with ArchiveServer(ServerOptions(root, chaos=f"{spec},stall=60", grace=0.1)) as server:
        await server.add(NAME, CONTENT * 30)
        url = server.key.sign("GET", server.storage_url, KEY, 60, time.time())
        writers = [(await connect(url, headers={"Range": "bytes=1-"}))[1] for _ in faults]
        await asyncio.sleep(0.3)
        assert server.chaos
        assert sorted(entry.fault for entry in server.chaos.log) == sorted(faults)
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
