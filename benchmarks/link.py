"""What lies between clients and server: the loopback, or a long way that is made here.

A long way is two network namespaces joined by `tunnel`; where these cannot be had, `proxy` on the loopback.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Self

from benchmarks import network
from benchmarks.tls import Identity
from benchmarks.tunnel import FAR

_LOOPBACK, _PROXY = "127.0.0.1", "127.0.0.2"
_SEED = 2026
_TRIES = 5
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Distance:
    """How far, as it is asked for: a round trip in seconds, and the part of packets that is lost each way."""

    rtt: float
    loss: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "80ms" or "80ms,0.5%". Raises ValueError."""
        rtt, _, loss = text.partition(",")
        if not rtt.endswith("ms") or (loss and not loss.endswith("%")):
            raise ValueError(f"{text!r} is no distance; write 80ms, or 80ms,0.5%")
        read = cls(float(rtt[:-2]) / 1000, float(loss[:-1] or 0) / 100)
        if not (0 < read.rtt <= 2 and 0 <= read.loss < 1):
            raise ValueError(
                f"{text!r}: a round trip is above 0 and at most 2,000ms, a loss from 0% to below 100%"
            )
        return read

    def __str__(self) -> str:
        return f"{self.rtt * 1000:g}ms" + (f",{self.loss * 100:g}%" if self.loss else "")


@dataclass(frozen=True, slots=True)
class Link:
    """Where the server is: started with `prefix`, it listens on `listen`; clients reach it at `host`."""

    kind: str
    host: str
    listen: str
    ports: tuple[int, int]
    """Of the API, and of the storage."""
    prefix: tuple[str, ...] = ()
    asked: Distance | None = None
    counts: Callable[[], dict[str, int]] = field(default=dict)

    def describe(self, identity: Identity | None = None) -> dict[str, Any] | None:
        """Tell what the way to a running server is really like, for the result file; None for the loopback.

        Times in milliseconds, the median of five: of connecting, and of a request on an open connection.
        """
        if not self.asked:
            return None
        connect, request = zip(*(self._ask(identity) for _ in range(_TRIES)), strict=True)
        return {
            "asked": str(self.asked), "kind": self.kind, "rtt_ms": self.asked.rtt * 1000, "loss": self.asked.loss,
            "connect_ms": round(median(connect), 2), "request_ms": round(median(request), 2), **self.counts(),
        }  # fmt: skip

    def _ask(self, identity: Identity | None) -> tuple[float, float]:
        started = time.perf_counter()
        with socket.create_connection((self.host, self.ports[0]), timeout=_TIMEOUT) as plain:
            connected = time.perf_counter()
            connection = identity.context().wrap_socket(plain, server_hostname=self.host) if identity else plain
            _request(connection, self.host)  # the first one: the proxy has it wait as if for the handshake
            asked = time.perf_counter()
            _request(connection, self.host)
            return (connected - started) * 1000, (time.perf_counter() - asked) * 1000


def _request(connection: socket.socket, host: str) -> None:
    connection.sendall(f"GET /nothing HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    if not connection.recv(1 << 16):
        raise RuntimeError("the server hung up")


@contextmanager
def open_link(distance: Distance | None) -> Iterator[Link]:
    """Lay a link while the context lasts. Raises RuntimeError where it cannot lose the packets that it should."""
    if not distance:
        yield Link("loopback", _LOOPBACK, _LOOPBACK, free_ports(_LOOPBACK))
    elif _may_tunnel():
        with _tunnel(distance) as link:
            yield link
    elif distance.loss:
        raise RuntimeError("without a TUN device and a namespace no packets can be lost; leave the loss out")
    else:
        with _proxy(distance) as link:
            yield link


def free_ports(host: str) -> tuple[int, int]:
    """Find two ports that nobody listens on."""
    with socket.create_server((host, 0)) as first, socket.create_server((host, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


def _may_tunnel() -> bool:
    """Whether a TUN device can be opened, and there is another namespace to put it into."""
    if not (network.is_inside() and shutil.which("nsenter")):
        return False
    with suppress(OSError):
        os.close(os.open("/dev/net/tun", os.O_RDWR))
        return True
    return False


@contextmanager
def _tunnel(distance: Distance) -> Iterator[Link]:
    network.forget_paths()
    told = [str(os.getpid()), str(distance.rtt), str(distance.loss), str(_SEED)]
    with _running(["unshare", "-n", sys.executable, "-m", "benchmarks.tunnel", *told]) as process:

        def counts() -> dict[str, int]:
            assert process.stdin
            assert process.stdout
            process.stdin.write("counts\n")
            process.stdin.flush()
            read: dict[str, int] = json.loads(process.stdout.readline())
            return read

        there = ("nsenter", f"--net=/proc/{process.pid}/ns/net")
        yield Link("tun", FAR, FAR, free_ports(_LOOPBACK), there, distance, counts)


@contextmanager
def _proxy(distance: Distance) -> Iterator[Link]:
    ports = free_ports(_PROXY)
    told = [str(distance.rtt), _PROXY, _LOOPBACK, *map(str, ports)]
    with _running([sys.executable, "-m", "benchmarks.proxy", *told]):
        yield Link("proxy", _PROXY, _LOOPBACK, ports, (), distance)


@contextmanager
def _running(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """Run what says "ready", and ends with its stdin. Raises RuntimeError."""
    with subprocess.Popen(
        command, cwd=network.ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{' '.join(command)} did not start")
        yield process
