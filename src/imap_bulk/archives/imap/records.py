"""Reads the IMAP archive's answers, of all three generations, and filters what the archive cannot."""

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from imap_bulk import filenames
from imap_bulk.archives.imap.query import LATEST, ImapQuery
from imap_bulk.errors import BadName, BadQuery, Garbled, Rejected
from imap_bulk.http import Reply, decode_json
from imap_bulk.model import RemoteFile

Record = Mapping[str, Any]

_ENVELOPE = {"statusCode", "body", "headers"}
_G1_FIELDS = ("instrument", "data_level", "descriptor", "start_date", "end_date", "version", "extension")
# Only flat tuples reach literal_eval, which can exhaust the stack on nested ones.
_G1_ANSWER = re.compile(r"\[(?:\((?:(?:'[^'\\]*'|None),? ?)+\),? ?)*\]")
_SERIES = ("instrument", "data_level", "descriptor", "start_date", "end_date", "repointing")
_OLDEST = (-2, 0, 0)


def unwrap(reply: Reply) -> Reply:
    """Take an answer out of the envelope that the documentation prints; the real service sends none."""
    if not reply.body.lstrip().startswith(b"{"):
        return reply
    try:
        answer = json.loads(reply.body)
        if not {"statusCode", "body"} <= set(answer) <= _ENVELOPE:
            return reply
        status = int(answer["statusCode"])
        headers = {**reply.headers, **dict(answer.get("headers") or {})}
    except (ValueError, TypeError, RecursionError):
        return reply
    body = answer["body"] if isinstance(answer["body"], str) else json.dumps(answer["body"])
    told = {str(name).title(): str(value) for name, value in headers.items()}
    return Reply(status, told, body.encode(errors="replace"))


def read_records(reply: Reply, subject: str) -> list[Record]:
    """Read the answer to a query. Raises `Garbled` when it is no list of records."""
    text = reply.text.strip()
    answer = text if _G1_ANSWER.fullmatch(text) else decode_json(reply, subject)
    if isinstance(answer, str):
        answer = _read_text(answer.strip())
    if not isinstance(answer, list) or not all(isinstance(record, dict) for record in answer):
        raise Garbled(f"{subject}: the archive answered no list of records ({reply.words}); check the URL")
    return answer


def _read_text(text: str) -> Any:
    """Read a list that came as text: JSON within JSON, or the tuples of the first generation."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        rows = ast.literal_eval(text) if _G1_ANSWER.fullmatch(text) else None
    if rows is None or any(len(row) != len(_G1_FIELDS) for row in rows):
        return None
    return [_g1_record(dict(zip(_G1_FIELDS, row, strict=True))) for row in rows]


def _g1_record(told: dict[str, str]) -> Record:
    name = "imap_{instrument}_{data_level}_{descriptor}_{start_date}_{end_date}_{version}.{extension}"
    day = str(told["start_date"])
    directory = f"imap/{told['instrument']}/{told['data_level']}/{day[:4]}/{day[4:6]}"
    return {"file_path": f"{directory}/{name.format_map(told)}", **told}


def read_text(reply: Reply) -> str:
    """Read an answer that is one string: as JSON, or bare as an envelope holds it."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return reply.text.strip()
    return answer if isinstance(answer, str) else reply.text


def to_file(record: Record, subject: str) -> RemoteFile:
    """Name the file that a record describes. Raises `Rejected` when it names none."""
    path, name = record.get("file_path"), record.get("file_name")
    if isinstance(path, str) and path:
        return RemoteFile(path, meta=record)
    if isinstance(name, str) and name:  # a kernel's, with its directory below imap/spice
        return RemoteFile(name if name.startswith("imap/") else f"imap/spice/{name}", meta=record)
    raise Rejected(f"{subject}: the archive answered a record without a file path: {str(dict(record))[:300]}")


def narrowed(query: ImapQuery, records: Iterable[Record], *, has_tables: bool) -> list[Record]:
    """Apply the conditions that this archive did not. Raises BadQuery where its records do not tell enough."""
    if query.table == "spice":
        return [record for record in records if _right_version(query, record) and _ingested(query, record)]
    kept = list(records)
    if not has_tables and (query.ingestion_start_date or query.ingestion_end_date):
        if not all(_ingestion_day(record) for record in kept):
            raise BadQuery(
                "this archive does not say when its files were ingested; leave the ingestion dates out."
            )
        kept = [record for record in kept if _ingested(query, record)]
    return newest(kept) if query.version == LATEST else kept


def _right_version(query: ImapQuery, record: Record) -> bool:
    if query.version in (None, LATEST):
        return True
    return str(record.get("version")).removeprefix("v").lstrip("0") == query.version.removeprefix("v").lstrip("0")


def _ingested(query: ImapQuery, record: Record) -> bool:
    """Whether the day of ingestion is within the bounds; a record that does not say stays."""
    day = _ingestion_day(record)
    if not day:
        return True
    return (query.ingestion_start_date or "") <= day <= (query.ingestion_end_date or "99991231")


def _ingestion_day(record: Record) -> str:
    return ingested(record)[:8]


def ingested(record: Record) -> str:
    """Read YYYYMMDDhhmmss from any of the three ways in which the archive writes the time of ingestion, or ""."""
    return re.sub("[^0-9]", "", str(record.get("ingestion_date") or ""))[:14]


def newest(records: Iterable[Record]) -> list[Record]:
    """Keep the greatest version of each series; files that share it (a .cdf and a .csv) all stay.

    The official client leaves the end date out of an ancillary series, so it loses files that begin on one
    day and end on several.
    """
    ranked = [(_series(record), _age(record), record) for record in records]
    best: dict[tuple[object, ...], tuple[int, int, int]] = {}
    for series, age, _ in ranked:
        best[series] = max(age, best.get(series, age))
    return [record for series, age, record in ranked if best[series] == age]


def _series(record: Record) -> tuple[object, ...]:
    if "start_date" not in record:  # unlike anything that is known: never let two such records compete
        return (record.get("file_path"),)
    return tuple(str(record.get(name)) for name in _SERIES)


def _age(record: Record) -> tuple[int, int, int]:
    try:
        return filenames.version_order(str(record.get("version")))
    except BadName:
        return _OLDEST


def without_tables(reply: Reply) -> bool:
    """Whether this is how an archive of the generations before 2025 answers a query that names a table."""
    return reply.status == 400 and "table is not a valid query parameter" in reply.text
