"""What an archive holds of a source: what the sample computes, less what was deleted, and what was uploaded."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Any
from urllib.parse import urlsplit

from imap_bulk.server.aurorax import orbits, products
from imap_bulk.server.aurorax.products import Product
from imap_bulk.server.aurorax.sources import Source
from imap_bulk.server.aurorax.times import DAY

_UPLOADED = "SELECT epoch, record FROM ephemeris WHERE source = ? AND epoch BETWEEN ? AND ? ORDER BY epoch"
_ERASED = """SELECT start, "end" FROM erased_ephemeris WHERE source = ? AND start <= ? AND "end" >= ?"""
_PRODUCTS = """SELECT start, "end", url, type, metadata FROM product
               WHERE source = ? AND start >= ? AND "end" <= ? ORDER BY start, url"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """The records of sources, read over one connection in one thread."""

    connection: sqlite3.Connection
    seed: int
    now: int
    """The sample ends here: nothing was measured in the future."""

    check: Callable[[], None] = lambda: None
    """Called once in a while; what it raises ends the reading."""

    def ephemeris(self, source: Source, start: float, end: float) -> Iterator[dict[str, Any]]:
        """Yield the ephemeris records from `start` to `end`, both included, in order."""
        return (record for _, record in self.timed(source, start, end))

    def timed(self, source: Source, start: float, end: float) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the same records with their epochs."""
        first, last = int(-(-start // 1)), int(end // 1)
        if not source.sampled:
            yield from self._uploaded(source, first, last)
            return
        # Day by day: a month of uploads need not be in memory at once.
        for midnight in range(first // DAY * DAY, last + 1, DAY):
            yield from self._day(source, max(first, midnight), min(last, midnight + DAY - 1))

    def _day(self, source: Source, first: int, last: int) -> Iterator[tuple[int, dict[str, Any]]]:
        self.check()
        computed = orbits.computed(source, first, min(last, self.now), self.seed)
        erased = self.connection.execute(_ERASED, (source.identifier, last, first)).fetchall()
        uploaded = dict(self._uploaded(source, first, last))
        if not (erased or uploaded):
            yield from computed
            return
        left = {epoch: record for epoch, record in computed if not any(a <= epoch <= b for a, b in erased)}
        yield from sorted((left | uploaded).items())

    def _uploaded(self, source: Source, first: int, last: int) -> Iterator[tuple[int, dict[str, Any]]]:
        basic = source.in_record()
        for epoch, record in self.connection.execute(_UPLOADED, (source.identifier, first, last)):
            yield epoch, {"data_source": basic} | json.loads(record)

    def products(self, source: Source, start: float, end: float, base: str) -> Iterator[Product]:
        """Yield the products that lie within `start` and `end`, in order of their starts."""
        rows = self.connection.execute(_PRODUCTS, (source.identifier, start, end))
        uploaded = (
            Product(begins, ends, url, kind, json.loads(metadata)) for begins, ends, url, kind, metadata in rows
        )
        if not source.sampled:
            return uploaded
        sql = "SELECT path FROM erased_product WHERE source = ?"
        erased = {path for (path,) in self.connection.execute(sql, (source.identifier,))}
        made = products.made(source, start, min(end, self.now), base)
        left = (product for product in made if not (erased and file_path(product.url) in erased))
        return merge(left, uploaded, key=lambda product: (product.start, product.url))


def file_path(url: str) -> str:
    """Return the path within a URL, whatever the name by which the server was reached."""
    return urlsplit(url).path.removeprefix("/")
