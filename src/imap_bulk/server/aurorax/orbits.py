"""Where the sample's spacecraft and ground instruments are, minute by minute, from a seed.

Spacecraft fly circles over a turning Earth; instruments stand where they are, and operate in the dark.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from imap_bulk.server.aurorax import sample
from imap_bulk.server.aurorax.sources import Source
from imap_bulk.server.aurorax.times import DAY, MINUTE, written

_TURN = 2 * math.pi
_SIDEREAL_DAY = 86_164.1
_EARTH_GRAVITY = 398_600.4  # km3/s2
_LEO_PERIOD = 94 * 60.0
_HEO_PERIODS = (12, 16, 18, 20, 24)  # hours
_INCLINATIONS = {"leo": math.radians(87.4), "heo": math.radians(75)}

DAYLIGHT = range(14 * 3600, 22 * 3600)
"""Seconds of a UTC day in which no ground instrument operates."""

DARK_MINUTES = (DAY - len(DAYLIGHT)) // MINUTE


@dataclass(frozen=True, slots=True)
class Orbit:
    """A circle around the Earth; angles in radians at time 0, period in seconds."""

    inclination: float
    period: float
    phase: float
    node: float

    def location(self, moment: float) -> tuple[float, float]:
        """Return degrees north and east of the point below."""
        angle = self.phase + _TURN * (moment % self.period) / self.period
        node = self.node - _TURN * (moment % _SIDEREAL_DAY) / _SIDEREAL_DAY
        sine = math.sin(angle)
        latitude = math.asin(math.sin(self.inclination) * sine)
        longitude = node + math.atan2(math.cos(self.inclination) * sine, math.cos(angle))
        turned = (longitude + math.pi) % _TURN - math.pi
        return round(math.degrees(latitude), 6), round(math.degrees(turned), 6)

    @property
    def radius(self) -> float:
        """Kilometres from the centre of the Earth, by Kepler's third law."""
        return math.cbrt(_EARTH_GRAVITY * (self.period / _TURN) ** 2)


@lru_cache(maxsize=256)
def orbit_of(identifier: int, source_type: str, seed: int) -> Orbit:
    """Return the orbit that the seed gives to a spacecraft."""
    phase, node = (draw(seed, identifier, name) * _TURN for name in ("phase", "node"))
    period = _HEO_PERIODS[identifier % 5] * 3600.0 if source_type == "heo" else _LEO_PERIOD
    return Orbit(_INCLINATIONS.get(source_type, _INCLINATIONS["leo"]), period, phase, node)


def draw(*parts: object) -> float:
    """Return a number from 0 to 1 that depends on the parts alone."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def is_ground(source: Source) -> bool:
    """Tell whether a sampled source stands on the ground."""
    return source.identifier in sample.SITES


def minutes_a_day(source: Source) -> int:
    """Return how many records a sampled source has in a whole day."""
    return DARK_MINUTES if is_ground(source) else DAY // MINUTE


def computed(source: Source, start: int, end: int, seed: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield epoch and record of each full minute from `start` to `end`, both included, that the sample has."""
    if not source.sampled:
        return
    first = max(start, sample.BEGIN)
    basic = source.in_record()
    minutes = range(first + -first % MINUTE, end + 1, MINUTE)
    if not is_ground(source):
        yield from ((epoch, _space_record(source, basic, epoch, seed)) for epoch in minutes)
        return
    for epoch in minutes:
        if epoch % DAY not in DAYLIGHT:
            yield epoch, _ground_record(source, basic, epoch, seed)


def _space_record(source: Source, basic: dict[str, Any], epoch: int, seed: int) -> dict[str, Any]:
    orbit = orbit_of(source.identifier, source.source_type, seed)
    latitude, longitude = orbit.location(epoch)
    record = _record(basic, epoch, latitude, longitude)
    north, south = region(abs(latitude)), region(-abs(latitude))
    record["metadata"] = {
        "nbtrace_region": north,
        "sbtrace_region": south,
        "radial_distance": round(orbit.radius, 6),
        "radial_trace_region": north if latitude >= 0 else south,
        "spacecraft_region": "ionosphere" if source.source_type == "leo" else "magnetosphere",
        "state": "definitive",
    }
    if source.program == "swarm":
        quality = epoch // MINUTE % 4
        record["metadata"] |= {
            "tii_on": abs(latitude) > 44,
            "tii_quality_vixh": quality,
            "tii_quality_vixv": (quality + 1) % 4,
            "tii_quality_viy": (quality + 2) % 4,
            "tii_quality_viz": (quality + 3) % 4,
        }
    return record


def _ground_record(source: Source, basic: dict[str, Any], epoch: int, seed: int) -> dict[str, Any]:
    record = _record(basic, epoch, *sample.SITES[source.identifier])
    glow = brightness(source.identifier, epoch, seed)
    record["metadata"] = {
        "calgary_apa_ml_v1": "classified as APA" if glow > 0.5 else "classified as not APA",
        "calgary_apa_ml_v1_confidence": round(50 + 100 * abs(glow - 0.5), 2),
    }
    return record


def _record(basic: dict[str, Any], epoch: int, latitude: float, longitude: float) -> dict[str, Any]:
    return {
        "data_source": basic,
        "epoch": written(epoch),
        "location_geo": {"lat": latitude, "lon": longitude},
        "location_gsm": {"lat": None, "lon": None},
        "nbtrace": {"lat": abs(latitude), "lon": longitude},
        "sbtrace": {"lat": -abs(latitude), "lon": longitude},
    }


def region(latitude: float) -> str:
    """Name the region of a latitude in degrees."""
    height = abs(latitude)
    name = sample.REGIONS[(height > 30) + (height > 60) + (height > 70)]
    if name == sample.REGIONS[0]:
        return name
    return f"{'north' if latitude > 0 else 'south'} {name}"


def brightness(identifier: int, epoch: float, seed: int) -> float:
    """Return from 0 to 1 how bright the aurora is above a site: waves of an hour on a wave of a night."""
    phase = orbit_of(identifier, "ground", seed).phase
    night = 0.5 + 0.5 * math.cos(_TURN * (epoch % DAY - 6 * 3600) / DAY)
    return night * (0.5 + 0.5 * math.sin(_TURN * epoch / 5_417 + phase))
