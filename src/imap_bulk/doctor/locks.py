"""Whether a lock keeps a second process out: shared file systems may only pretend."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from imap_bulk.doctor.finding import Finding, ok, warning

# In a process of its own: SQLite itself keeps two handles of one process apart, whatever the file system does.
_SECOND = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, uri=True, isolation_level=None).execute("BEGIN EXCLUSIVE")
except sqlite3.OperationalError as error:
    sys.exit(3 if "locked" in str(error) else 4)
"""
_KEPT_OUT = 3


def check(place: Path, options: str = "") -> Finding:
    """Lock a database in the directory `place`, opened with these URI options, and try it from another process."""
    uri = f"{(place / 'locks.sqlite3').absolute().as_uri()}{options}"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as database:
        try:
            database.execute("CREATE TABLE tried (x)")
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            remedy = "runs here work without a journal, and look at each file anew"
            return warning("locks", f"no file can be locked here ({error})", remedy)
        second = [sys.executable, "-I", "-S", "-c", _SECOND, uri]
        ran = subprocess.run(second, check=False, stderr=subprocess.DEVNULL)  # noqa: S603  ourselves
    if ran.returncode == _KEPT_OUT:
        return ok("locks", "a second process is kept out")
    if ran.returncode:
        remedy = "look for what keeps this Python from starting another one"
        return warning("locks", "whether a lock keeps anybody out could not be tried", remedy)
    remedy = "let no two runs share this data directory at a time: files are safe, the journal's records are not"
    return warning("locks", "a lock keeps nobody out on this file system", remedy)
