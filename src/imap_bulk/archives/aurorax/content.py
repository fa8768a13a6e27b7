"""What a product's file looks like: the archive tells neither its size nor a digest, and its host sends pages."""

import re
from pathlib import Path

from imap_bulk.errors import Garbled
from imap_bulk.model import Proof

_LOOKED_AT_BYTES = 512
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head)\b", re.IGNORECASE | re.DOTALL
)
_MAGIC = {
    ".jpg": re.compile(rb"\xff\xd8\xff"),
    ".jpeg": re.compile(rb"\xff\xd8\xff"),
    ".png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    ".gif": re.compile(rb"GIF8[79]a"),
    ".mp4": re.compile(rb".{4}ftyp", re.DOTALL),
    ".pdf": re.compile(rb"%PDF-"),
}


def look_at(key: str, part: Path) -> Proof | None:
    """Tell whether a file begins as its extension says; None where that is no known one. Raises Garbled."""
    with part.open("rb") as file:
        head = file.read(_LOOKED_AT_BYTES)
    if _PAGE.match(head):
        raise Garbled(f"{key}: a web page came in place of the file; its host sends one when it has no such file")
    if not head:
        raise Garbled(f"{key}: an empty file came")
    magic = _MAGIC.get(Path(key).suffix.lower())
    if magic is None:
        return None
    if not magic.match(head):
        raise Garbled(f"{key}: what came does not begin as a {Path(key).suffix} file does")
    return Proof.FORM
