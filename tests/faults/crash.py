"""Runs imap-bulk and dies, as if by kill -9, at the Nth passing of a named point of the commit.

python -m tests.faults.crash POINT N ARGUMENTS...
"""

import os
import stat
import sys
import threading
from collections.abc import Callable
from typing import Any

from imap_bulk import cache
from imap_bulk.cli.main import main
from imap_bulk.journal import journal

KILLED = 137


def crash_at(point: str, number: int) -> None:
    """Arrange the crash: before the step is done at odd numbers, after it at even ones."""
    passed = 0
    counting = threading.Lock()

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            with counting:  # steps of several transfers run in threads
                passed += 1
                is_the_one = passed == number
            if is_the_one and number % 2:
                os._exit(KILLED)
            result = step(*args, **kwargs)
            if is_the_one:
                os._exit(KILLED)
            return result

        return wrapper

    POINTS[point](dying)


def _write(dying: Callable[..., Any]) -> None:
    os.pwrite = dying(os.pwrite)


def _fsync(dying: Callable[..., Any], of_directory: bool = False) -> None:
    fsync = os.fsync
    counted = dying(fsync)

    def choose(fd: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
        (counted if is_directory is of_directory else fsync)(fd)

    os.fsync = choose  # type: ignore[assignment]


def _rename(dying: Callable[..., Any]) -> None:
    replace = os.replace
    counted = dying(replace)

    def choose(source: Any, target: Any) -> None:
        is_commit = os.fspath(source).endswith(".part")
        (counted if is_commit else replace)(source, target)

    os.replace = choose  # type: ignore[assignment]


def _cache(dying: Callable[..., Any]) -> None:
    cache._copy = dying(cache._copy)


def _journal(dying: Callable[..., Any]) -> None:
    journal._BATCH = 1
    journal.Journal.flush = dying(journal.Journal.flush)  # type: ignore[method-assign]


POINTS: dict[str, Callable[[Callable[..., Any]], None]] = {
    "write": _write,
    "fsync": _fsync,
    "rename": _rename,
    "fsync-directory": lambda dying: _fsync(dying, of_directory=True),
    "cache": _cache,
    "journal": _journal,
}

if __name__ == "__main__":
    crash_at(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    main()
