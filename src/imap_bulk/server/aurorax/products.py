"""The data products of the sample: for each day of each instrument two keograms and a movie, at `/files/...`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imap_bulk.server.aurorax import orbits, sample
from imap_bulk.server.aurorax.sources import Source
from imap_bulk.server.aurorax.times import DAY, written

TYPES = ("keogram", "montage", "movie", "summary_plot", "data_availability")


@dataclass(frozen=True, slots=True)
class Product:
    """A pointer to a file: its URL, and what it shows. `metadata` is any JSON."""

    start: int
    end: int
    url: str
    type: str
    metadata: Any

    def record(self, basic: dict[str, Any]) -> dict[str, Any]:
        """Return the record of a result; `basic` is its source."""
        return {
            "data_source": basic,
            "data_product_type": self.type,
            "start": written(self.start),
            "end": written(self.end),
            "url": self.url,
            "metadata": self.metadata,
        }


@dataclass(frozen=True, slots=True)
class Made:
    """A kind of product that every day of an instrument has; times in seconds of the day."""

    type: str
    name: str
    ending: str
    begins: int
    ends: int
    metadata: tuple[str, str]
    """Its field, and the value there."""


MADE = (
    Made("keogram", "full-keogram", "png", 0, DAY - 60, ("keogram_type", "daily_hires")),
    Made("movie", "full-movie", "mp4", 0, DAY - 60, ("movie_type", "real-time daily")),
    Made("keogram", "ut06-keogram", "png", 6 * 3600, 7 * 3600 - 60, ("keogram_type", "hourly")),
)
"""In the order of their starts."""


def made(source: Source, start: float, end: float, base: str) -> Iterator[Product]:
    """Yield the products of the sample that begin at `start` or later and end at `end` or earlier, in order."""
    if not (source.sampled and orbits.is_ground(source)):
        return
    first = max(start, sample.BEGIN)
    for midnight in range(int(first // DAY) * DAY, int(end) + 1, DAY):
        for kind in MADE:
            begins, ends = midnight + kind.begins, midnight + kind.ends
            if first <= begins and ends <= end:
                url = f"{base}/{path_of(source, midnight, kind)}"
                yield Product(begins, ends, url, kind.type, dict([kind.metadata]))


def path_of(source: Source, midnight: int, kind: Made) -> str:
    """Return the path of a file, from `files/` on."""
    date = written(midnight)[:10].replace("-", "")
    program, platform, instrument = (part.replace(" ", "-").lower() for part in source.triple)
    name = f"{date}__{program}_{platform}_{instrument}_{kind.name}.{kind.ending}"
    return f"files/{source.identifier}/{date[:4]}/{date[4:6]}/{date[6:]}/{name}"
