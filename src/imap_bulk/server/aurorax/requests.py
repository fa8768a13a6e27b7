"""A search request as it is kept, and as the service tells of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from imap_bulk.server.aurorax.times import stamped

COLUMNS = "id, kind, query, base, account, address, requested, completed, count, size, deleted, failed, logs"


class Kind(StrEnum):
    """What is searched for, spelled as in paths."""

    EPHEMERIS = "ephemeris"
    PRODUCTS = "data_products"
    CONJUNCTIONS = "conjunctions"

    @property
    def type(self) -> str:
        """How documents spell it."""
        return {"ephemeris": "ephemeris", "data_products": "data_product", "conjunctions": "conjunction"}[self]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A row of the table; times are Unix time."""

    id: str
    kind: Kind
    query: dict[str, Any]
    base: str
    """The address under which it was asked for; URLs in its result begin with it."""

    account: str | None
    """Whose it is; one without is everybody's."""

    address: str
    requested: float
    completed: float | None = None
    count: int | None = None
    size: int | None = None
    deleted: float | None = None
    failed: bool = False
    logs: tuple[dict[str, str], ...] = ()

    @property
    def is_running(self) -> bool:
        """Tell whether it is still to end."""
        return self.completed is None and not self.failed

    @property
    def has_result(self) -> bool:
        """Tell whether there is a document to be fetched."""
        return self.completed is not None and self.deleted is None

    def document(self) -> dict[str, Any]:
        """Return what the service tells of it."""
        return {
            "search_request": {
                "request_id": self.id,
                "query": self.query | {"request_id": self.id},
                "requested": stamped(self.requested),
                "request_type": self.kind.type,
            },
            "logs": list(self.logs),
            "search_result": self._result(),
        }

    def _result(self) -> dict[str, Any]:
        done = self.completed is not None
        return {
            "data_uri": f"/api/v1/{self.kind}/requests/{self.id}/data" if done else None,
            "result_count": self.count,
            "file_size": self.size,
            "completed_timestamp": stamped(self.completed) if self.completed is not None else None,
            "query_duration": self.duration,
            "result_file_deleted_timestamp": stamped(self.deleted) if self.deleted is not None else None,
            "error_condition": self.failed,
        }

    @property
    def duration(self) -> int | None:
        """Milliseconds from the request to its end."""
        return None if self.completed is None else round((self.completed - self.requested) * 1000)

    def listing(self, *, exists: bool) -> dict[str, Any]:
        """Return what administrators are told of it; `exists` is whether its result is there."""
        return {
            "search_type": self.kind.type,
            "ip_address": self.address,
            "request_id": self.id,
            "requested": stamped(self.requested),
            "active": self.is_running,
            "query_duration": self.duration,
            "result_file_exists": exists,
            "file_size": self.size,
            "result_count": self.count,
            "error_condition": self.failed,
        }


def of_row(row: Sequence[Any]) -> SearchRequest:
    """Read a row of the table."""
    columns: dict[str, Any] = dict(zip(COLUMNS.split(", "), row, strict=True))
    columns["kind"] = Kind(columns["kind"])
    columns["query"] = json.loads(columns["query"])
    columns["failed"] = bool(columns["failed"])
    columns["logs"] = tuple(json.loads(columns["logs"]))
    return SearchRequest(**columns)


def log_line(now: float, level: str, summary: str) -> dict[str, str]:
    """Return a line of a request's log."""
    return {"timestamp": stamped(now), "level": level, "summary": summary}
