"""`GET /release`: what is withheld becomes public, or the other way round, as the handler of mid 2026 does it.

A manifest is an archived file with one archive path per line; it is fetched as any client would. Ancillary files
are public from the start, so a release by dates is about science files alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing

from imap_bulk import filenames
from imap_bulk.errors import BadName
from imap_bulk.filenames import FileName, Kind
from imap_bulk.server.catalog import Catalog, Condition, Search, Versions
from imap_bulk.server.imap.query import BadParameter, day

Read = Callable[[str], Awaitable[str]]
"""Object key -> text."""

_PARAMETERS = [
    "instrument", "start_date", "end_date", "release_type", "exclude_file", "manifest_file", "release_number",
]  # fmt: skip
_TYPES = ["release", "unrelease", "early-release"]
_NUMBER_NEEDED = (
    "'release_number' query parameter is required when 'release_type' is 'release'. Please provide a "
    "release_number indicating which release batch to apply. For example, withhold files with "
    "'release_number=1' will be included in the first release batch, 'release_number=2' in the second, and so on."
)


async def release(catalog: Catalog, read: Read, parameters: Mapping[str, str]) -> str:
    """Release or withhold; return what is said of it. Raises BadParameter; LookupError for what breaks theirs."""
    kind = _release_type(parameters)
    if kind == "release":
        return await _release_dates(catalog, read, parameters)
    listed = await _listed(read, parameters["manifest_file"])
    science, ancillary = (
        [key for key in listed if listed[key] is kind] for kind in (Kind.SCIENCE, Kind.ANCILLARY)
    )
    early = kind == "early-release"
    if not science and not ancillary:
        raise BadParameter(
            "No files found in the manifest file."
            if early
            else "The manifest file does not contain any science or ancillary files."
        )
    await catalog.release([*science, *ancillary], released=early)
    done = "early released" if early else "unreleased"
    return f"Successfully {done} {len(science)} science files and {len(ancillary)} ancillary files."


def _release_type(parameters: Mapping[str, str]) -> str:
    kind = parameters["release_type"]
    if kind not in _TYPES:
        raise BadParameter(f"'{kind}' is not a valid release_type. Valid options are: {_TYPES}")
    if kind == "release" and "release_number" not in parameters:
        raise BadParameter(_NUMBER_NEEDED)
    for name in parameters:
        if name not in _PARAMETERS:
            raise BadParameter(
                f"'{name}' is not a valid query parameter. Valid query parameters are: {_PARAMETERS}"
            )
    return kind


async def _release_dates(catalog: Catalog, read: Read, parameters: Mapping[str, str]) -> str:
    """Release the newest version of every series of an instrument that starts between two days, both included."""
    instrument, number = parameters["instrument"], int(parameters["release_number"])
    first, last = day(parameters["start_date"]), day(parameters["end_date"])
    left_out = await _listed(read, parameters["exclude_file"]) if "exclude_file" in parameters else {}
    search = Search(
        Kind.SCIENCE,
        (
            Condition("instrument", "=", instrument),
            Condition("start_date", ">=", parameters["start_date"]),
            Condition("start_date", "<=", parameters["end_date"]),
        ),
        Versions.NEWEST,
    )
    with closing(catalog.search(search)) as rows:
        keys = [row["key"] for row in rows if row["key"] not in left_out]
    if not keys:
        days = " to ".join(f"{each.tm_year}-{each.tm_mon:02}-{each.tm_mday:02} 00:00:00" for each in (first, last))
        raise BadParameter(f"No files to release for the specified {instrument}, {days}, and {number}.")
    await catalog.release(keys, released=True)
    return f"Successfully released {len(keys)} science files and 0 ancillary files."


async def _listed(read: Read, manifest: str) -> dict[str, Kind]:
    """Return what a manifest lists, by archive path. Raises ValueError for a line that is no name."""
    text = await read(_file(manifest).key)
    files = map(_file, filter(None, map(str.strip, text.splitlines())))
    return {file.key: file.kind for file in files}


def _file(path: str) -> FileName:
    try:
        return filenames.parse(path.rpartition("/")[2])
    except BadName as fault:
        raise ValueError(str(fault)) from None
