"""The generations of the SDC's API: what they have in common is in the handlers, what tells them apart is here.

`PERMISSIVE` answers as the service of 2026 does, but lets clients of 2024 have their way where that harms nobody.
The other two answer as the production services of October 2024 and of mid 2026.
"""

from dataclasses import dataclass

from imap_bulk.filenames import FileName
from imap_bulk.server.imap.names import YEAR_2024, YEAR_2026, Columns, read_name_of_2024, read_name_of_2026

EVERY_PREFIX = ("", "/api-key", "/authorized")
"""What stands before a route: nothing, or the means by which a caller shows who they are."""


@dataclass(frozen=True, slots=True)
class Words:
    """What Amazon's gateway says in place of the handlers: (status, body), byte for byte."""

    unknown_route: tuple[int, str]
    failure: tuple[int, str]
    default_type: str
    """Content-Type of answers to which a handler gives none."""


_REST_API = Words(
    (403, '{"message":"Missing Authentication Token"}'),
    (502, '{"message": "Internal server error"}'),
    "application/json",
)
_HTTP_API = Words(
    (404, '{"message":"Not Found"}'),
    (500, '{"message":"Internal Server Error"}'),
    "text/plain; charset=utf-8",
)


@dataclass(frozen=True, slots=True)
class Generation:
    """How the API of one time differs from the others."""

    name: str
    words: Words
    prefixes: tuple[str, ...] = EVERY_PREFIX
    upload_prefixes: tuple[str, ...] = EVERY_PREFIX
    columns: Columns | None = None
    """What PostgreSQL's ENUM columns can be compared with; None: with anything, and nothing is found."""

    always_asks_for_keys: bool = False
    """Whether prefixes and uploads ask for a key even where the archive has none."""

    withholds: bool = False
    """Whether science is hidden from callers without a key until it is released."""

    is_of_2024: bool = False
    """Whether it has one table, versions without a major, `spice/` at the root, and no HEAD."""

    is_permissive: bool = False

    def read_name(self, name: str, *, legacy: bool) -> FileName:
        """Read the name of a file to be uploaded. Raises BadName with what the service says instead."""
        return (read_name_of_2024 if self.is_of_2024 else read_name_of_2026)(name, legacy=legacy)

    def asks_for_keys(self, *, has_keys: bool) -> bool:
        """Tell whether a caller must show a key for whatever is below a prefix, and for uploads."""
        return self.always_asks_for_keys or (has_keys and not self.is_of_2024)

    def takes_uploads(self, prefix: str, *, has_keys: bool) -> bool:
        """Tell whether there is an upload route below this prefix."""
        if self.is_permissive:
            return bool(prefix) or not has_keys
        return prefix in self.upload_prefixes

    def key_of(self, path: str) -> str:
        """Return the object key that the path of a download means, or "" where kernels never lay there."""
        if self.is_of_2024 and path.startswith("imap/spice/"):
            return ""
        lies_at_the_root = self.is_of_2024 or self.is_permissive
        return f"imap/{path}" if lies_at_the_root and path.startswith("spice/") else path

    def path_of(self, key: str) -> str:
        """Return what the API calls an object key."""
        return key.removeprefix("imap/") if self.is_of_2024 and key.startswith("imap/spice/") else key


PERMISSIVE = Generation("permissive", _HTTP_API, is_permissive=True)
STRICT_2024 = Generation(
    "2024", _REST_API, prefixes=("",), upload_prefixes=("",), columns=YEAR_2024, is_of_2024=True
)
STRICT_2026 = Generation(
    "2026",
    _HTTP_API,
    upload_prefixes=("/api-key",),
    columns=YEAR_2026,
    always_asks_for_keys=True,
    withholds=True,
)

STRICT = {each.name: each for each in (STRICT_2024, STRICT_2026)}
"""The generations by the year that `--strict-generation` names."""
