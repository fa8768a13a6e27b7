"""Object keys for what AuroraX has no names for. What is the same has the same key in every run."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

_ROOT = "aurorax"
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_PART = 120
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)

Triple = tuple[str, str, str]
"""Program, platform and instrument type: what a data source goes by."""


def canonical(document: Any, *, allow_nan: bool = True) -> str:
    """Write JSON so that equal documents are equal texts. Raises ValueError for what is not allowed in it."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=allow_nan)


def mark(text: str) -> str:
    """Return 8 hexadecimal digits that tell a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def part(name: str) -> str:
    """Turn a name into a part of a key that every file system takes; odd characters become `_`."""
    safe = _ODD.sub("_", name).strip(".") or "_"
    if len(safe) > _LONGEST_PART:
        safe = f"{safe[:_LONGEST_PART]}-{mark(name)}"
    return f"_{safe}" if _RESERVED.fullmatch(safe) else safe


def directories(triples: Iterable[Triple]) -> dict[Triple, str]:
    """Give each source its directory; those that differ in odd characters or case alone get marks."""
    plain = {triple: "/".join(map(part, triple)) for triple in triples}
    owners: dict[str, list[Triple]] = {}
    for triple, place in plain.items():
        owners.setdefault(place.lower(), []).append(triple)
    return {
        triple: place if len(owners[place.lower()]) == 1 else f"{place}-{mark(canonical(triple))}"
        for triple, place in plain.items()
    }


def ephemeris_key(directory: str, window: str, conditions: str) -> str:
    """Name the document of a source's window; one that was filtered is another document."""
    return f"{_ROOT}/ephemeris/{directory}/{window}{f'-{mark(conditions)}' if conditions else ''}.json"


def conjunctions_key(name: str, search: str) -> str:
    """Name the document of a conjunction search, which its query alone tells from others."""
    return f"{_ROOT}/conjunctions/{f'{part(name)}-' if name else ''}{mark(search)}.json"


def product_key(directory: str, record: Mapping[str, Any]) -> str:
    """Name a product's file by its URL's last part; with a mark if that does not tell its day.

    A name that returns every day, `keogram.jpg` say, would otherwise be taken for that of the day before.
    """
    url, day = str(record["url"]), str(record["start"])[:10]
    kind = part(str(record["data_product_type"]))
    name = part(unquote(_path_of(url)).rpartition("/")[2] or "product")
    if day.replace("-", "") not in name.replace("-", "").replace("_", ""):
        name = marked(name, url)
    return f"{_ROOT}/{directory}/{kind}/{part(day[:4])}/{part(day[5:7])}/{name}"


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # it is none, which whoever would go there is told
        return url


def marked(key: str, url: str) -> str:
    """Put the mark of a URL before the extension."""
    stem, dot, extension = key.rpartition(".")
    if not dot or "/" in extension:
        stem, extension = key, ""
    return f"{stem}-{mark(url)}{dot if extension else ''}{extension}"
