"""The IMAP archive as spec/IMAP_API.md has it, in three generations, small enough to be read at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

G2_PARAMS = (
    "file_path", "instrument", "data_level", "descriptor", "start_date", "repointing", "version", "extension",
    "ingestion_date", "end_date",
)  # fmt: skip
SCIENCE_PARAMS = (
    "extension", "file_path", "instrument", "data_level", "descriptor", "start_date", "repointing",
    "major_version", "minor_version", "ingestion_date", "cr", "crid", "released", "end_date",
    "ingestion_start_date", "ingestion_end_date",
)  # fmt: skip
ANCILLARY_PARAMS = (
    "file_path", "instrument", "descriptor", "start_date", "end_date", "version", "extension",
    "ingestion_date", "released", "ingestion_start_date", "ingestion_end_date",
)  # fmt: skip
SPICE_PARAMS = ("file_name", "start_time", "end_time", "type", "latest", "start_ingest_date", "end_ingest_date")

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass
class FakeImap:
    """Answers as generation 2 or 3; `overrides` are answers that come first, one a request."""

    rows: list[Row] = field(default_factory=list)
    generation: int = 3
    most_rows: int = 10**9
    size_status: int = 500
    overrides: list[web.Response] = field(default_factory=list)
    always: Callable[[], web.Response] | None = None
    asked: list[Asked] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        return app

    @property
    def queries(self) -> list[dict[str, str]]:
        return [asked.params for asked in self.asked]

    async def _answer(self, request: web.Request) -> web.Response:
        path, _, _ = request.raw_path.partition("?")
        self.asked.append(Asked(path, dict(request.query), dict(request.headers)))
        if self.overrides:
            return self.overrides.pop(0)
        if self.always:
            return self.always()
        if path.endswith("/spice-query") and self.generation == 3:
            return self._spice(dict(request.query))
        if path.endswith("/query"):
            return self._query(dict(request.query))
        return gateway(404 if self.generation == 3 else 403, "Not Found")

    def _query(self, params: dict[str, str]) -> web.Response:
        if not params:
            return self._failed()
        table = params.pop("table", None) if self.generation == 3 else "science"
        latest = table == "science" and self.generation == 3 and params.pop("latest", "").lower() == "true"
        if table == "science" and self.generation == 3:
            _resolve_version(params)
        known: tuple[str, ...] = G2_PARAMS if self.generation == 2 else SCIENCE_PARAMS
        known = ANCILLARY_PARAMS if table == "ancillary" else known
        for name in params:
            if name not in known:
                said = f"{name} is not a valid query parameter. Valid query parameters are: {list(known)}"
                return web.json_response(said, status=400)
        found = [
            row for row in self.rows if ("data_level" in row) == (table == "science") and matches(row, params)
        ]
        if self.generation == 3 and table == "science" and "major_version" not in params:
            found = _ranked(found, latest)
        return self._given(found)

    def _spice(self, params: dict[str, str]) -> web.Response:
        if unknown := set(params) - set(SPICE_PARAMS):
            said = (
                f"{unknown.pop()} is not a valid query parameter. Valid query parameters are: {list(SPICE_PARAMS)}"
            )
            return web.json_response(said, status=400)
        return self._given([row for row in self.rows if _spice_matches(row, params)])

    def _given(self, found: list[Row]) -> web.Response:
        if len(found) > self.most_rows:
            return self._failed()
        return web.json_response(sorted(found, key=str))

    def _failed(self) -> web.Response:
        return gateway(self.size_status, "Internal Server Error")


def gateway(status: int, message: str, **headers: str) -> web.Response:
    """Answer as API Gateway does."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({"message": message}, status=status, headers=told)


def _resolve_version(params: dict[str, str]) -> None:
    major, _, minor = params.pop("version", "").removeprefix("v").rpartition(".")
    if major:
        params["major_version"] = major
    if minor:
        params["minor_version"] = minor


def matches(row: Row, params: dict[str, str]) -> bool:
    for name, value in params.items():
        told = row.get(name)
        ingested = str(row.get("ingestion_date")).replace("-", "")[:8]
        match name:
            case "start_date":
                right = row["start_date"] >= value
            case "end_date":
                right = row["start_date"] <= value
            case "ingestion_start_date":
                right = ingested >= value
            case "ingestion_end_date":
                right = ingested <= value
            case "major_version" | "minor_version" | "repointing":
                right = told == int(value)
            case _:
                right = told == value
        if not right:
            return False
    return True


def _ranked(rows: list[Row], latest: bool) -> list[Row]:
    """Keep the greatest major of each series, or with `latest` the greatest (major, minor)."""

    def rank(row: Row) -> tuple[int, int]:
        return row["major_version"], row["minor_version"] if latest else 0

    def series(row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in ("instrument", "data_level", "descriptor", "start_date", "repointing"))

    best: dict[tuple[Any, ...], tuple[int, int]] = {}
    for row in rows:
        best[series(row)] = max(rank(row), best.get(series(row), (0, 0)))
    return [row for row in rows if rank(row) == best[series(row)]]


def _spice_matches(row: Row, params: dict[str, str]) -> bool:
    ingested = row["ingestion_date"].replace("-", "").replace(",", "")
    low, high = row["min_date_j2000"], row["max_date_j2000"]
    kind = params.get("type", "kernels")
    return (
        (kind in ("kernels", row["kernel_type"]))
        and ("file_name" not in params or row["file_name"].endswith("/" + params["file_name"]))
        and ("start_time" not in params or (high is not None and high >= float(params["start_time"])))
        and ("end_time" not in params or (low is not None and low <= float(params["end_time"])))
        and ("start_ingest_date" not in params or ingested >= params["start_ingest_date"] + " 00:00:00")
        and ("end_ingest_date" not in params or ingested <= params["end_ingest_date"] + " 00:00:00")
    )


def science(day: str = "20260115", version: str = "v001.0001", **other: Any) -> Row:
    """Make a record of generation 3."""
    row: Row = {"instrument": "mag", "data_level": "l1b", "descriptor": "norm", "extension": "cdf"} | other
    major, _, minor = version.removeprefix("v").rpartition(".")
    stem = f"imap_{row['instrument']}_{row['data_level']}_{row['descriptor']}_{day}"
    stem += f"-repoint{row['repointing']:05}" if row.get("repointing") else ""
    path = f"imap/{row['instrument']}/{row['data_level']}/{day[:4]}/{day[4:6]}/{stem}_{version}.{row['extension']}"
    told = {"ingestion_date": "20260301 10:30:52", "repointing": None, "major_version": int(major or 0)}
    return {"file_path": path, "start_date": day, "version": version, "minor_version": int(minor)} | told | row


def old_science(day: str = "20240115", version: str = "v001", **other: Any) -> Row:
    """Make a record of generation 2."""
    row = science(day, version, **{"ingestion_date": "2024-07-09 15:42:23", **other})
    return {name: value for name, value in row.items() if name not in ("major_version", "minor_version")}


def ancillary(start: str, end: str | None, version: str, extension: str = "csv") -> Row:
    """Make an ancillary record."""
    days = f"{start}_{end}" if end else start
    name = f"imap_mag_l2-calibration_{days}_{version}.{extension}"
    told = {"start_date": start, "end_date": end, "version": version, "extension": extension}
    return {"file_path": f"imap/ancillary/mag/{name}", "instrument": "mag", "descriptor": "l2-calibration", **told}


def kernel(name: str, **other: Any) -> Row:
    """Make a SPICE record that covers one day of 2025."""
    told = {"file_name": name, "file_root": name, "kernel_type": "attitude_history", "version": 1}
    times = {"min_date_j2000": 812631669.2765242, "max_date_j2000": 812725268.1910387}
    return told | times | {"ingestion_date": "2026-04-06, 23:57:54"} | other


def in_series(rows: Iterable[Row]) -> list[str]:
    """List the paths, sorted."""
    return sorted(row["file_path"] for row in rows)
