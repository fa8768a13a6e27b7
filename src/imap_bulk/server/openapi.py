"""The API of the embedded archive as an OpenAPI 3.1 document, for `/openapi.json`.

It promises what may be relied on. Where the SDC answers a malformed value with a 500, the schema of that
parameter leaves no room for one, and the 500 is documented as what comes if it is sent nevertheless.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiohttp import web

from imap_bulk import filenames

Json = dict[str, Any]

PREFIXES: Mapping[str, list[Json]] = {
    "": [],
    "/api-key": [{"apiKey": []}],
    "/authorized": [{"accessToken": []}],
}
"""What stands before a route, and the credential that opens it then."""

_LONG_MONTHS = "(0[13578]|1[02])(0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTHS = "(0[469]|11)(0[1-9]|[12][0-9]|30)|02(0[1-9]|1[0-9]|2[0-8])"
_LEAP_DAYS = "20(0[048]|[2468][048]|[13579][26])0229"
_DAY = f"^(20[0-9]{{2}}({_LONG_MONTHS}|{_SHORT_MONTHS})|{_LEAP_DAYS})$"
_WORD = {"type": "string", "pattern": "^[A-Za-z0-9-]{1,40}$"}
_DATE = {"type": "string", "pattern": _DAY, "examples": ["20260115"]}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 99_999}
_SECONDS = {"type": "number", "minimum": -1e9, "maximum": 1e10}
_TEXT = {"type": "string"}
_NULLABLE_TEXT = {"type": ["string", "null"]}
_NULLABLE_NUMBER = {"type": ["integer", "null"]}

_QUERY: Mapping[str, tuple[Json, str]] = {
    "table": ({"enum": ["science", "ancillary", "quicklook"]}, "Which table; science if left out."),
    "instrument": ({"enum": list(filenames.INSTRUMENTS)}, "Instrument."),
    "data_level": ({"enum": list(filenames.DATA_LEVELS)}, "Data level; not of ancillary files."),
    "descriptor": (_WORD, "Descriptor, exact."),
    "start_date": (_DATE, "Files that start on this day (UTC) or later."),
    "end_date": (_DATE, "Files that start on this day (UTC) or earlier."),
    "ingestion_start_date": (_DATE, "Archived on this day (UTC) or later."),
    "ingestion_end_date": (_DATE, "Archived on this day (UTC) or earlier."),
    "repointing": (_NUMBER, "Repointing; not of ancillary files."),
    "cr": (_NUMBER, "Carrington rotation; not of ancillary files."),
    "version": ({"type": "string", "pattern": r"^v[0-9]{3}(\.[0-9]{4})?$"}, "vNNN or vMMM.mmmm."),
    "major_version": (_NUMBER, "Major version; not of ancillary files."),
    "minor_version": (_NUMBER, "Minor version; not of ancillary files."),
    "latest": ({"enum": ["true", "false"]}, "true: of each series the newest version alone; science only."),
    "extension": (_WORD, "File name extension, as in cdf."),
    "file_path": (_TEXT, "The exact object key."),
}
_SPICE_QUERY: Mapping[str, tuple[Json, str]] = {
    "type": ({"enum": ["kernels", *filenames.SPICE_TYPES]}, "Type of kernel; kernels: any."),
    "file_name": (_WORD, "Exact name."),
    "start_time": (_SECONDS, "Covers this time or later: TDB seconds past J2000."),
    "end_time": (_SECONDS, "Covers this time or earlier: TDB seconds past J2000."),
    "start_ingest_date": (_DATE, "Archived on this day (UTC) or later."),
    "end_ingest_date": (_DATE, "Archived before this day (UTC) begins."),
    "latest": ({"enum": ["true", "false"]}, "true: the newest version alone."),
}
_TABLE_QUERY: Mapping[str, tuple[Json, str]] = {
    "file_path": (_TEXT, "The exact object key."),
    "start_date": (_DATE, "Files that start on this day (UTC) or later; not of repoint files."),
    "end_date": (_DATE, "Files that end on this day (UTC) or earlier."),
    "start_ingest_date": _SPICE_QUERY["start_ingest_date"],
    "end_ingest_date": _SPICE_QUERY["end_ingest_date"],
    "latest": _SPICE_QUERY["latest"],
}
_METAKERNEL: Mapping[str, tuple[Json, str]] = {
    "start_time": (_SECONDS, "TDB seconds past J2000, or YYYYMMDD."),
    "end_time": (_SECONDS, "TDB seconds past J2000, or YYYYMMDD."),
    "file_types": (_WORD, "Types of kernels, parted by commas; all if left out."),
    "list_files": ({"enum": ["True", "False"]}, "True: names alone, as a JSON array."),
    "spice_path": (_WORD, "Where the kernels will lie."),
    "require_coverage": ({"enum": ["True", "False"]}, "True: gaps are a 422."),
}
_RELEASE: Mapping[str, tuple[Json, str]] = {
    "release_type": ({"enum": ["release", "unrelease", "early-release"]}, "What to do; always needed."),
    "release_number": (_NUMBER, "Which batch; needed to release."),
    "instrument": _QUERY["instrument"],
    "start_date": _QUERY["start_date"],
    "end_date": _QUERY["end_date"],
    "exclude_file": (_TEXT, "Name of an archived manifest: what stays as it is."),
    "manifest_file": (_TEXT, "Name of an archived manifest: what to withhold, or to release early."),
}

_RECORD = {
    "type": "object",
    "required": ["file_path", "ingestion_date"],
    "properties": {
        "file_path": _TEXT,
        "instrument": _NULLABLE_TEXT,
        "data_level": _NULLABLE_TEXT,
        "descriptor": _NULLABLE_TEXT,
        "start_date": _NULLABLE_TEXT,
        "end_date": _NULLABLE_TEXT,
        "repointing": _NULLABLE_NUMBER,
        "cr": _NULLABLE_NUMBER,
        "version": _NULLABLE_TEXT,
        "extension": _TEXT,
        "ingestion_date": {"type": "string", "description": "YYYYMMDD HH:MM:SS, UTC."},
        "released": {"type": "boolean"},
    },
}
_SPICE_RECORD = {
    "type": "object",
    "required": ["ingestion_date"],
    "properties": {
        "file_name": {"type": "string", "description": "The object key without imap/spice/."},
        "file_path": {"type": "string", "description": "The object key, of spin, repoint and thruster tables."},
        "kernel_type": _NULLABLE_TEXT,
        "ingestion_date": {"type": "string", "description": "YYYY-MM-DD, HH:MM:SS, UTC."},
    },
}
_DAY_COUNT = {
    "type": "array",
    "description": "Instrument, YYYYMMDD, files.",
    "items": {"type": ["string", "integer"]},
    "minItems": 3,
    "maxItems": 3,
}
_MESSAGE = {"type": "object", "required": ["message"], "properties": {"message": _TEXT}}
_ADDRESS = {"type": "object", "required": ["download_url"], "properties": {"download_url": _TEXT}}


def add_route(router: web.UrlDispatcher, *, has_keys: bool) -> None:
    """Serve the document."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(document(paths_of(router), has_keys=has_keys))

    router.add_get("/openapi.json", answer, allow_head=False)


def paths_of(router: web.UrlDispatcher) -> list[str]:
    """Return what can be asked for with GET, as OpenAPI writes it: `/download/{path}`."""
    patterns = {route.resource.canonical for route in router.routes() if route.method == "GET" and route.resource}
    return sorted(pattern.replace("{path}", "/{path}") for pattern in patterns)


def document(paths: Iterable[str], *, has_keys: bool) -> Json:
    """Describe these paths, of an archive with or without keys; those that nobody has described are left out."""
    from imap_bulk import __version__

    return {
        "openapi": "3.1.0",
        "info": {
            "title": "IMAP Science Data Center API, embedded",
            "version": __version__,
            "description": "Bytes move by pre-signed URLs, between client and storage alone.",
        },
        "paths": _described(paths, has_keys=has_keys),
        "components": {
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "accessToken": {"type": "http", "scheme": "bearer"},
            }
        },
    }


def _described(paths: Iterable[str], *, has_keys: bool) -> Json:
    known, described = _search_paths() | _file_paths() | _page_paths(), {}
    for path in paths:
        prefix = next(prefix for prefix in reversed([*PREFIXES]) if path.startswith(prefix))
        if operation := known.get(path.removeprefix(prefix)):
            described[path] = {"get": {**operation, "security": PREFIXES[prefix] if has_keys else []}}
    return described


def _search_paths() -> dict[str, Json]:
    table = _search("Spin, repoint or thruster files", _TABLE_QUERY, _SPICE_RECORD)
    return {
        "/spin-table": table,
        "/repoint-table": table,
        "/thruster-table": table,
        "/small-forces-table": table,
        "/query": _search("What the archive has of science, ancillary or quicklook files", _QUERY, _RECORD),
        "/spice-query": _search("What the archive has of SPICE kernels", _SPICE_QUERY, _SPICE_RECORD),
        "/metakernel": _operation(
            "Which kernels cover a time",
            _parameters(_METAKERNEL, needed=("start_time", "end_time")),
            {
                "200": {"description": "A metakernel as text, or a JSON array of names"},
                **_plain("400", "404", "422"),
            },
        ),
        "/page/days": _search("How many files there are, by instrument and day", _QUERY, _DAY_COUNT),
    }


def _file_paths() -> dict[str, Json]:
    return {
        "/download/{path}": _operation(
            "Where the bytes of a file are",
            [_key("Object key, from imap/ on.")],
            {
                "302": {
                    **_answer("The way to a pre-signed GET URL", "text/html", _TEXT),
                    "headers": {"Location": {"required": True, "schema": _TEXT}},
                },
                **_plain("400", "404"),
            },
        ),
        "/upload/{path}": _operation(
            "A pre-signed PUT URL for a new file",
            [_key("File name; directories before it do not count.")],
            {
                "200": _answer("The URL, as a JSON string", "text/plain", _TEXT),
                "409": _answer("The archive has this file already", "text/plain", {"type": ["object", "string"]}),
                **_plain("400", "403", "404"),
            },
        ),
        "/release": _operation(
            "Release science files, or withhold them",
            _parameters(_RELEASE),
            {"200": _answer("How many, as a JSON string", "text/plain", _TEXT), **_plain("400", "403")},
        ),
        "/page/download/{path}": _operation(
            "A pre-signed GET URL, without a redirect",
            [_key("Object key, from imap/ on.")],
            {"200": _answer("The URL", "application/json", _ADDRESS), **_plain("400", "404")},
        ),
    }


def _page_paths() -> dict[str, Json]:
    html = {"name": "Accept", "in": "header", "schema": {"const": "text/html"}}
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[a-z]+\.[a-z]+$"},
    }
    part = {"200": {"description": "The file"}, **_plain("404")}
    return {
        "/": _operation("The page, for browsers alone", [html], part),
        "/page/{name}": _operation("A part of the page", [name], part),
        "/page/about": _operation("What the page offers to choose from", [], _object("The choices")),
        "/openapi.json": _operation("This document", [], _object("OpenAPI 3.1")),
    }


def _object(text: str) -> Json:
    return {"200": _answer(text, "application/json", {"type": "object"})}


def _search(summary: str, parameters: Mapping[str, tuple[Json, str]], record: Json) -> Json:
    rows = {"type": "array", "items": record}
    found = _answer("All that matches, ordered by object key", "application/json", rows)
    return _operation(summary, _parameters(parameters), {"200": found, **_plain("400")})


def _parameters(known: Mapping[str, tuple[Json, str]], needed: Collection[str] = ()) -> list[Json]:
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": schema, "description": text}
        for name, (schema, text) in known.items()
    ]


def _operation(summary: str, parameters: list[Json], responses: Json) -> Json:
    gateway = {code: _answer(text, "application/json", _MESSAGE) for code, text in _GATEWAY.items()}
    return {"summary": summary, "parameters": parameters, "responses": {**gateway, **responses}}


_GATEWAY = {
    "401": "No credential where one is needed",
    "403": "A credential that is not known",
    "404": "No such route",
    "500": "A value the handlers do not understand, no parameter at all, or more than an answer may hold",
}


def _answer(text: str, kind: str, schema: Json) -> Json:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _plain(*codes: str) -> Json:
    """Document refusals whose form the SDC leaves open: a JSON string, or bare text."""
    return {code: {"description": _REFUSALS[code]} for code in codes}


_REFUSALS = {
    "400": "What is asked for makes no sense; the text says why",
    "403": "The credential is not known, or may only read",
    "404": "The archive has no such thing",
    "422": "Some of the time is not covered: the gaps, by type",
}


def _key(text: str) -> Json:
    schema = {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_./-]+$"}
    return {"name": "path", "in": "path", "required": True, "schema": schema, "description": text}
