"""A loopback of our own, in a network namespace: hosts that default to BBR pace even their loopback.

The congestion control is set on the namespace's own routes: a namespace may not change the default to anything
but what the host allows everybody, and the host's settings are not ours to touch.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_INSIDE = "IMAP_BULK_BENCHMARKS_INSIDE"
_CONTROL = "cubic"
REMEMBERS_NOT = Path("/proc/sys/net/ipv4/tcp_no_metrics_save")
_ROUTES = ("127.0.0.0/8", "127.0.0.1")


def is_inside() -> bool:
    """Whether this process already runs in a namespace of ours."""
    return _INSIDE in os.environ


def may_isolate() -> bool:
    """Whether this process may make a network namespace."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


def run_inside(arguments: Sequence[str]) -> int:
    """Run this package again, in a namespace; return its exit code."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = ["unshare", "-rn", sys.executable, "-m", "benchmarks", *arguments]
    process = subprocess.Popen(command, env={**os.environ, _INSIDE: "1", "PYTHONPATH": path})
    try:
        return process.wait()
    except SystemExit:
        process.terminate()
        raise
    finally:
        process.wait()  # it has gigabytes and a server to clear away, also after Ctrl-C, which it got as we did


def prepare() -> None:
    """Bring up the loopback of the namespace that we are in. What cannot be had is seen in `describe`."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for route in _ROUTES:
        words = f"route replace local {route} dev lo proto kernel scope host src 127.0.0.1 table local congctl"
        subprocess.run(["ip", *words.split(), _CONTROL], capture_output=True, check=False)


def forget_paths() -> None:
    """Have TCP not remember in this namespace how a path was: one tool's losses would slow down the next one."""
    with suppress(OSError):  # as where /proc is read-only
        REMEMBERS_NOT.write_text("1")


def describe() -> dict[str, object]:
    """Tell what loopback connections are really like, for the result file."""
    return {"namespace": is_inside(), "congestion_control": _congestion_control()}


def _congestion_control() -> str:
    """Ask a real connection, not the settings."""
    option = getattr(socket, "TCP_CONGESTION", None)
    if option is None:
        return "unknown"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as connection,
    ):
        return connection.getsockopt(socket.IPPROTO_TCP, option, 16).rstrip(b"\0").decode()
