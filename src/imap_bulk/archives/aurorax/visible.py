"""Which pushed records a search finds: the only proof of an upload that AuroraX offers."""

import json
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from imap_bulk.archives.aurorax.archive import AuroraxArchive
from imap_bulk.archives.aurorax.keys import Triple
from imap_bulk.archives.aurorax.moments import Window, months, read_moment
from imap_bulk.archives.aurorax.query import Chosen, EphemerisQuery, ProductQuery, Query
from imap_bulk.archives.aurorax.records import Entry
from imap_bulk.archives.aurorax.searching import Kind

_WHOLE_SECONDS = len("2020-01-01T00:00:00")


class Sought(NamedTuple):
    """A record as a search would show it."""

    key: str
    window: Window


def sought(kind: Kind, entry: Entry) -> Sought:
    """Tell what to look for; the archive's results know no fractions of seconds."""
    told = json.loads(entry.document)
    if kind is Kind.EPHEMERIS:
        epoch = str(told["epoch"])[:_WHOLE_SECONDS]
        return Sought(epoch, (read_moment(epoch), read_moment(epoch)))
    return Sought(str(told["url"]), (read_moment(told["start"]), read_moment(told["end"])))


async def visible(
    archive: AuroraxArchive, kind: Kind, triple: Triple, wanted: Iterable[Sought]
) -> AsyncIterator[str]:
    """Search for records of a source; yield the keys of all that are found, wanted or not. Raises as one."""
    program, platform, instrument_type = ((name,) for name in triple)
    alone = Chosen(program=program, platform=platform, instrument_type=instrument_type)
    for query in _queries(kind, alone, list(wanted)):
        async for record in archive.records(query):
            yield str(record.get("epoch" if kind is Kind.EPHEMERIS else "url"))


def _queries(kind: Kind, alone: Chosen, wanted: list[Sought]) -> Iterable[Query]:
    """Return the searches that would show all that is wanted, without months in which nothing is."""
    start, end = min(each.window[0] for each in wanted), max(each.window[1] for each in wanted)
    if kind is Kind.PRODUCTS:
        return [ProductQuery(chosen=alone, start=start, end=end)]
    moments = sorted(each.window[0] for each in wanted)
    inside = ([at for at in moments if first <= at <= last] for first, last in months(start, end))
    return [EphemerisQuery(chosen=alone, start=found[0], end=found[-1]) for found in inside if found]
