"""Manifests: lists of files with optional digests and sizes, in the forms that people and programs have them.

    plain          one path or name a line
    sums           what `sha256sum` and its sisters print and check, also their escaped and `--tag` lines
    CSV            with a header; what is no column of ours is ignored
    JSON Lines     an object a line
    JSON           an array of such objects, or of names: what the official client prints for a query

The content tells the form; plain lines and sums may be mixed. Everywhere but inside JSON, blank lines and lines
that begin with `#` say nothing. A manifest is read as it comes, line by line, so that it may have millions.

entries.py   what its lines say: entries, or problems
forms.py     its lines taken apart: plain, sums, CSV, JSON Lines
array.py     a JSON array, element by element
table.py     CSV, row by row
writing.py   lines that are read again
"""

from imap_bulk.manifest.entries import (
    Entry,
    Problem,
    Run,
    lines_of,
    read,
    read_text,
    refusal,
    scan,
    scan_runs,
)
from imap_bulk.manifest.writing import is_utf8, write

__all__ = [
    "Entry",
    "Problem",
    "Run",
    "is_utf8",
    "lines_of",
    "read",
    "read_text",
    "refusal",
    "scan",
    "scan_runs",
    "write",
]
