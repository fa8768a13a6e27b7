"""What a person names on a command line or in a notebook, as files to pull or to push.

A source is a file name, an archive path, a manifest file, a data file, a directory, or `-` for a manifest on
standard input. Whatever is wrong with any of them is found before anything moves, and told at once.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from imap_bulk import filenames, manifest
from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.model import Direction, RemoteFile, Transfer

STANDARD_INPUT = "-"


def to_pull(sources: Iterable[str]) -> list[RemoteFile]:
    """Turn names, archive paths and manifests into the files they mean. Raises BadManifest."""
    files: dict[str, RemoteFile] = {}
    problems: list[str] = []
    for source in sources:
        try:
            for file in _files_of(source):
                files.setdefault(file.key, file)
        except (BadManifest, BadName) as error:
            problems.append(str(error))
    _refuse(problems)
    return list(files.values())


def _files_of(source: str) -> Iterator[RemoteFile]:
    if source != STANDARD_INPUT and not _is_manifest_file(Path(source)):
        entries = [manifest.Entry(1, source)]
        yield from (RemoteFile(key) for _, key in manifest.keys(entries, "the command line"))
        return
    entries, name, _ = _read(source)
    for entry, key in manifest.keys(entries, name):
        yield RemoteFile(key, entry.size, entry.digest)


def to_push(sources: Iterable[str]) -> list[Transfer]:
    """Turn data files, directories and manifests into uploads. Raises BadManifest, BadName."""
    transfers: dict[str, Transfer] = {}
    problems: list[str] = []
    for source in sources:
        try:
            for transfer in _uploads_of(source):
                known = transfers.setdefault(transfer.key, transfer)
                if known.path.absolute() != transfer.path.absolute():
                    problems.append(f"{known.path} and {transfer.path} would both become {transfer.key}")
        except (BadManifest, BadName) as error:
            problems.append(str(error))
    _refuse(problems)
    return list(transfers.values())


def _uploads_of(source: str) -> Iterator[Transfer]:
    path = Path(source)
    if source == STANDARD_INPUT or _is_manifest_file(path):
        entries, name, base = _read(source)
        for entry, file, named in manifest.local_files(entries, base, name):
            yield Transfer(Direction.PUSH, named.key, file, entry.size, entry.digest)
        return
    for file in _data_files(path):
        yield _upload(file, None)


def _upload(path: Path, digest: Digest | None) -> Transfer:
    return Transfer(Direction.PUSH, filenames.parse(path.name).key, path, None, digest)


def _data_files(path: Path) -> list[Path]:
    """List the data files that a path stands for; hidden files, such as part files, are nobody's data."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(path)))
    bad = [f"{file}: {reason}" for file in found if (reason := _bad_name(file.name))]
    if bad:
        raise BadName(f"{path}: {len(bad)} of {len(found)} files have no name the archive takes", tuple(bad))
    if not found:
        raise BadName(f"{path}: no files are in this directory")
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _bad_name(name: str) -> str | None:
    try:
        filenames.parse(name)
    except BadName as error:
        return str(error)
    return None


def _is_manifest_file(path: Path) -> bool:
    """Tell whether a path is a file that is no data file by its name."""
    return path.is_file() and _bad_name(path.name) is not None


def _read(source: str) -> tuple[list[manifest.Entry], str, Path]:
    """Return a manifest's entries, its name for people, and where its relative paths begin."""
    if source == STANDARD_INPUT:
        name = "standard input"
        return manifest.read_text(sys.stdin.buffer.read(), name), name, Path()
    return manifest.read(Path(source)), source, Path(source).parent


def _refuse(problems: list[str]) -> None:
    if len(problems) == 1:
        raise BadManifest(problems[0])
    if problems:
        raise BadManifest("Nothing was moved:", tuple(problems))
