"""What a search finds: the records of its sources, one after another, in a thread."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.conjunction_query import ConjunctionQuery, read_conjunction_query
from imap_bulk.server.aurorax.conjunctions import conjunctions
from imap_bulk.server.aurorax.holdings import Holdings
from imap_bulk.server.aurorax.queries import (
    EphemerisQuery,
    ProductQuery,
    chosen,
    read_ephemeris_query,
    read_product_query,
)
from imap_bulk.server.aurorax.requests import Kind

Check = Callable[[], None]
"""Called once in a while; what it raises ends the search."""


class Finder:
    """Finds what queries ask for in a catalog and in the sample."""

    def __init__(self, catalog: Catalog, seed: int, clock: Callable[[], float]) -> None:
        self._catalog = catalog
        self._seed = seed
        self._clock = clock

    def find(self, kind: Kind, query: Mapping[str, Any], base: str, check: Check) -> Iterator[dict[str, Any]]:
        """Read a query and return its records, yet to be found. Raises Refused."""
        if kind is Kind.EPHEMERIS:
            return self.ephemeris(read_ephemeris_query(query), check)
        if kind is Kind.PRODUCTS:
            return self.products(read_product_query(query), base)
        return self.conjunctions(read_conjunction_query(query), check)

    def ephemeris(self, query: EphemerisQuery, check: Check = lambda: None) -> Iterator[dict[str, Any]]:
        """Yield ephemeris records, by source and epoch."""
        matches = query.block.matches
        with self._holdings(check) as holdings:
            for source in chosen(query.block, self._catalog.sources(holdings.connection)):
                for record in holdings.ephemeris(source, query.start, query.end):
                    if matches(_mapping(record["metadata"])):
                        yield record

    def products(self, query: ProductQuery, base: str) -> Iterator[dict[str, Any]]:
        """Yield records of data products, by source and start; URLs of the sample's begin with `base`."""
        matches = query.block.matches
        with self._holdings() as holdings:
            for source in chosen(query.block, self._catalog.sources(holdings.connection)):
                basic = source.in_record()
                for product in holdings.products(source, query.start, query.end, base):
                    if (not query.types or product.type in query.types) and matches(_mapping(product.metadata)):
                        yield product.record(basic)

    def conjunctions(self, query: ConjunctionQuery, check: Check = lambda: None) -> Iterator[dict[str, Any]]:
        """Yield conjunctions, in the order in which they end."""
        with self._holdings(check) as holdings:
            yield from conjunctions(query, self._catalog.sources(holdings.connection), holdings)

    @contextmanager
    def _holdings(self, check: Check = lambda: None) -> Iterator[Holdings]:
        with self._catalog.reading() as connection:
            yield Holdings(connection, self._seed, int(self._clock()), check)


READERS: dict[Kind, Callable[[Mapping[str, Any]], object]] = {
    Kind.EPHEMERIS: read_ephemeris_query,
    Kind.PRODUCTS: read_product_query,
    Kind.CONJUNCTIONS: read_conjunction_query,
}
"""What reads a query without looking for anything; raises Refused."""


def _mapping(metadata: Any) -> Mapping[str, Any]:
    return metadata if isinstance(metadata, dict) else {}
