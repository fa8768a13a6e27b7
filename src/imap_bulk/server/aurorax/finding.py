"""What a search finds: the records of its sources, one after another, in a thread."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.holdings import Holdings
from imap_bulk.server.aurorax.queries import (
    EphemerisQuery,
    ProductQuery,
    chosen,
    read_ephemeris_query,
    read_product_query,
)
from imap_bulk.server.aurorax.requests import Kind


class Finder:
    """Finds what queries ask for in a catalog and in the sample."""

    def __init__(self, catalog: Catalog, seed: int, clock: Callable[[], float]) -> None:
        self._catalog = catalog
        self._seed = seed
        self._clock = clock

    def find(self, kind: Kind, query: Mapping[str, Any], base: str) -> Iterator[dict[str, Any]]:
        """Read a query and yield its records. Raises Refused."""
        if kind is Kind.EPHEMERIS:
            return self.ephemeris(read_ephemeris_query(query))
        return self.products(read_product_query(query), base)

    def check(self, kind: Kind, query: Mapping[str, Any]) -> None:
        """Read a query without looking for anything. Raises Refused."""
        if kind is Kind.EPHEMERIS:
            read_ephemeris_query(query)
        else:
            read_product_query(query)

    def ephemeris(self, query: EphemerisQuery) -> Iterator[dict[str, Any]]:
        """Yield ephemeris records, by source and epoch."""
        sources = chosen(query.block, self._catalog.sources())
        return self._ephemeris(query, sources)

    def _ephemeris(self, query: EphemerisQuery, sources: Any) -> Iterator[dict[str, Any]]:
        matches = query.block.matches
        with self._catalog.reading() as connection:
            holdings = Holdings(connection, self._seed, int(self._clock()))
            for source in sources:
                for record in holdings.ephemeris(source, query.start, query.end):
                    if matches(_metadata(record)):
                        yield record

    def products(self, query: ProductQuery, base: str) -> Iterator[dict[str, Any]]:
        """Yield records of data products, by source and start."""
        sources = chosen(query.block, self._catalog.sources())
        return self._products(query, sources, base)

    def _products(self, query: ProductQuery, sources: Any, base: str) -> Iterator[dict[str, Any]]:
        matches = query.block.matches
        with self._catalog.reading() as connection:
            holdings = Holdings(connection, self._seed, int(self._clock()))
            for source in sources:
                basic = source.in_record()
                for product in holdings.products(source, query.start, query.end, base):
                    if (not query.types or product.type in query.types) and matches(_mapping(product.metadata)):
                        yield product.record(basic)


def _metadata(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(record.get("metadata"))


def _mapping(metadata: Any) -> Mapping[str, Any]:
    return metadata if isinstance(metadata, dict) else {}
