"""The place of the data directory: room, and whether files are committed as they should be."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imap_bulk.doctor.finding import Finding, ok, problem, warning
from imap_bulk.engine.commit import fsync_directory

_LITTLE_BYTES, _LITTLE_INODES = 1_000_000_000, 10_000
_TOO_FEW_BYTES, _TOO_FEW_INODES = 50_000_000, 100


@contextmanager
def trial_place(data_dir: Path) -> Iterator[Path | None]:
    """Make a directory for trials where `data_dir` is, and remove it; None where that is impossible."""
    try:
        trial = tempfile.TemporaryDirectory(prefix=".imap-bulk-doctor-", dir=_nearest(data_dir))
    except OSError:
        yield None
        return
    with trial as place:
        yield Path(place)


def _nearest(path: Path) -> Path:
    """Return the nearest directory that is there already."""
    absolute = path.absolute()
    # Path.is_dir raises PermissionError for what is behind a closed directory.
    return next(place for place in (absolute, *absolute.parents) if os.path.isdir(place))  # noqa: PTH112


def _in_the_way(path: Path) -> Path | None:
    """Return the file that stands where `path` or a directory on the way to it belongs."""
    absolute = path.absolute()
    first_there = next(place for place in (absolute, *absolute.parents) if os.path.lexists(place))
    return None if os.path.isdir(first_there) else first_there  # noqa: PTH112  as below


def why_no_directory(path: Path) -> str:
    """Say of what stands where a directory belongs that it is none."""
    # Path.exists raises at what is behind a closed directory.
    return "is a file and no directory" if os.path.exists(path) else "is a link that leads nowhere"  # noqa: PTH110


def check(data_dir: Path, place: Path | None) -> Iterator[Finding]:
    """Look at the place of `data_dir`; `place` is a directory beside it for trials, if one can be made."""
    if file := _in_the_way(data_dir):
        remedy = "choose another place by --data-dir or IMAP_DATA_DIR"
        yield problem("directory", f"{_shown(file)} {why_no_directory(file)}", remedy)
        return
    nearest = _nearest(data_dir)
    yield check_space(shutil.disk_usage(nearest).free)
    if os.name != "nt":
        status = os.statvfs(nearest)
        yield check_inodes(status.f_favail if status.f_files else None)
    if place:
        yield check_commit(place)
    else:
        remedy = "allow this user to write there, or choose another place by --data-dir or IMAP_DATA_DIR"
        yield problem("commit", f"nothing can be written to {_shown(nearest)}", remedy)


def _shown(path: Path) -> str:
    """Show a path without the name of whose home it is in."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def check_space(free: int) -> Finding:
    """Judge the free bytes."""
    said, remedy = f"{free / 1e9:.1f} GB are free", "make room, or choose another place by --data-dir"
    if free < _TOO_FEW_BYTES:
        return problem("space", said, remedy)
    return warning("space", said, remedy) if free < _LITTLE_BYTES else ok("space", said)


def check_inodes(free: int | None) -> Finding:
    """Judge how many more files there may be; None where the file system keeps no count."""
    if free is None:
        return ok("inodes", "not counted on this file system")
    said, remedy = f"{free:,} more files may be made", "remove files, or choose another place by --data-dir"
    if free < _TOO_FEW_INODES:
        return problem("inodes", said, remedy)
    return warning("inodes", said, remedy) if free < _LITTLE_INODES else ok("inodes", said)


def check_commit(place: Path) -> Finding:
    """Try in `place` what a commit rests on: an exclusive create, fsync, rename, fsync of the directory."""
    step = "exclusive create"
    try:
        fd = _create(place / ".trial.part")
        try:
            if not _is_exclusive(place / ".trial.part"):
                remedy = "let no two runs share this data directory at a time"
                return problem("commit", "a file that is there can be created once more", remedy)
            step = "write and fsync"
            os.write(fd, b"trial")
            os.fsync(fd)
        finally:
            os.close(fd)
        step = "rename"
        (place / ".trial.part").replace(place / "trial")
        step = "fsync of a directory"
        fsync_directory(str(place))
    except OSError as error:
        remedy = "choose another place by --data-dir; --no-fsync where only fsync fails"
        return problem("commit", f"{step} fails here: {error.strerror}", remedy)
    return ok("commit", "exclusive create, fsync and rename work")


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _is_exclusive(path: Path) -> bool:
    try:
        os.close(_create(path))
    except FileExistsError:
        return True
    return False
