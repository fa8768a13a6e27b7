"""Availability: how many records AuroraX has of each source on each day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from imap_bulk.archives.aurorax.api import Api
from imap_bulk.archives.aurorax.keys import Triple
from imap_bulk.archives.aurorax.query import PRODUCT_TYPES, SOURCE_TYPES, Chosen, check_choice
from imap_bulk.archives.aurorax.searching import Kind
from imap_bulk.archives.aurorax.sources import triple_of
from imap_bulk.errors import Garbled


@dataclass(frozen=True, slots=True)
class Available:
    """The counts of one source: YYYY-MM-DD -> records."""

    source: Mapping[str, Any]
    counts: Mapping[str, int]

    @property
    def triple(self) -> Triple:
        """Program, platform, instrument type."""
        return triple_of(self.source)

    def missing(self, first: date, last: date) -> Iterator[str]:
        """Yield the days of which there is no record."""
        for number in range((last - first).days + 1):
            day = (first + timedelta(number)).isoformat()
            if not self.counts.get(day):
                yield day


async def availability(
    api: Api,
    kind: Kind,
    chosen: Chosen,
    first: date,
    last: date,
    *,
    source_type: str | None = None,
    product_type: str | None = None,
    slow: bool = False,
) -> list[Available]:
    """Ask for the counts of each day from `first` to `last`; `slow` has them counted anew.

    Raises BadQuery for a type that there is not, Garbled for an answer that is no list of sources, and the
    archive's refusals.
    """
    if source_type is not None:
        check_choice("source type", (source_type,), SOURCE_TYPES)
    if product_type is not None:
        check_choice("product type", (product_type,), PRODUCT_TYPES)
    subject = f"availability of {kind} of {chosen}"
    params = {"start": first.isoformat(), "end": last.isoformat(), "format": "basic_info"}
    told = {"source_type": source_type, "data_product_type": product_type, "slow": "true" if slow else None}
    params |= {name: value for name, value in told.items() if value}
    answer = await api.read("GET", f"/availability/{kind}", subject, params | _single(chosen))
    if not isinstance(answer, list):
        raise Garbled(f"{subject}: the archive answered no list of sources; check the URL")
    found = [_read(each, f"available_{kind}", subject) for each in answer]
    return [each for each in found if chosen.matches(each.triple)]


def _single(chosen: Chosen) -> dict[str, str]:
    """Write the conditions that the archive can apply itself: those of one value."""
    told = {"program": chosen.program, "platform": chosen.platform, "instrument_type": chosen.instrument_type}
    return {name: values[0] for name, values in told.items() if len(values) == 1}


def _read(told: object, counts: str, subject: str) -> Available:
    if isinstance(told, Mapping) and isinstance(told.get("data_source"), Mapping):
        by_day = told.get(counts)
        if isinstance(by_day, Mapping) and all(isinstance(count, int) for count in by_day.values()):
            return Available(told["data_source"], by_day)
    raise Garbled(f"{subject}: the archive answered something else than counts by day; check the URL")
