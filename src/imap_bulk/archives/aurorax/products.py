"""Data products: records that tell where a file is. AuroraX has none of the files itself."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

from imap_bulk.archives.aurorax import keys
from imap_bulk.archives.aurorax.keys import Triple
from imap_bulk.archives.aurorax.query import ProductQuery
from imap_bulk.archives.aurorax.sources import triple_of
from imap_bulk.errors import Garbled, Rejected
from imap_bulk.http import one_line
from imap_bulk.model import RemoteFile, Transfer
from imap_bulk.transport.api import AnswerTooLong
from imap_bulk.urls import is_web_address

Record = Mapping[str, Any]

_TOLD = ("url", "start", "data_product_type")
_LONGEST_OVERLAP = timedelta(days=31)
_SHORTEST_SPAN = timedelta(days=1)
_SPAN_WORDS = ("span", "range", "too long", "too large", "year", "month")


def checked(records: list[Record], subject: str) -> list[Record]:
    """Hold records to what is used of them. Raises Garbled."""
    for record in records:
        is_whole = all(isinstance(record.get(name), str) for name in _TOLD)
        if not is_whole or not isinstance(record.get("data_source"), Mapping):
            raise Garbled(
                f"{subject}: the archive answered a record that is no data product: {one_line(dict(record))}"
            )
    return records


def source_of(record: Record) -> Triple:
    """Return the triple of the source that a product is of."""
    return triple_of(record["data_source"])


def files_of(
    records: Iterable[Record], places: Mapping[Triple, str], base_url: str | None
) -> Iterator[RemoteFile]:
    """Yield the file of each URL once; where names are alike all get marks, whatever their order."""
    by_url: dict[str, Record] = {}
    for record in records:
        by_url.setdefault(str(record["url"]), record)
    names = {url: keys.product_key(places[source_of(record)], record) for url, record in by_url.items()}
    count: dict[str, int] = {}
    for key in names.values():
        count[key.lower()] = count.get(key.lower(), 0) + 1
    for url, key in names.items():
        unique = key if count[key.lower()] == 1 else keys.marked(key, url)
        address = _whole(url, base_url) if base_url else url
        yield RemoteFile(unique, meta=by_url[url], source=address)


def _whole(url: str, base_url: str) -> str:
    try:
        return urljoin(base_url, url)
    except ValueError:  # it is none
        return url


def address_of(transfer: Transfer) -> str:
    """Return where the file of a transfer is. Raises Rejected when nobody knows."""
    if not transfer.source:
        raise Rejected(f"{transfer.key}: only a search tells where this file is; pull by filters")
    if not is_web_address(transfer.source):
        raise Rejected(
            f"{transfer.key}: its address {transfer.source!r} is no whole http(s) URL; if you know what it is "
            "relative to, give --file-base-url"
        )
    return transfer.source


def parts(query: ProductQuery, error: Rejected) -> tuple[ProductQuery, ...]:
    """Halve a range that the archive found too long, or whose result is.

    Returns () when that was not the trouble, or it is short already. A product that lies across the cut is within
    neither half, so the halves overlap: by a day at least, since many products are of one.
    """
    length = query.end - query.start
    said = str(error).lower()
    is_refused = "answered 400" in said and any(word in said for word in _SPAN_WORDS)
    if not (is_refused or isinstance(error, AnswerTooLong)) or length <= _SHORTEST_SPAN:
        return ()
    middle, overlap = query.start + length / 2, min(_LONGEST_OVERLAP, length / 2) / 2
    return replace(query, end=middle + overlap), replace(query, start=middle - overlap)
