"""What the API of the SDC can be asked for, translated into conditions on the catalog.

Oddities are theirs and kept on purpose: what is a 400 there raises `BadParameter` here with the same words,
what is a 500 there (a 502 in 2024) raises ValueError, KeyError or OverflowError.
"""

import calendar
import re
import time
from collections.abc import Callable

from imap_bulk.filenames import Kind
from imap_bulk.server.catalog import Condition, Search, Versions, unix_from_j2000
from imap_bulk.server.imap.generations import PERMISSIVE, Generation

_DAY_SECONDS = 86_400

# In the order in which the 400 lists them.
# fmt: off
_SCIENCE_PARAMETERS = [
    "extension", "file_path", "instrument", "data_level", "descriptor", "start_date", "repointing",
    "major_version", "minor_version", "ingestion_date", "cr", "crid", "released", "end_date",
    "ingestion_start_date", "ingestion_end_date",
]
_ANCILLARY_PARAMETERS = [
    "file_path", "instrument", "descriptor", "start_date", "end_date", "version", "extension",
    "ingestion_date", "released", "ingestion_start_date", "ingestion_end_date",
]
_PARAMETERS_OF_2024 = [
    "file_path", "instrument", "data_level", "descriptor", "start_date", "repointing", "version", "extension",
    "ingestion_date", "end_date",
]
_SPICE_PARAMETERS = [
    "file_name", "start_time", "end_time", "type", "latest", "start_ingest_date", "end_ingest_date",
]
_TABLE_PARAMETERS = [
    "file_path", "start_date", "end_date", "latest", "start_ingest_date", "end_ingest_date",
]
# fmt: on
_PARAMETERS = {
    Kind.SCIENCE: _SCIENCE_PARAMETERS,
    Kind.QUICKLOOK: _SCIENCE_PARAMETERS,
    Kind.ANCILLARY: _ANCILLARY_PARAMETERS,
}

SPICE_TABLES = ("spin", "repoint", "thruster")
"""SPICE types that the SDC keeps in tables of their own, with shorter records."""

_INTEGERS = {"repointing": "repointing", "cr": "cr", "major_version": "major", "minor_version": "minor"}
_FIRST_GENERATION_VERSION = re.compile("v[0-9]{2}-[0-9]{2}")
_TABLE_NAMES = {"file_name": "file_path", "start_time": "start_date", "end_time": "end_date"}
_RELEASED = Condition("released", "=", 1)
_EVERYTHING = Condition("key", "<>", "")
_NOTHING = Condition("key", "=", None)  # no comparison with NULL holds


class BadParameter(Exception):
    """A 400 with this text."""


def product_search(
    kind: Kind,
    parameters: dict[str, str],
    generation: Generation = PERMISSIVE,
    *,
    released_only: bool = False,
    legacy: bool = False,
) -> Search:
    """Translate a query for files of products. Raises BadParameter.

    `released_only` leaves out what is not released; `legacy` also takes versions of the first generation, vNN-NN.
    """
    if generation.is_of_2024:
        return _search_of_2024(kind, parameters, generation)
    valid = _PARAMETERS[kind]
    conditions = []
    if legacy and _FIRST_GENERATION_VERSION.fullmatch(parameters.get("version", "")):
        conditions.append(Condition("version", "=", parameters.pop("version")))
    versions = _resolve_versions(parameters) if kind is Kind.SCIENCE else Versions.ALL
    for name, value in parameters.items():
        if name not in valid:
            raise BadParameter(
                f"{name} is not a valid query parameter for {kind} table. Valid query parameters are: {valid}"
            )
        conditions.append(_condition(kind, name, value, generation))
    if released_only:
        conditions.append(_RELEASED)
    return Search(kind, tuple(conditions), versions)


def _search_of_2024(kind: Kind, parameters: dict[str, str], generation: Generation) -> Search:
    """Translate a query of the one table there was. Raises BadParameter."""
    conditions = []
    for name, value in parameters.items():
        if name not in _PARAMETERS_OF_2024:
            raise BadParameter(
                f"{name} is not a valid query parameter. Valid query parameters are: {_PARAMETERS_OF_2024}"
            )
        conditions.append(_condition(kind, name, value, generation))
    return Search(kind, tuple(conditions))


def _resolve_versions(parameters: dict[str, str]) -> Versions:
    """Replace the alias `version`, take `latest` out, and return which versions are meant."""
    if "version" in parameters:
        major, dot, minor = parameters.pop("version").lstrip("vV").rpartition(".")
        try:
            parameters |= {"major_version": str(int(major))} if dot else {}
            parameters["minor_version"] = str(int(minor))
        except ValueError:
            raise BadParameter("Invalid 'version' value. Use format 'vMMM.mmmm' or 'vXXX'.") from None
    latest = parameters.pop("latest", "").lower() == "true"
    if "major_version" in parameters:
        return Versions.ALL
    return Versions.NEWEST if latest else Versions.LATEST_MAJOR


def _condition(kind: Kind, name: str, value: str, generation: Generation) -> Condition:
    if generation.columns:
        generation.columns.check(kind, name, value)
    match name:
        case "start_date":
            return Condition("start_date", ">=", time.strftime("%Y%m%d", day(value)))
        case "end_date":  # compared with the start of a file, also where it has an end
            return Condition("start_date", "<=", time.strftime("%Y%m%d", day(value)))
        case "ingestion_start_date":
            return Condition("ingested", ">=", calendar.timegm(day(value)))
        case "ingestion_end_date":
            return Condition("ingested", "<", calendar.timegm(day(value)) + _DAY_SECONDS)
        case "ingestion_date":
            form = "%Y-%m-%d %H:%M:%S" if generation.is_of_2024 else "%Y%m%d %H:%M:%S"
            return Condition("ingested", "=", calendar.timegm(time.strptime(value, form)))
        case "file_path":
            return Condition("key", "=", value)
        case "crid":
            return _NOTHING
        case "released":
            return _release_condition(value.lower() == "true", generation)
        case "repointing" if generation.is_permissive:  # clients before 0.22 send it as it stands in a name
            return Condition("repointing", "=", int(value.removeprefix("repoint")))
        case _ if name in _INTEGERS:
            return Condition(_INTEGERS[name], "=", int(value))
        case _:
            return Condition(name, "=", value)


def _release_condition(released: bool, generation: Generation) -> Condition:
    if generation.withholds:
        return Condition("released", "=", int(released))
    return _EVERYTHING if released else _NOTHING


def spice_search(spice_type: str, parameters: dict[str, str]) -> Search:
    """Translate a query for SPICE files of one type, or of all kernels. Raises BadParameter for a 400."""
    if spice_type in SPICE_TABLES:
        return table_search(spice_type, _as_table_parameters(parameters))
    conditions = [Condition("spice_type", "=", spice_type)]
    if spice_type == "kernels":
        conditions = [Condition("spice_type", "<>", other) for other in SPICE_TABLES]
    for name, value in parameters.items():
        conditions += _translated(name, value, _SPICE_PARAMETERS, _spice_condition)
    return Search(Kind.SPICE, tuple(conditions), _kernel_versions(parameters))


def table_search(table: str, parameters: dict[str, str]) -> Search:
    """Translate a query for spin, repoint or thruster files. Raises BadParameter for a 400."""
    conditions = [Condition("spice_type", "=", table)]
    for name, value in parameters.items():
        found = _translated(name, value, _TABLE_PARAMETERS, _table_condition)
        # A repoint file has no start, and whoever asks for one is not told.
        conditions += [] if table == "repoint" and name == "start_date" else found
    return Search(Kind.SPICE, tuple(conditions), _kernel_versions(parameters))


def _kernel_versions(parameters: dict[str, str]) -> Versions:
    return Versions.NEWEST_KERNEL if parameters.get("latest", "").lower() == "true" else Versions.ALL


def _translated(
    name: str, value: str, valid: list[str], condition: Callable[[str, str], Condition]
) -> list[Condition]:
    """Translate one parameter of a SPICE query. Raises BadParameter."""
    if name not in valid:
        raise BadParameter(f"{name} is not a valid query parameter. Valid query parameters are: {valid}")
    try:
        return [] if name == "latest" else [condition(name, value)]
    except (ValueError, OverflowError):
        raise BadParameter(f"Invalid value for {name}: {value}") from None


def _spice_condition(name: str, value: str) -> Condition:
    match name:
        case "file_name":
            return Condition("name", "=", value)
        case "start_time":
            return Condition("covered_to", ">=", float(value))
        case "end_time":
            return Condition("covered_from", "<=", float(value))
        case _:
            return _ingestion_condition(name, value)


def _table_condition(name: str, value: str) -> Condition:
    """Those tables are asked for whole days: a file begins after the one, and ends before the other."""
    match name:
        case "file_path":
            return Condition("key", "=", value)
        case "start_date":
            return Condition("start_date", ">=", time.strftime("%Y%m%d", day(value)))
        case "end_date":
            return Condition("end_date", "<=", time.strftime("%Y%m%d", day(value)))
        case _:
            return _ingestion_condition(name, value)


def _ingestion_condition(name: str, value: str) -> Condition:
    """Unlike `/query`, this looks at the moment: the last day ends with the midnight that begins it."""
    return Condition("ingested", ">=" if name == "start_ingest_date" else "<=", calendar.timegm(day(value)))


def _as_table_parameters(parameters: dict[str, str]) -> dict[str, str]:
    """Rename what kernels are asked for to what those tables are asked for. Raises BadParameter."""
    renamed = {_TABLE_NAMES.get(name, name): value for name, value in parameters.items()}
    try:
        for old, new in (("start_time", "start_date"), ("end_time", "end_date")):
            if old in parameters:
                renamed[new] = time.strftime("%Y%m%d", time.gmtime(unix_from_j2000(float(parameters[old]))))
    except (ValueError, OverflowError):
        raise BadParameter("Expected start/end times in ET.") from None
    return renamed


def day(text: str) -> time.struct_time:
    """Read a day, YYYYMMDD. Raises ValueError."""
    return time.strptime(text, "%Y%m%d")


def j2000_of_day(begin: time.struct_time) -> float:
    """Return the TDB seconds past J2000 with which a day (UTC) begins."""
    return calendar.timegm(begin) - unix_from_j2000(0)
