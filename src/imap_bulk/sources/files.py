"""Files to pull, of names, archive paths and manifests."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from imap_bulk import filenames, manifest, usual
from imap_bulk.errors import BadName
from imap_bulk.listing import Lines, Listed, ListedFiles
from imap_bulk.manifest import Entry, Problem, Run
from imap_bulk.sources.checking import Problems, checked, is_manifest, lines_of

_UNSAFE_IN_KEYS = re.compile(r"[\x00-\x1f\x7f-\x9f\\:\ud800-\udfff]")

_OF_MANIFESTS = {".txt", ".jsonl", ".sums", ".sha256", ".sha512", ".md5"}
"""How the names of manifests end, and object keys do not."""


def files_of(sources: Iterable[str]) -> ListedFiles:
    """Turn names, archive paths and manifests into the files they mean, each once. Raises BadManifest at once."""
    return ListedFiles(checked(sources, _files_in))


def _files_in(source: str, problems: Problems) -> Iterator[Listed | Lines]:
    if not is_manifest(source):
        yield Listed(problems.number, None, source, _key_of_source(source))
        return
    for told in manifest.scan_runs(lines_of(source), problems.name, usual.names_on):
        if isinstance(told, Run):
            yield Lines(problems.number, *told)
        elif isinstance(told, Problem):
            problems.add(told.line, told.text)
        elif file := _file_of(told, problems):
            yield file


def _file_of(entry: Entry, problems: Problems) -> Listed | None:
    try:
        key = key_of(entry.path)
    except BadName as error:
        problems.add(entry.line, error)
        return None
    digest = str(entry.digest) if entry.digest else None
    return Listed(problems.number, entry.line, entry.path, key, None, entry.size, digest)


def _key_of_source(source: str) -> str:
    if "/" in source and not source.startswith("imap/") and Path(source).suffix in _OF_MANIFESTS:
        raise BadName(f"there is no manifest file {source}; check the path")
    try:
        return key_of(source)
    except BadName as error:
        if Path(source).is_dir():
            raise BadName(f"{source} is a directory; give names of files, or a manifest of them") from None
        if Path(source).suffix and "/" not in source:
            raise BadName(f"{error}; and there is no manifest file of that name") from None
        raise


def key_of(path: str) -> str:
    """Return the object key: found from a bare name, or `path` as written if it has directories.

    Raises BadName.
    """
    while path.startswith("./"):
        path = path[2:]
    if "/" not in path:
        return filenames.parse(path).key
    parts = path.split("/")
    if not all(parts) or not {".", ".."}.isdisjoint(parts):
        raise BadName(
            f"{path!r} is no object key; one is relative and has no empty part, '.' or '..', as in imap/…"
        )
    if match := _UNSAFE_IN_KEYS.search(path):
        raise BadName(f"{path!r} is no object key; it holds the character {match[0]!r}")
    return path if parts[0] == "imap" else _spice_key(path) or path


def _spice_key(path: str) -> str | None:
    """Complete what the archive's SPICE records call a file: its key without `imap/spice/`."""
    try:
        key = filenames.parse(path.rpartition("/")[2], lenient=True).key
    except BadName:
        return None
    return key if key == f"imap/spice/{path}" else None
