"""Writes the lines of a manifest, so that they are read again as they were meant."""

from collections.abc import Iterable, Iterator

from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.manifest.entries import Entry, read_text


def write(files: Iterable[tuple[str, Digest | None, int | None]]) -> Iterator[str]:
    r"""Yield the lines of a manifest, each with its `\n`: `digest  key`, or the key alone without a digest.

    Sizes are left out, for no such line can hold one. If all digests are of one kind, the tool of that name
    checks the manifest, as in `sha256sum -c`. Raises `BadName` for a key that would be misread.
    """
    for key, digest, _ in files:
        line = _sum_line(digest, key) if digest else key
        try:
            told = read_text(line, "a written line")
        except BadManifest:
            told = []
        if told != [Entry(1, key, digest)]:
            remedy = "list it in JSON" if is_utf8(key) else "rename what in it is no UTF-8"
            raise BadName(f"{key!r} cannot be written on a line of a manifest; {remedy}")
        yield line + "\n"


def is_utf8(text: str) -> bool:
    """Whether a text was UTF-8 where it was typed, or in the name of a file."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sum_line(digest: Digest, key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == key else "\\"
    return f"{mark}{digest.value}  {escaped}"
