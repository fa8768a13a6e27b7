"""Writes the page, the lines and the provenance record, each under its name only when it is whole."""

import os
from collections.abc import Iterable
from pathlib import Path

from imap_bulk.report.lines import lines
from imap_bulk.report.page import page
from imap_bulk.report.provenance import document
from imap_bulk.report.recorder import Recorder


def write(recorder: Recorder, path: Path) -> None:
    """Write the page to `path`; beside it, with other endings, `.jsonl` and `.prov.json`. Raises OSError."""
    run = recorder.record()
    _write(path, [page(run)])
    _write(path.with_suffix(".jsonl"), lines(run))
    _write(path.with_suffix(".prov.json"), document(run, recorder.files))


def _write(path: Path, texts: Iterable[str]) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(texts)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
