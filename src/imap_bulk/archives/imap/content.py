"""What came in place of a file: a login page, or storage's error document."""

import os
import re
from pathlib import Path

from imap_bulk.errors import Garbled
from imap_bulk.model import Transfer

_LOOKED_AT_BYTES = 512
_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head)\b", re.IGNORECASE | re.DOTALL)
_S3_ERROR = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<Error\b")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def check(transfer: Transfer, part: Path) -> None:
    """Refuse a web page or storage's error document that came in place of the file. Raises Garbled.

    Whatever has the digest that was asked for is the file.
    """
    if transfer.digest:
        return
    head = _first_bytes(part).removeprefix(_BYTE_ORDER_MARK)
    if _PAGE.match(head) and not transfer.key.endswith((".html", ".htm")):
        raise Garbled(f"{transfer.key}: a web page came in place of the file; does a login page stand between?")
    if _S3_ERROR.match(head) and not transfer.key.endswith(".xml"):
        raise Garbled(f"{transfer.key}: storage's error document came in place of the file")


def _first_bytes(path: Path) -> bytes:
    # A file object costs a small file three times as much.
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return os.read(fd, _LOOKED_AT_BYTES)
    finally:
        os.close(fd)
