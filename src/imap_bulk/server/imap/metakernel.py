"""Which kernels cover a time, as `/metakernel` tells: a metakernel to be furnished, or their names.

What the SDC's service leaves undocumented is decided here: a kernel without a time in its name covers all times,
and the categories of gaps are the types that have times.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imap_bulk.server.imap.query import BadParameter, day, j2000_of_day

Row = Mapping[str, Any]
Interval = tuple[float, float]

_PARAMETERS = ["start_time", "end_time", "file_types", "list_files", "spice_path", "require_coverage"]
_NO_KERNELS = {"spin", "repoint", "thruster", "metakernel"}
_LONGEST_VALUE = 80
"""Characters that SPICE reads of a string in a text kernel."""


def answer(rows: Iterable[Row], parameters: Mapping[str, str]) -> tuple[int, str]:
    """Return status and body, from the newest kernels of the archive.

    Raises BadParameter for a 400; ValueError or KeyError for a 500.
    """
    wanted = _wanted_time(parameters)
    types = list(filter(None, parameters.get("file_types", "").split(",")))
    chosen = _covering(rows, wanted, types)
    if not chosen:
        return 404, json.dumps("No files found.")
    if _is_true(parameters, "require_coverage") and (missing := _gaps(chosen, wanted, types)):
        return 422, json.dumps(missing)
    if _is_true(parameters, "list_files"):
        return 200, json.dumps([row["name"] for row in chosen])
    return 200, _text((row["key"] for row in chosen), parameters.get("spice_path", "imap/spice"))


def _is_true(parameters: Mapping[str, str], name: str) -> bool:
    return parameters.get(name, "").lower() == "true"


def _wanted_time(parameters: Mapping[str, str]) -> Interval:
    """Return begin and end in TDB seconds past J2000. Raises BadParameter; ValueError or KeyError for a 500."""
    for name in parameters:
        if name not in _PARAMETERS:
            raise BadParameter(f"{name} is not a valid query parameter. Valid query parameters are: {_PARAMETERS}")
    return _seconds(parameters["start_time"]), _seconds(parameters["end_time"])


def _seconds(text: str) -> float:
    return j2000_of_day(day(text)) if len(text) == len("YYYYMMDD") and text.isdigit() else float(text)


def _covering(rows: Iterable[Row], wanted: Interval, types: Sequence[str]) -> list[Row]:
    """Choose the kernels that cover some of the time; those that cover all times come first."""
    begin, end = wanted
    chosen = [
        row
        for row in rows
        if row["spice_type"] not in _NO_KERNELS
        and (not types or row["spice_type"] in types)
        and (row["covered_from"] is None or row["covered_from"] <= end)
        and (row["covered_to"] is None or row["covered_to"] >= begin)
    ]
    return sorted(chosen, key=lambda row: (row["covered_from"] is not None, row["spice_type"] or "", row["key"]))


def _gaps(chosen: Iterable[Row], wanted: Interval, types: Sequence[str]) -> dict[str, list[Interval]]:
    """Return what no kernel covers, by type; of the types that were asked for, also those without a kernel."""
    covered: dict[str, list[Interval]] = {name: [] for name in types}
    for row in chosen:
        begin, end = (row[name] for name in ("covered_from", "covered_to"))
        covered.setdefault(row["spice_type"], []).append(
            (wanted[0] if begin is None else begin, wanted[1] if end is None else end)
        )
    return {name: missing for name, known in covered.items() if (missing := _uncovered(known, wanted))}


def _uncovered(known: Iterable[Interval], wanted: Interval) -> list[Interval]:
    reached, end = wanted
    missing = []
    for begin, until in sorted(known):
        if begin > reached + 1:  # the days in names end with their last whole second
            missing.append((reached, begin))
        reached = max(reached, until)
    return [*missing, (reached, end)] if reached + 1 < end else missing


def _text(keys: Iterable[str], spice_path: str) -> str:
    """Write a metakernel. Raises ValueError where a value is longer than SPICE reads."""
    names = [f"$SPICE/{key.removeprefix('imap/spice/')}" for key in keys]
    if too_long := [value for value in (spice_path, *names) if len(value) > _LONGEST_VALUE or "'" in value]:
        raise ValueError(f"SPICE cannot read {too_long[0]!r}")
    listed = ",\n".join(f"    '{name}'" for name in names)
    return (
        "KPL/MK\n\n\\begindata\n\n"
        f"PATH_VALUES = ( '{spice_path}' )\nPATH_SYMBOLS = ( 'SPICE' )\n\n"
        f"KERNELS_TO_LOAD = (\n{listed}\n)\n\n\\begintext\n"
    )
