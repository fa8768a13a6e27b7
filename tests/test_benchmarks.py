"""The benchmarks run, and their arithmetic is right. Nothing here is timed."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from benchmarks import chart, network, proxy, report, results, tables
from benchmarks.link import Distance
from benchmarks.measure import wrong_files
from benchmarks.programs import all_rivals
from benchmarks.rivals import OURS, Job
from benchmarks.session import Plan, turns
from benchmarks.stage import nginx_program
from benchmarks.tunnel import Way
from benchmarks.workloads import GROUPS, WORKLOADS, DataFile, Direction, make

ROOT = Path(__file__).parent.parent
TINY = ("--scale", "0.002", "--rounds", "1", "--no-results")


def run(round_: int, peer: str, wall: float, problem: str = "") -> dict[str, Any]:
    return {
        "round": round_, "peer": peer, "wall": wall, "user": wall / 2, "sys": wall / 4, "server_cpu": 0.5,
        "rss_mib": 40.0, "exit": 0, "problem": problem,
    }  # fmt: skip


@pytest.fixture
def result() -> dict[str, Any]:
    """Three rounds of four: ours, one twice as slow while all drift, one that fails, one that once did."""
    walls = [1.0, 2.0, 4.0]
    runs = [run(at, OURS, wall) for at, wall in enumerate(walls, 1)]
    runs += [run(at, "slow", 2 * wall) for at, wall in enumerate(walls, 1)]
    runs += [run(at, "broken", 0.1, "3 missing") for at in (1, 2, 3)]
    runs += [run(1, "shaky", 3.0), run(2, "shaky", 0.1, "exit 1: a | b"), run(3, "shaky", 3.0)]
    peers = {name: {"version": "1.0", "verifies": name == OURS, "command": name} for name in (OURS, "slow")}
    peers |= {name: {"version": None, "verifies": False, "command": name} for name in ("broken", "shaky")}
    return {
        "schema": 1, "date": "2026-11-22T12:00:00+00:00", "peers": peers, "rounds": runs,
        "workload": {
            "name": "small", "direction": "pull", "files": 5000, "bytes": 80_000_000, "jobs": 16, "scale": 1.0,
        },
        "machine": {"cpu": "a < b", "cores": 2, "system": "Linux 6", "python": "CPython 3.11"},
        "network": {"namespace": False, "congestion_control": "bbr"},
        "server": "nginx 1.22", "not_installed": ["parfive"],
    }  # fmt: skip


@pytest.fixture
def far_result(result: dict[str, Any]) -> dict[str, Any]:
    """Return the same, a long way off."""
    link = {
        "asked": "80ms,0.5%",
        "kind": "tun",
        "rtt_ms": 80.0,
        "loss": 0.005,
        "connect_ms": 80.6,
        "request_ms": 81.0,
    }
    return {**result, "network": {**result["network"], "link": link}, "date": "2026-11-23T12:00:00+00:00"}


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket, socket.socket, socket.socket]]:
    """Yield what sends packets, what a way reads from, what it writes to, and what receives them."""
    pairs = [
        *socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
        *socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    ]
    for end in pairs:
        end.setblocking(False)
    yield pairs[0], pairs[1], pairs[2], pairs[3]
    for end in pairs:
        end.close()


def received(end: socket.socket) -> list[bytes]:
    packets = []
    while True:
        try:
            packets.append(end.recv(100))
        except BlockingIOError:
            return packets


def named(result: dict[str, Any]) -> dict[str, tables.Row]:
    return {row.peer: row for row in tables.rows(result)}


def benchmarks(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_tiny_session_runs() -> None:
    peers = OURS + (",curl" if shutil.which("curl") else "")
    done = benchmarks(*TINY, "--peers", peers)
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"**{OURS} " in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.skipif(nginx_program() is None, reason="needs nginx")
def test_a_tiny_session_over_tls_runs_and_everybody_trusts_the_server() -> None:
    peers = ",".join([OURS, *(["curl", "curl-put-only"] if shutil.which("curl") else [])])
    done = benchmarks(*TINY, "--workload", "medium-tls,push-medium-tls", "--peers", peers)
    assert done.returncode == 0, done.stderr + done.stdout
    assert ", pull, TLS" in done.stdout
    assert ", push, TLS" in done.stdout
    assert "ertificate" not in done.stdout


def test_over_tls_nginx_is_needed() -> None:
    done = benchmarks(*TINY, "--workload", "small-tls", "--server", "embedded", "--peers", OURS)
    assert "the embedded archive speaks no TLS; install nginx-light" in done.stderr


def test_a_tiny_push_to_the_embedded_archive_runs() -> None:
    done = benchmarks(*TINY, "--workload", "push-small", "--server", "embedded", "--peers", OURS)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "embedded archive" in done.stdout


def test_a_tiny_session_over_a_long_way_runs() -> None:
    done = benchmarks(*TINY, "--workload", "large-far", "--link", "10ms", "--server", "embedded", "--peers", OURS)
    if network.may_isolate() and os.access("/dev/net/tun", os.W_OK):
        assert done.returncode == 0, done.stderr + done.stdout
        assert "two namespaces, 10 ms round trip" in done.stdout
    else:
        assert "lead past the proxy" in done.stderr


@pytest.mark.skipif(nginx_program() is None, reason="needs nginx")
def test_where_no_namespace_may_be_had_a_proxy_makes_the_way_long() -> None:
    done = benchmarks(*TINY, "--workload", "small-far", "--link", "10ms", "--host-network", "--peers", OURS)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "a delaying proxy" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_proxy_cannot_lose_packets_and_says_so() -> None:
    done = benchmarks(*TINY, "--link", "10ms,1%", "--host-network", "--peers", OURS)
    assert done.returncode == 1
    assert "no packets can be lost" in done.stderr


def test_who_is_too_slow_is_not_run_again() -> None:
    done = benchmarks(
        "--scale", "0.002", "--rounds", "2", "--no-results", "--patience", "0.01", "--server", "embedded",
        "--peers", OURS,
    )  # fmt: skip
    assert done.returncode == 1
    assert "failed 1 of 1: not done after 0.01 s" in done.stdout


def test_a_workload_that_is_none_is_wrong_usage() -> None:
    done = benchmarks("--workload", "tiny")
    assert done.returncode == 2
    assert "push-medium" in done.stderr


def test_ratios_are_taken_within_each_round(result: dict[str, Any]) -> None:
    slow = named(result)["slow"]
    assert slow.wall == tables.Spread(4.0, 2.0, 8.0)
    assert slow.ratio == tables.Spread(2.0, 2.0, 2.0)


def test_without_ours_there_are_no_ratios(result: dict[str, Any]) -> None:
    del result["peers"][OURS]
    assert all(row.ratio is None for row in tables.rows(result))


def test_rates_come_from_the_median(result: dict[str, Any]) -> None:
    ours = named(result)[OURS]
    assert (ours.files_per_second, ours.mb_per_second, ours.cpu) == (2500.0, 40.0, 1.5)


def test_who_fails_is_shown_last_and_not_dropped(result: dict[str, Any]) -> None:
    *_, last = tables.rows(result)
    assert (last.peer, last.wall, last.problem) == ("broken", None, "failed 3 of 3: 3 missing")


def test_rounds_that_failed_do_not_count(result: dict[str, Any]) -> None:
    shaky = named(result)["shaky"]
    assert shaky.wall == tables.Spread(3.0, 3.0, 3.0)
    assert shaky.ratio == tables.Spread(1.875, 0.75, 3.0)
    assert shaky.problem.startswith("failed 1 of 3")


def test_the_table_has_a_line_for_everybody(result: dict[str, Any]) -> None:
    text = tables.markdown(result)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(result["peers"])
    assert len({line.count("|") for line in rows}) == 1
    assert "bbr? in the host's loopback" in text
    assert "Not installed: parfive." in text


def test_the_chart_is_well_formed(result: dict[str, Any]) -> None:
    drawn = ET.fromstring(chart.svg(result))
    bars = [element for element in drawn if element.tag.endswith("rect")]
    assert len(bars) == 3


def test_a_result_is_kept_by_its_day(result: dict[str, Any], tmp_path: Path) -> None:
    first, second = results.save(result, tmp_path), results.save(result, tmp_path)
    assert [first.name, second.name] == ["2026-11-22-small.json", "2026-11-22-small-2.json"]
    assert results.load(second) == result


def test_everybody_runs_once_a_round_and_nobody_is_always_first() -> None:
    plan = Plan(WORKLOADS["small"], all_rivals()[:3], [], rounds=3, server="auto")
    order = [(number, rival.name) for number, rival in turns(plan)]
    assert len(set(order)) == len(order) == 9
    assert len({order[at][1] for at in (0, 3, 6)}) > 1


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_scaled_workload_is_that_part_of_the_bytes(name: str) -> None:
    whole, part = sum(WORKLOADS[name].sizes()), sum(WORKLOADS[name].scaled(0.1).sizes())
    assert part == pytest.approx(whole / 10, rel=0.01)


def test_wrong_and_missing_files_are_found(tmp_path: Path) -> None:
    first, second, third, *_ = files = make(WORKLOADS["small"].scaled(0.001), tmp_path)
    assert wrong_files(tmp_path, files, by_digest=True) == ""
    (tmp_path / first.key).unlink()
    (tmp_path / second.key).write_bytes(b"short")
    (tmp_path / third.key).write_bytes(bytes(third.size))
    assert wrong_files(tmp_path, files, by_digest=False) == "1 missing, 1 wrong"
    assert wrong_files(tmp_path, files, by_digest=True) == "1 missing, 2 wrong"


@pytest.mark.parametrize(
    ("text", "rtt", "loss"), [("80ms", 0.08, 0), ("80ms,0.5%", 0.08, 0.005), ("0.5ms,0%", 0.0005, 0)]
)
def test_a_distance_is_a_round_trip_and_a_loss(text: str, rtt: float, loss: float) -> None:
    read = Distance.parse(text)
    assert read.rtt == pytest.approx(rtt)
    assert read.loss == pytest.approx(loss)


@pytest.mark.parametrize("text", ["", "80", "ms", "80ms,0.5", "0ms", "3000ms", "80ms,100%", "80ms,-1%", "nanms"])
def test_what_is_no_distance_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"ms|float"):
        Distance.parse(text)


@pytest.mark.parametrize("text", ["80ms", "80ms,0.5%"])
def test_a_distance_is_written_as_it_is_read(text: str) -> None:
    assert str(Distance.parse(text)) == text


Ends = tuple[socket.socket, socket.socket, socket.socket, socket.socket]


def test_packets_arrive_in_order_after_the_delay_and_not_before(ends: Ends) -> None:
    sender, source, target, receiver = ends
    way = Way(source.fileno(), target.fileno(), delay=0.04, loss=0, seed=1)
    assert way.next_due() == float("inf")
    for at, packet in enumerate((b"first", b"second")):
        sender.send(packet)
        way.take(now=100.0 + at / 100)
    way.deliver(now=100.039)
    assert received(receiver) == []
    way.deliver(now=100.041)
    assert received(receiver) == [b"first"]
    assert way.next_due() == pytest.approx(100.05)
    way.deliver(now=101)
    assert (received(receiver), way.carried, way.late) == ([b"second"], 2, 1)


def test_the_same_seed_loses_the_same_packets(ends: Ends) -> None:
    sender, source, target, receiver = ends
    runs = []
    for _ in range(2):
        way = Way(source.fileno(), target.fileno(), delay=0, loss=0.3, seed=7)
        for number in range(200):
            sender.send(b"%d" % number)
            way.take(now=0)
            way.deliver(now=0)
            runs.append(received(receiver))
        assert 30 < way.lost < 90
        assert way.lost + way.carried == 200
    assert runs[:200] == runs[200:]


async def test_the_proxy_carries_every_byte_both_ways() -> None:
    body = os.urandom(1 << 20)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with await asyncio.start_server(proxy.joining(0.002, "127.0.0.1", port), "127.0.0.1", 0) as delayed:
            reader, writer = await asyncio.open_connection(*delayed.sockets[0].getsockname())
            writer.write(body)
            writer.write_eof()
            assert await reader.read() == body
            writer.close()
            await writer.wait_closed()


def test_what_is_moved_where_packets_are_lost_may_be_less() -> None:
    assert WORKLOADS["large-far"].where_lossy().size == 256 << 20
    assert WORKLOADS["medium-far"].where_lossy() == WORKLOADS["medium-far"]


def test_a_group_names_workloads_that_there_are() -> None:
    assert {name for names in GROUPS.values() for name in names} <= set(WORKLOADS)


@pytest.mark.parametrize(("files", "streams"), [(1, 16), (4, 4), (16, 1), (1000, 1)])
def test_connections_that_are_left_over_go_to_the_files_there_are(
    files: int, streams: int, tmp_path: Path
) -> None:
    some = [DataFile(f"file{number}", 1, "", "", "") for number in range(files)]
    assert Job(Direction.PULL, some, "", tmp_path, tmp_path, tmp_path, jobs=16).streams == streams


def test_a_far_result_tells_how_far_and_is_kept_apart(far_result: dict[str, Any], tmp_path: Path) -> None:
    assert "two namespaces, 80 ms round trip, 0.5 % of packets lost" in tables.heading(far_result)
    assert results.save(far_result, tmp_path).name == "2026-11-23-small-80ms-loss0.5.json"


def test_a_link_that_was_not_what_it_should_be_is_told_in_the_heading(far_result: dict[str, Any]) -> None:
    link = far_result["network"]["link"]
    assert "late" not in tables.heading(far_result)
    far_result["network"]["link"] = {**link, "carried": 1000, "late": 20, "overflowed": 3}
    assert "2% of packets over 5 ms late" in tables.heading(far_result)
    assert "3 packets dropped that should not have been" in tables.heading(far_result)


def test_the_report_shows_the_newest_result_of_each_kind(
    result: dict[str, Any], far_result: dict[str, Any], tmp_path: Path
) -> None:
    for number, kept in enumerate((result, {**result, "date": "2026-11-24T12:00:00+00:00"}, far_result)):
        results.save({**kept, "server": f"nginx {number}"}, tmp_path)
    text = report.write(tmp_path)
    near, far = text.index("| small, files/s |"), text.index("| small-80ms-loss0.5, files/s |")
    assert text.index("**Over loopback**") < near < text.index("**A long way off**") < far
    assert text.count("| **imap-bulk** | yes | 2,500 |") == 2
    assert text.count("| slow | no | 1,250 (2.00x) |") == 2
    assert "nginx 1" in text
    assert "nginx 0" not in text
    assert {path.name for path in tmp_path.glob("*.svg")} == {"small.svg", "small-80ms-loss0.5.svg"}


def test_the_report_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{report.BEGIN}\nold\n{report.END}\nbelow\n")
    for _ in range(2):
        report.put_into(page, "new\n")
    assert page.read_text() == f"above\n{report.BEGIN}\nnew\n{report.END}\nbelow\n"


def test_a_page_without_marks_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n")
    with pytest.raises(RuntimeError, match="no lines"):
        report.put_into(page, "new\n")
    assert page.read_text() == "above\n"
