"""What the API of the SDC can be asked for, translated into conditions on the catalog.

Oddities are theirs and kept on purpose: what is a 400 there raises `BadParameter` here with the same words,
what is a 500 there raises ValueError, KeyError or OverflowError.
"""

import calendar
import time

from imap_bulk.filenames import Kind
from imap_bulk.server.catalog import Condition, Search, Versions, unix_from_j2000

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
_SPICE_PARAMETERS = [
    "file_name", "start_time", "end_time", "type", "latest", "start_ingest_date", "end_ingest_date",
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
_EVERYTHING = Condition("key", "<>", "")
_NOTHING = Condition("key", "=", None)  # no comparison with NULL holds


class BadParameter(Exception):
    """A 400 with this text."""


def product_search(kind: Kind, parameters: dict[str, str]) -> Search:
    """Translate a query for files of products. Raises BadParameter."""
    valid = _PARAMETERS[kind]
    versions = _resolve_versions(parameters) if kind is Kind.SCIENCE else Versions.ALL
    conditions = []
    for name, value in parameters.items():
        if name not in valid:
            raise BadParameter(
                f"{name} is not a valid query parameter for {kind} table. Valid query parameters are: {valid}"
            )
        conditions.append(_condition(name, value))
    return Search(kind, tuple(conditions), versions)


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


def _condition(name: str, value: str) -> Condition:
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
            return Condition("ingested", "=", calendar.timegm(time.strptime(value, "%Y%m%d %H:%M:%S")))
        case "file_path":
            return Condition("key", "=", value)
        case "crid":
            return _NOTHING
        case "released":
            return _EVERYTHING if value.lower() == "true" else _NOTHING
        case _ if name in _INTEGERS:
            return Condition(_INTEGERS[name], "=", int(value))
        case _:
            return Condition(name, "=", value)


def spice_search(spice_type: str, parameters: dict[str, str]) -> Search:
    """Translate a query for SPICE files of one type, or of all kernels. Raises BadParameter for a 400."""
    conditions = [Condition("spice_type", "=", spice_type)]
    if spice_type == "kernels":
        conditions = [Condition("spice_type", "<>", other) for other in SPICE_TABLES]
    for name, value in parameters.items():
        conditions += _spice_conditions(name, value, spice_type)
    latest = parameters.get("latest", "").lower() == "true"
    return Search(Kind.SPICE, tuple(conditions), Versions.NEWEST_KERNEL if latest else Versions.ALL)


def _spice_conditions(name: str, value: str, spice_type: str) -> list[Condition]:
    """Translate one parameter of a SPICE query. Raises BadParameter."""
    if name not in _SPICE_PARAMETERS:
        raise BadParameter(
            f"{name} is not a valid query parameter. Valid query parameters are: {_SPICE_PARAMETERS}"
        )
    try:
        match name:
            case "file_name":
                return [Condition("key" if "/" in value else "name", "=", value)]
            case "start_ingest_date":
                return [Condition("ingested", ">=", calendar.timegm(day(value)))]
            case "end_ingest_date":  # unlike /query, up to the midnight with which the day begins
                return [Condition("ingested", "<=", calendar.timegm(day(value)))]
            case "start_time" | "end_time" if spice_type in SPICE_TABLES:
                return _table_conditions(name, float(value), spice_type)
            case "start_time":
                return [Condition("covered_to", ">=", float(value))]
            case "end_time":
                return [Condition("covered_from", "<=", float(value))]
    except (ValueError, OverflowError):
        if name.endswith("_time") and spice_type in SPICE_TABLES:
            raise BadParameter("Expected start/end times in ET.") from None
        raise BadParameter(f"Invalid value for {name}: {value}") from None
    return []


def _table_conditions(name: str, seconds: float, spice_type: str) -> list[Condition]:
    """Those tables are asked for whole days: a file begins after the one, and ends before the other."""
    date = time.strftime("%Y%m%d", time.gmtime(unix_from_j2000(seconds)))
    if name == "end_time":
        return [Condition("end_date", "<=", date)]
    return [] if spice_type == "repoint" else [Condition("start_date", ">=", date)]


def day(text: str) -> time.struct_time:
    """Read a day, YYYYMMDD. Raises ValueError."""
    return time.strptime(text, "%Y%m%d")
