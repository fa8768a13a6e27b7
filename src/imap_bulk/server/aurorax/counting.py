"""How many records there are: per day, and of a source in all."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from imap_bulk.server.aurorax import orbits, products, sample
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.holdings import Holdings
from imap_bulk.server.aurorax.requests import Kind
from imap_bulk.server.aurorax.sources import Format, Source
from imap_bulk.server.aurorax.times import DAY, MINUTE, day_of, written

_UPLOADED_DAYS = (
    "SELECT epoch / 86400, count(*) FROM ephemeris WHERE source = ? AND epoch BETWEEN ? AND ? GROUP BY 1"
)
_ERASED = """SELECT start, "end" FROM erased_ephemeris WHERE source = ? AND start <= ? AND "end" >= ?"""
_BOUNDS = {
    Kind.EPHEMERIS: "SELECT min(epoch), max(epoch), count(*) FROM ephemeris WHERE source = ?",
    Kind.PRODUCTS: 'SELECT min(start), max("end"), count(*) FROM product WHERE source = ?',
}
_LOADED = {Kind.EPHEMERIS: "ephemeris", Kind.PRODUCTS: "data_product"}


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts what a catalog and the sample hold."""

    catalog: Catalog
    seed: int
    clock: Callable[[], float]

    async def days(
        self, kind: Kind, sources: Iterable[Source], start: int, end: int, product_type: str | None
    ) -> list[tuple[Source, dict[str, int]]]:
        """Return the counts by day, from midnight to midnight, of each source that has any."""
        return await asyncio.to_thread(self._days, kind, list(sources), start, end, product_type)

    def _days(
        self, kind: Kind, sources: Iterable[Source], start: int, end: int, product_type: str | None
    ) -> list[tuple[Source, dict[str, int]]]:
        counted = []
        with self.catalog.reading() as connection:
            holdings = Holdings(connection, self.seed, int(self.clock()))
            for source in sources:
                if kind is Kind.EPHEMERIS:
                    days = _ephemeris_days(holdings, source, start, end)
                else:
                    days = _product_days(holdings, source, start, end, product_type)
                if days:
                    counted.append((source, {day_of(day * DAY): count for day, count in sorted(days.items())}))
        return counted

    async def stats(self, source: Source, form: Format) -> dict[str, Any]:
        """Return what there is of a source in all. What was deleted of the sample is not deducted."""
        return await asyncio.to_thread(self._stats, source, form)

    def _stats(self, source: Source, form: Format) -> dict[str, Any]:
        told: dict[str, Any] = {"data_source": source.told(form)}
        with self.catalog.reading() as connection:
            uploaded = {
                kind: connection.execute(_BOUNDS[kind], (source.identifier,)).fetchone() for kind in _LOADED
            }
        for kind, name in _LOADED.items():
            earliest, latest, count = self._in_all(kind, source, *uploaded[kind])
            told[f"earliest_{name}_loaded"] = None if earliest is None else written(earliest)
            told[f"latest_{name}_loaded"] = None if latest is None else written(latest)
            told[f"{name}_count"] = count
        return told

    def _in_all(
        self, kind: Kind, source: Source, earliest: int | None, latest: int | None, count: int
    ) -> tuple[int | None, int | None, int]:
        made = _made_in_all(kind, source, int(self.clock()))
        if made is None:
            return earliest, latest, count
        bounds = [*made[:2], *(each for each in (earliest, latest) if each is not None)]
        return min(bounds), max(bounds), count + made[2]


def _made_in_all(kind: Kind, source: Source, now: int) -> tuple[int, int, int] | None:
    """Return the begin, the end and the number of what the sample has."""
    days = now // DAY - sample.BEGIN // DAY
    today = now // DAY * DAY
    if not source.sampled or days < 1:
        return None
    if kind is Kind.PRODUCTS:
        if not orbits.is_ground(source):
            return None
        past = sum(today + each.ends <= now for each in products.MADE)
        return sample.BEGIN, today - MINUTE, days * len(products.MADE) + past
    minutes = (now - today) // MINUTE + 1
    if orbits.is_ground(source):
        dark = orbits.DAYLIGHT
        lit = max(0, min(minutes * MINUTE, dark.stop) - dark.start) // MINUTE
        minutes -= lit
    return sample.BEGIN, now // MINUTE * MINUTE, days * orbits.minutes_a_day(source) + minutes


def _ephemeris_days(holdings: Holdings, source: Source, start: int, end: int) -> dict[int, int]:
    """Count by day since 1970; only days with uploads or deletions, and today, are looked at minute by minute."""
    values = (source.identifier, start, end - 1)
    uploaded = dict(holdings.connection.execute(_UPLOADED_DAYS, values).fetchall())
    if not source.sampled:
        return uploaded
    erased = holdings.connection.execute(_ERASED, (source.identifier, end - 1, start)).fetchall()
    days = {}
    for day in range(max(start, sample.BEGIN) // DAY, min(end - 1, holdings.now) // DAY + 1):
        midnight = day * DAY
        touched = day in uploaded or any(a < midnight + DAY and b >= midnight for a, b in erased)
        if touched or midnight + DAY > holdings.now:
            days[day] = sum(1 for _ in holdings.ephemeris(source, midnight, midnight + DAY - 1))
        else:
            days[day] = orbits.minutes_a_day(source)
    return {day: count for day, count in (uploaded | days).items() if count}


def _product_days(
    holdings: Holdings, source: Source, start: int, end: int, product_type: str | None
) -> dict[int, int]:
    """Count by the day on which a product begins."""
    days: dict[int, int] = {}
    for product in holdings.products(source, start, float("inf"), ""):
        if product.start >= end:
            break
        if product_type in (None, product.type):
            days[product.start // DAY] = days.get(product.start // DAY, 0) + 1
    return days
