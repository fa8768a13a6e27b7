"""The sample data: whose sources they are, and where each of them is.

Identifiers are those of life, because tests of the official client use them.
"""

from collections.abc import Iterator

from imap_bulk.server.aurorax.sources import Source

OWNER = "owner@example.org"
ADHOC = -1
"""The source that stands for a query's own locations."""

BEGIN = 1_167_609_600
"""2007-01-01: before it there is nothing."""

SITES = {
    44: (54.60, -113.64),
    46: (56.38, -94.64),
    53: (60.03, -111.93),
    76: (58.23, -103.68),
    78: (56.38, -94.64),
    96: (60.03, -111.93),
    103: (56.38, -94.64),
    175: (62.51, -114.42),
}
"""Where ground instruments stand: degrees north and east, by identifier."""

REGIONS = ("low latitude", "mid latitude", "auroral oval", "polar cap")

_TEXT = ("=", "!=", "in")


def _field(name: str, description: str, data_type: str = "string", *allowed: str) -> dict[str, object]:
    return {
        "field_name": name,
        "description": description,
        "data_type": data_type,
        "allowed_values": list(allowed),
        "additional_description": "",
        "searchable": True,
    }


_NORTH = [REGIONS[0], *(f"north {region}" for region in REGIONS[1:])]
_SOUTH = [REGIONS[0], *(f"south {region}" for region in REGIONS[1:])]
_SPACE = (
    _field("nbtrace_region", "Region where the north B-trace lies", "string", *_NORTH),
    _field("sbtrace_region", "Region where the south B-trace lies", "string", *_SOUTH),
    _field("radial_distance", "Distance from the centre of the Earth in km", "double"),
    _field("radial_trace_region", "Region below the spacecraft", "string", *_NORTH, *_SOUTH[1:]),
    _field("spacecraft_region", "Region that the spacecraft is in", "string"),
    _field("state", "How final the orbit is", "string", "definitive", "predicted"),
)
_SWARM = (
    *_SPACE,
    _field("tii_on", "Whether the Thermal Ion Imager was on", "boolean"),
    *(
        _field(f"tii_quality_{axis}", f"Quality of the ion drift {axis}", "integer")
        for axis in ("vixh", "vixv", "viy", "viz")
    ),
)
_GROUND = (
    _field(
        "calgary_apa_ml_v1", "Whether amorphous pulsating aurora was seen", "string",
        "classified as APA", "classified as not APA",
    ),
    _field("calgary_apa_ml_v1_confidence", "Confidence of that, in percent", "double"),
)  # fmt: skip
_PRODUCTS = (
    _field("keogram_type", "Which hours a keogram spans", "string", "daily_hires", "hourly"),
    _field("movie_type", "How fast a movie is", "string", "real-time daily"),
)


def sources() -> Iterator[Source]:
    """Yield the sources of the sample."""
    for number, letter in zip((3, 29, 30), "abc", strict=True):
        triple = ("swarm", f"swarm{letter}", "footprint")
        yield Source(number, *triple, "leo", f"Swarm {letter.upper()}", OWNER, (), None, _SWARM, (), True)
    for number, letter in zip(range(33, 38), "abcde", strict=True):
        triple = ("themis", f"themis{letter}", "footprint")
        yield Source(number, *triple, "heo", f"THEMIS-{letter.upper()}", OWNER, (), None, _SPACE, (), True)
    for number, program, platform, instrument, name in _INSTRUMENTS:
        yield Source(
            number, program, platform, instrument, "ground", name, OWNER, (), None, _GROUND, _PRODUCTS, True
        )
    yield Source(219, "events", "mcgrath", "STEVE", "event_list", "STEVE events", OWNER)
    yield Source(220, "events", "toshi", "substorm onset", "event_list", "Substorm onsets", OWNER)
    yield Source(ADHOC, "adhoc", "adhoc", "adhoc", "not_applicable", "Ad hoc location", OWNER)
    triple = ("test-program", "test-platform", "test-instrument-type")
    yield Source(400, *triple, "ground", "Test source", OWNER)


_INSTRUMENTS = (
    (44, "themis-asi", "athabasca", "panchromatic ASI", "THEMIS-ASI ATHA"),
    (46, "themis-asi", "gillam", "panchromatic ASI", "THEMIS-ASI GILL"),
    (53, "themis-asi", "fort smith", "panchromatic ASI", "THEMIS-ASI FSMI"),
    (76, "themis-asi", "rabbit lake", "panchromatic ASI", "THEMIS-ASI RABB"),
    (78, "rego", "gillam", "redline ASI", "REGO GILL"),
    (96, "trex", "fort smith", "RGB ASI", "TREx RGB FSMI"),
    (103, "trex", "gillam", "RGB ASI", "TREx RGB GILL"),
    (175, "auroramax", "yellowknife", "DSLR", "AuroraMAX YELL"),
)
