"""`imap-bulk serve`: an archive in a process of its own."""

import random
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import Result

from imap_bulk.server.chaos import FAULTS

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"


def address(process: subprocess.Popen[str]) -> str:
    """Wait for the one line that tells the address."""
    assert process.stdout
    line = process.stdout.readline()
    match = re.fullmatch(r"Serving \S+ at (http://\S+:\d+) \(storage at http://\S+:\d+; Ctrl-C stops\)\n", line)
    assert match, line
    return match[1]


def first_of_two_free_ports() -> int:
    """Look below those that the kernel hands out: it may give the second one to anybody meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            socket.create_server(("127.0.0.1", port + 1)).close()
            return port


def test_the_address_is_printed_when_it_is_ready(
    start: Start, invoke: Run, tmp_path: Path, outbox: Path, data_dir: Path
) -> None:
    url = address(start("serve", "--root", tmp_path / "archive", "--port", "0"))
    assert invoke("--url", url, "--data-dir", data_dir, "push", outbox).exit_code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_to(start: Start, tmp_path: Path, number: int) -> None:
    process = start("serve", "--root", tmp_path / "archive", "--port", "0")
    address(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out, err) == (0, "", "Stopped.\n")


def test_keys_guard_it(start: Start, invoke: Run, tmp_path: Path, outbox: Path, data_dir: Path) -> None:
    keys = ("--key", "lab:write", "--key", "guest:read")
    url = address(start("serve", "--root", tmp_path / "archive", "--port", "0", *keys))
    given = ("--url", url, "--data-dir", data_dir)
    assert invoke(*given, "--api-key", "guest", "push", outbox / MAG).exit_code == 1
    assert invoke(*given, "--api-key", "lab", "push", outbox / MAG).exit_code == 0


@pytest.mark.parametrize("key", ["lab", "lab:", ":write", "lab:admin"])
def test_a_key_without_a_scope_is_wrong_usage(invoke: Run, tmp_path: Path, key: str) -> None:
    ran = invoke("serve", "--root", tmp_path / "archive", "--key", key)
    assert ran.exit_code == 2
    assert "NAME:read or NAME:write" in ran.stderr


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a..b"])
def test_a_host_that_is_not_this_machine_is_wrong_usage(invoke: Run, tmp_path: Path, host: str) -> None:
    ran = invoke("serve", "--root", tmp_path / "archive", "--host", host)
    assert ran.exit_code == 2
    assert f"'--host': '{host}' is no address of this machine; write one as in 127.0.0.1" in " ".join(
        ran.stderr.split()
    )
    assert not (tmp_path / "archive").exists()


def test_a_root_is_needed(invoke: Run) -> None:
    assert invoke("serve").exit_code == 2


def test_faults_are_committed_on_demand_and_told_with_their_seed(
    start: Start, invoke: Run, tmp_path: Path, outbox: Path, data_dir: Path
) -> None:
    process = start("serve", "--root", tmp_path / "archive", "--port", "0", "--chaos", "api:504*3", "--seed", "7")
    url = address(process)
    given = ("--url", url, "--data-dir", data_dir)
    assert invoke(*given, "push", "--retries", "0", outbox / MAG).exit_code == 75
    process.terminate()
    assert process.communicate(timeout=5)[1] == "Committing faults: api:504*3 (seed 7)\nStopped.\n"


def test_every_fault_is_listed_on_demand(invoke: Run) -> None:
    ran = invoke("serve", "--chaos", "help")
    assert ran.exit_code == 0
    listed = dict(line.split(maxsplit=1) for line in ran.stdout.splitlines())
    assert listed == FAULTS


@pytest.mark.parametrize("spec", ["nonsense=0.1", "flip=2", "all"])
def test_bad_chaos_is_wrong_usage(invoke: Run, tmp_path: Path, spec: str) -> None:
    ran = invoke("serve", "--root", tmp_path / "archive", "--chaos", spec)
    assert ran.exit_code == 2
    assert f"Invalid value for --chaos: '{spec}' " in ran.stderr
    assert "known faults and groups are all, api" in ran.stderr
    assert not (tmp_path / "archive").exists()


def test_several_archives_are_served_each_on_a_port_of_its_own(start: Start, tmp_path: Path) -> None:
    process = start("serve", "--root", tmp_path, "--port", "0", "--archives", "aurorax,lsst,imap")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(3)]
    urls = [re.search(r" at (http://127\.0\.0\.1:\d+) ", line) for line in lines]
    assert [line.split(" at ")[0] for line in lines] == ["Serving AuroraX", "Serving LSST", f"Serving {tmp_path}"]
    assert len({url[1] for url in urls if url}) == 3


def test_the_ports_of_several_archives_follow_one_another(start: Start, tmp_path: Path) -> None:
    port = first_of_two_free_ports()
    process = start("serve", "--root", tmp_path, "--port", str(port), "--archives", "aurorax,lsst")
    assert process.stdout
    assert f":{port} " in process.stdout.readline()
    assert f":{port + 1} " in process.stdout.readline()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--archives", "lsst,sdss"), "write one or more of imap, aurorax, lsst"),
        (("--archives", "lsst", "--envelope"), "--envelope is for imap; add that to --archives, or leave it out"),
        (("--lsst-genuine",), "--lsst-genuine is for lsst; add that to --archives"),
        (("--archives", "lsst", "--lsst-faults", "nonsense*1"), "Invalid value for --lsst-faults"),
    ],
)
def test_what_no_archive_would_heed_is_wrong_usage(
    invoke: Run, tmp_path: Path, given: tuple[str, ...], said: str
) -> None:
    ran = invoke("serve", "--root", tmp_path / "archive", *given)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    ("option", "known"), [("--aurorax-faults", "expired-result"), ("--lsst-faults", "unstable")]
)
def test_the_faults_of_other_archives_are_listed_on_demand(invoke: Run, option: str, known: str) -> None:
    ran = invoke("serve", option, "help")
    assert ran.exit_code == 0
    assert any(line.startswith(f"{known} ") for line in ran.stdout.splitlines())
