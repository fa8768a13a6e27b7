"""Data sources: what AuroraX knows of whatever produces data, and the formats it tells of them in."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from imap_bulk.server.aurorax.answers import Refused, bad_request

SOURCE_TYPES = ("ground", "heo", "leo", "lunar", "event_list", "not_applicable")

LIMITS = {"program": 200, "platform": 50, "instrument_type": 200, "display_name": 50}
"""Characters that a text may have; the service breaks at longer ones."""

LARGEST = 1 << 31
"""Behind the largest identifier."""

_TEXTS = (*LIMITS, "source_type")
_SCHEMAS = ("ephemeris_metadata_schema", "data_product_metadata_schema")
_BASIC = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name")


class Format(StrEnum):
    """How much of a data source is told."""

    IDENTIFIER = "identifier_only"
    BASIC = "basic_info"
    METADATA = "with_metadata"
    FULL = "full_record"

    @classmethod
    def read(cls, text: str | None) -> Self:
        """Read the parameter; without one it is the basic format. Raises Refused."""
        try:
            return cls(text or cls.BASIC)
        except ValueError:
            raise bad_request(f"{text!r} is no data source format; known are {', '.join(cls)}.") from None


_TOLD: dict[Format, Collection[str]] = {
    Format.IDENTIFIER: _BASIC[:1],
    Format.BASIC: _BASIC,
    Format.METADATA: (*_BASIC, "metadata"),
    Format.FULL: (*_BASIC, "metadata", "owner", "maintainers", *_SCHEMAS),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A data source. One that is `sampled` has ephemeris and products computed on request."""

    identifier: int
    program: str
    platform: str
    instrument_type: str
    source_type: str
    display_name: str
    owner: str | None = None
    maintainers: tuple[str, ...] = ()
    metadata: Any = None
    ephemeris_metadata_schema: tuple[Any, ...] = ()
    data_product_metadata_schema: tuple[Any, ...] = ()
    sampled: bool = False

    @property
    def triple(self) -> tuple[str, str, str]:
        """What a source is called by people: program, platform, instrument type."""
        return self.program, self.platform, self.instrument_type

    def told(self, form: Format = Format.FULL) -> dict[str, Any]:
        """Return the document of a listing: every key, and null where the format leaves the value out."""
        whole = asdict(self)
        return {key: whole[key] if key in _TOLD[form] else None for key in _TOLD[Format.FULL]}

    def in_record(self, form: Format = Format.BASIC) -> dict[str, Any]:
        """Return the document that stands within a record: the format's keys alone."""
        whole = self.told(form)
        return {key: whole[key] for key in _TOLD[form]}

    def changed(self, document: Mapping[str, Any]) -> "Source":
        """Return the source with what a document gives; null leaves a field as it is. Raises Refused."""
        given = {key: document[key] for key in _TOLD[Format.FULL] if document.get(key) is not None}
        check(given)
        for key in ("maintainers", *_SCHEMAS):
            if key in given:
                given[key] = tuple(given[key])
        return replace(self, **given)


EMPTY = Source(0, "", "", "", "", "")


def new_source(document: Mapping[str, Any], identifier: int, owner: str) -> Source:
    """Read a whole data source; `identifier` and `owner` stand in for those that it leaves out. Raises Refused."""
    for key in _TEXTS:
        if not document.get(key):
            raise bad_request(f"The field {key} is required.")
    return replace(EMPTY, identifier=identifier, owner=owner).changed(document)


def check(given: Mapping[str, Any]) -> None:
    """Check the fields that a document gives. Raises Refused."""
    identifier = given.get("identifier", 0)
    if isinstance(identifier, bool) or not isinstance(identifier, int) or not -LARGEST <= identifier < LARGEST:
        raise bad_request("The field identifier must be a 32-bit integer.")
    for key in (*_TEXTS, "owner"):
        if key in given and not isinstance(given[key], str):
            raise bad_request(f"The field {key} must be a string.")
    for key, limit in LIMITS.items():
        if len(given.get(key, "")) > limit:
            raise Refused(500, "ApplicationError", "An internal error occurred.")
    if given.get("source_type", SOURCE_TYPES[0]) not in SOURCE_TYPES:
        raise bad_request(f"{given['source_type']!r} is no source type; known are {', '.join(SOURCE_TYPES)}.")
    for key in ("maintainers", *_SCHEMAS):
        if not isinstance(given.get(key, []), list):
            raise bad_request(f"The field {key} must be an array.")
