"""Rows of the catalog as the SDC's API tells them."""

import calendar
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from imap_bulk.filenames import Kind
from imap_bulk.server.catalog import unix_from_j2000
from imap_bulk.server.imap.generations import Generation
from imap_bulk.server.imap.query import day

Row = Mapping[str, Any]
Record = Callable[[Row], dict[str, object]]


def product_record(kind: Kind, generation: Generation) -> Record:
    """Return what tells a row of this kind."""
    if generation.is_of_2024:
        return _record_of_2024
    told = _ancillary_record if kind is Kind.ANCILLARY else _science_record
    if generation.withholds:
        return told
    return lambda row: told(row) | {"released": True}


def _record_of_2024(row: Row) -> dict[str, object]:
    return {
        "file_path": row["key"],
        "instrument": row["instrument"],
        "data_level": row["data_level"],
        "descriptor": row["descriptor"],
        "start_date": row["start_date"],
        "repointing": row["repointing"],
        "version": row["version"],
        "extension": row["extension"],
        "ingestion_date": _moment(row["ingested"], "%Y-%m-%d %H:%M:%S"),
        **_end_of_first_generation(row),
    }


def _science_record(row: Row) -> dict[str, object]:
    return {
        "extension": row["extension"],
        "file_path": row["key"],
        "instrument": row["instrument"],
        "data_level": row["data_level"],
        "descriptor": row["descriptor"],
        "start_date": row["start_date"],
        "repointing": row["repointing"],
        "major_version": row["major"],
        "minor_version": row["minor"],
        "ingestion_date": _moment(row["ingested"], "%Y%m%d %H:%M:%S"),
        "cr": row["cr"],
        "crid": None,
        "released": bool(row["released"]),
        "version": row["version"],
        **_end_of_first_generation(row),
    }


def _ancillary_record(row: Row) -> dict[str, object]:
    return {
        "file_path": row["key"],
        "instrument": row["instrument"],
        "descriptor": row["descriptor"],
        "start_date": row["start_date"],
        "end_date": row["end_date"],
        "version": row["version"],
        "extension": row["extension"],
        "ingestion_date": _moment(row["ingested"], "%Y%m%d %H:%M:%S"),
        "released": bool(row["released"]),
    }


def _end_of_first_generation(row: Row) -> dict[str, object]:
    """Tell the second date of a science name, which only the first generation had."""
    return {"end_date": row["end_date"]} if row["end_date"] else {}


def kernel_record(row: Row) -> dict[str, object]:
    """Tell what the name tells; what stands inside a kernel is null."""
    return {
        "file_name": row["key"].removeprefix("imap/spice/"),
        "file_root": row["file_root"],
        "kernel_type": row["spice_type"],
        "version": row["minor"],
        "min_date_j2000": row["covered_from"],
        "max_date_j2000": row["covered_to"],
        "file_intervals_j2000": None,
        "min_date_datetime": _coverage(row["covered_from"]),
        "max_date_datetime": _coverage(row["covered_to"]),
        "file_intervals_datetime": None,
        "min_date_sclk": None,
        "max_date_sclk": None,
        "file_intervals_sclk": None,
        "sclk_kernel": None,
        "lsk_kernel": None,
        "ingestion_date": _moment(row["ingested"]),
        "timestamp": row["ingested"],
    }


def table_record(row: Row) -> dict[str, object]:
    """Tell a spin, repoint or thruster file; repoint files have no start."""
    start, end = (row[name] and _moment(calendar.timegm(day(row[name]))) for name in ("start_date", "end_date"))
    return {
        "file_path": row["key"],
        **({} if row["spice_type"] == "repoint" else {"start_date": start}),
        "end_date": end,
        "version": row["version"],
        "ingestion_date": _moment(row["ingested"]),
    }


def _coverage(seconds: float | None) -> str | None:
    return None if seconds is None else _moment(round(unix_from_j2000(seconds)))


@lru_cache(maxsize=4096)
def _moment(unix: int, form: str = "%Y-%m-%d, %H:%M:%S") -> str:
    return time.strftime(form, time.gmtime(unix))
