"""The wire between two network namespaces: packets between two TUN devices, late by half a round trip, some lost.

unshare -n python -m benchmarks.tunnel PID RTT_SECONDS LOSS SEED
    makes the device `far` here and `near` in the namespace of process PID, and prints "ready". It answers each
    line on its stdin with its counts as JSON, and ends with its stdin: also when whoever started it is killed.

TCP at both ends is the kernel's own, at an MTU of 1500: slow start and recovery are those of a real path. Where
nothing is lost, the kernel hands over up to 64 KiB of segments in one piece, as to a network card, and takes them
in so. Where packets are lost, each is carried alone: with a piece, many in a row would be lost.
"""

import fcntl
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from benchmarks import network

NEAR, FAR = "198.18.0.1", "198.18.0.2"
"""The two ends: addresses that RFC 2544 sets aside for benchmarks."""

MTU = 1500
_CONTROL = "cubic"
_QUEUE = 20_000
"""Packets that a device holds for us: a burst must be late, not lost."""

_SET_DEVICE, _SET_OFFLOAD = 0x400454CA, 0x400454D0  # linux/if_tun.h
_TUN, _NO_PROTOCOL, _WITH_HEADER = 0x0001, 0x1000, 0x4000
_CHECKSUM, _SEGMENTS = 0x01, 0x02
_LONGEST = 10 + 65_535  # a header (linux/virtio_net.h), then a packet
_AT_ONCE = 64
_NAP = 0.0002
"""Packets that are due within so many seconds travel together: waking for each costs more than it tells."""

_LATE = 0.005
_COUNTS = ("carried", "lost", "late")


class Way:
    """One way: what is read from `source` is lost, or `delay` seconds later written to `target`, in order."""

    def __init__(self, source: int, target: int, delay: float, loss: float, seed: int) -> None:
        self.source = source
        self.carried = self.lost = self.late = 0
        self._target = target
        self._delay = delay
        self._loss = loss
        self._chance = random.Random(seed).random
        self._underway: deque[tuple[float, bytes]] = deque()

    def take(self, now: float) -> None:
        """Read what has been sent, up to a fair share."""
        for _ in range(_AT_ONCE):
            try:
                packet = os.read(self.source, _LONGEST)
            except BlockingIOError:
                return
            if self._loss and self._chance() < self._loss:
                self.lost += 1
            else:
                self._underway.append((now + self._delay, packet))

    def deliver(self, now: float) -> None:
        """Write what is due."""
        while self._underway and self._underway[0][0] <= now:
            due, packet = self._underway.popleft()
            os.write(self._target, packet)
            self.carried += 1
            self.late += now - due > _LATE

    def next_due(self) -> float:
        """Tell when the next packet arrives; infinity if none is under way."""
        return self._underway[0][0] if self._underway else float("inf")


def carry(ways: Sequence[Way], orders: int, tell: Callable[[], None]) -> None:
    """Carry packets until the file descriptor of orders ends; tell how it goes for whatever comes from there."""
    sources = [way.source for way in ways]
    while True:
        wait = min(way.next_due() for way in ways) - time.monotonic()
        ready, _, _ = select.select([*sources, orders], [], [], min(max(wait, _NAP), 1))
        for way in ways:
            if way.source in ready:
                way.take(time.monotonic())
        for way in ways:
            way.deliver(time.monotonic())
        if orders in ready:
            if not os.read(orders, 100):
                return
            tell()


def _device(name: str, *, in_pieces: bool) -> int:
    """Make a TUN device; return what reads and writes its packets. Raises OSError."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _SET_DEVICE, struct.pack("16sH22x", name.encode(), _TUN | _NO_PROTOCOL | _WITH_HEADER))
    fcntl.ioctl(device, _SET_OFFLOAD, _CHECKSUM | (_SEGMENTS if in_pieces else 0))
    return device


def _bring_up(name: str, own: str, other: str, place: Sequence[str] = ()) -> None:
    """Give a device its address and a route to the other end; the words of `place` lead to its namespace."""
    for words in (
        f"address add {own} peer {other} dev {name}",
        f"link set {name} txqueuelen {_QUEUE} mtu {MTU} up",
        f"route replace {other} dev {name} proto kernel scope link src {own} congctl {_CONTROL}",
    ):
        subprocess.run([*place, "ip", *words.split()], check=True)


def _overflowed(name: str, place: Sequence[str] = ()) -> int:
    """Count the packets for which a device had no room: losses that nobody asked for."""
    command = [*place, "ip", "-json", "-statistics", "link", "show", name]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return int(told[0]["stats64"]["tx"]["dropped"])


def main(process: str, rtt: str, loss: str, seed: str) -> None:
    in_pieces = not float(loss)
    far, near = (_device(name, in_pieces=in_pieces) for name in ("far", "near"))
    subprocess.run(["ip", "link", "set", "near", "netns", process], check=True)
    _bring_up("far", FAR, NEAR)
    network.forget_paths()
    there = ["nsenter", f"--net=/proc/{process}/ns/net"]
    _bring_up("near", NEAR, FAR, there)
    delay = float(rtt) / 2
    ways = [
        Way(near, far, delay, float(loss), int(seed)),
        Way(far, near, delay, float(loss), int(seed) + 1),
    ]

    def tell() -> None:
        counts = {name: sum(getattr(way, name) for way in ways) for name in _COUNTS}
        counts["overflowed"] = _overflowed("far") + _overflowed("near", there)
        forgets = network.REMEMBERS_NOT.read_text().strip() == "1"
        print(json.dumps({**counts, "mtu": MTU, "forgets_paths": forgets}), flush=True)

    print("ready", flush=True)
    carry(ways, sys.stdin.fileno(), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
