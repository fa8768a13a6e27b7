"""Data sources: what AuroraX knows of them, and how that is changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import quote

from imap_bulk.archives.aurorax.api import Api
from imap_bulk.archives.aurorax.keys import Triple
from imap_bulk.archives.aurorax.query import SOURCE_TYPES, Chosen, check_choice
from imap_bulk.errors import BadQuery, Garbled, NotFound
from imap_bulk.http import decode_json

Record = Mapping[str, Any]

_PATH = "/data_sources"
_LONGEST = {"program": 200, "platform": 50, "instrument_type": 200, "display_name": 50}
"""Characters; the service answers a longer name with a bare 500."""
_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "identifier": (lambda value: type(value) is int, "whole number"),
    "owner": (lambda value: isinstance(value, str) and bool(value.strip()), "e-mail address"),
    "maintainers": (lambda value: _is_list_of(value, str), "list of e-mail addresses"),
    "ephemeris_metadata_schema": (lambda value: _is_list_of(value, Mapping), "list of JSON objects"),
    "data_product_metadata_schema": (lambda value: _is_list_of(value, Mapping), "list of JSON objects"),
}
"""Field -> whether a value has its form, and what that is called."""
_REQUIRED = ("program", "platform", "instrument_type", "source_type", "display_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDraft:
    """What a data source is to be; None leaves a field as it is. Raises BadQuery for what would be refused."""

    program: str | None = None
    platform: str | None = None
    instrument_type: str | None = None
    source_type: str | None = None
    display_name: str | None = None
    identifier: int | None = None
    owner: str | None = None
    maintainers: list[str] | None = None
    ephemeris_metadata_schema: list[dict[str, Any]] | None = None
    data_product_metadata_schema: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name, most in _LONGEST.items():
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, str) or not value.strip():
                raise BadQuery(f"`{name}` of a data source is empty; write a name.")
            if len(value) > most:
                raise BadQuery(f"`{name}` has {len(value)} characters; AuroraX takes {most}: shorten it.")
        if self.source_type is not None:
            check_choice("source type", (self.source_type,), SOURCE_TYPES)
        for name, (is_right, form) in _FORMS.items():
            value = getattr(self, name)
            if value is not None and not is_right(value):
                raise BadQuery(f"`{name}` of a data source is no {form}.")

    @classmethod
    def of(cls, document: object) -> Self:
        """Read a draft from a JSON object. Raises BadQuery."""
        if not isinstance(document, Mapping):
            raise BadQuery("a data source is written as one JSON object, with program, platform and so on.")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(document) - known - {"stats"}):
            raise BadQuery(
                f"a data source has no {', '.join(map(repr, unknown))}; use {', '.join(sorted(known))}."
            )
        return cls(**{name: value for name, value in document.items() if name in known})

    def body(self) -> dict[str, Any]:
        """Write what is given for the wire."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in told.items() if value is not None}

    def whole(self) -> dict[str, Any]:
        """Write a new source for the wire. Raises BadQuery when something is missing."""
        if missing := [name for name in _REQUIRED if getattr(self, name) is None]:
            raise BadQuery(f"a new data source needs {', '.join(f'`{name}`' for name in missing)} too.")
        return self.body()


def _is_list_of(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(each, kind) for each in value)


def triple_of(record: Record) -> Triple:
    """Return program, platform and instrument type of a source's record."""
    return str(record.get("program")), str(record.get("platform")), str(record.get("instrument_type"))


class Sources:
    """The data sources of one archive. Its methods raise what a refusal stands for, and Garbled for no records."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def listed(
        self,
        chosen: Chosen,
        *,
        source_type: str | None = None,
        owner: str | None = None,
        form: str = "basic_info",
        stats: bool = False,
    ) -> list[Record]:
        """Return the records of the chosen sources by identifier, without the archive's internal ones.

        Raises BadQuery for a type that no source has.
        """
        if source_type is not None:
            check_choice("source type", (source_type,), SOURCE_TYPES)
        subject = "the data sources"
        params = {"format": form} | ({"include_stats": "true"} if stats else {})
        told = {"source_type": source_type, "owner": owner}
        params |= {name: value for name, value in told.items() if value}
        records = _records(await self._api.read("GET", _PATH, subject, params), subject)
        kept = [record for record in records if record["identifier"] >= 0 and chosen.matches(triple_of(record))]
        return sorted(kept, key=lambda record: int(record["identifier"]))

    async def get(self, identifier: int, *, form: str = "full_record", stats: bool = False) -> Record:
        """Return one source's record. Raises NotFound."""
        params = {"format": form} | ({"include_stats": "true"} if stats else {})
        subject = f"data source {identifier}"
        return _records([await self._api.read("GET", f"{_PATH}/{identifier}", subject, params)], subject)[0]

    async def named(self, triple: Triple) -> Record:
        """Return the full record of the source that goes by this triple. Raises NotFound."""
        program, platform, instrument_type = ((name,) for name in triple)
        chosen = Chosen(program=program, platform=platform, instrument_type=instrument_type)
        found = await self.listed(chosen, form="full_record")
        if not found:
            raise NotFound(
                f"the archive has no data source {'/'.join(triple)}; `imap-bulk aurorax sources` lists them"
            )
        return found[0]

    async def add(self, draft: SourceDraft) -> Record:
        """Add a source. Raises AlreadyArchived where its triple or its identifier is taken, AccessDenied."""
        subject = f"data source {'/'.join(filter(None, (draft.program, draft.platform, draft.instrument_type)))}"
        reply = await self._api.write("POST", _PATH, subject, draft.whole())
        return _records([decode_json(reply, subject)], subject)[0]

    async def update(self, identifier: int, draft: SourceDraft) -> Record:
        """Change those fields of a source that are given. Raises NotFound, AccessDenied."""
        if not (changed := draft.body()):
            raise BadQuery("say what to change: give at least one field.")
        subject = f"data source {identifier}"
        reply = await self._api.write("PATCH", f"{_PATH}/{identifier}", subject, changed)
        return _records([decode_json(reply, subject)], subject)[0]

    async def delete(self, identifier: int) -> None:
        """Delete a source that has no data left. Raises Rejected while it has some, NotFound, AccessDenied."""
        await self._api.write("DELETE", f"{_PATH}/{identifier}", f"data source {identifier}")

    async def delete_ephemeris(self, source: Record, start: str, end: str) -> None:
        """Have the ephemeris of a range deleted; the archive does so later."""
        told = _named(source) | {"start": start, "end": end}
        await self._api.write("DELETE", _data_path(source, "ephemeris"), _whose("ephemeris", source), told)

    async def delete_products(self, source: Record, urls: list[str]) -> None:
        """Have data products forgotten by their URLs; the files themselves are elsewhere and stay."""
        told = _named(source) | {"urls": urls}
        await self._api.write("DELETE", _data_path(source, "data_products"), _whose("data products", source), told)


def _named(source: Record) -> dict[str, str]:
    return dict(zip(("program", "platform", "instrument_type"), triple_of(source), strict=True))


def _data_path(source: Record, kind: str) -> str:
    return f"{_PATH}/{quote(str(source['identifier']))}/{kind}"


def _whose(what: str, source: Record) -> str:
    return f"{what} of {'/'.join(triple_of(source))}"


def _records(answer: object, subject: str) -> list[Record]:
    """Hold an answer to the form of a list of sources. Raises Garbled."""
    if not isinstance(answer, list) or not all(
        isinstance(record, Mapping) and isinstance(record.get("identifier"), int) for record in answer
    ):
        raise Garbled(f"{subject}: the archive answered no data sources; check the URL")
    return answer
