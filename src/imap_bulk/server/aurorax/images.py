"""The files behind the sample's data products: keograms as PNG, movies that only look like MP4."""

import hashlib
import math
import struct
import zlib
from functools import lru_cache

from imap_bulk.server.aurorax import orbits, sample
from imap_bulk.server.aurorax.products import Made
from imap_bulk.server.aurorax.times import DAY

ROWS = 128
COLUMNS = 480
MOVIE_BYTES = 256 << 10

_DEGREES = 20.0
"""How far north and south of its site an instrument sees, in sum."""

CONTENT_TYPES = {"png": "image/png", "mp4": "video/mp4"}


@lru_cache(maxsize=128)
def content(identifier: int, midnight: int, made: Made, seed: int) -> bytes:
    """Return the bytes of a product's file: the same for ever, from the same seed."""
    if made.ending == "mp4":
        return _movie(identifier, midnight, seed)
    return _keogram(identifier, midnight + made.begins, midnight + made.ends + 60, seed)


def _keogram(identifier: int, start: int, end: int, seed: int) -> bytes:
    """Draw brightness: time from left to right, latitude from bottom to top."""
    lines = [bytearray(COLUMNS) for _ in range(ROWS)]
    site = sample.SITES[identifier][0]
    for column in range(COLUMNS):
        moment = start + (end - start) * column / COLUMNS
        if int(moment) % DAY in orbits.DAYLIGHT:
            continue
        glow = 255 * orbits.brightness(identifier, moment, seed)
        arc = 65 - site + 4 * math.sin(2 * math.pi * (moment % DAY) / DAY)  # degrees north of the site
        for row, line in enumerate(lines):
            north = _DEGREES * (0.5 - row / ROWS)
            line[column] = int(glow * math.exp(-((north - arc) ** 2) / 8))
    return png(lines)


def png(lines: list[bytearray]) -> bytes:
    """Return a picture in eight bits of grey."""
    head = struct.pack(">IIBBBBB", len(lines[0]), len(lines), 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + line for line in lines)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _movie(identifier: int, midnight: int, seed: int) -> bytes:
    frames = hashlib.shake_128(repr((seed, identifier, midnight)).encode()).digest(MOVIE_BYTES)
    boxes = ((b"ftyp", b"isom\0\0\2\0isomiso2mp41"), (b"mdat", frames))
    return b"".join(struct.pack(">I", 8 + len(body)) + name + body for name, body in boxes)
