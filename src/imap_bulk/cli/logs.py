"""Logging to standard error, which never shows a key or the query string of a signed URL."""

import logging
import re
from collections.abc import Callable, Collection

from imap_bulk.cli.console import LogLines

_QUERY_STRING = re.compile(r"\?[^\s'\"<>)\]]*(?:signature|x-amz-)[^\s'\"<>)\]]*", re.IGNORECASE)
_DEBUG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Discreet(logging.Formatter):
    """Formats records, tracebacks included, and cuts secrets out of the whole."""

    def __init__(self, secrets: Collection[str], form: str = "%(message)s") -> None:
        super().__init__(form)
        self._secrets = [secret for secret in secrets if secret]

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        return self.cut(super().format(record))

    def cut(self, text: str) -> str:
        """Take keys and signatures out of a text."""
        text = _QUERY_STRING.sub("?…", text)
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def start(level: int, secrets: Collection[str]) -> Callable[[], None]:
    """Log to standard error from now on; return what ends that."""
    root, handler = logging.getLogger(), LogLines()
    before = root.level
    handler.setFormatter(Discreet(secrets, _DEBUG_FORMAT if level == logging.DEBUG else "%(message)s"))
    root.addHandler(handler)
    root.setLevel(level)

    def stop() -> None:
        root.removeHandler(handler)
        root.setLevel(before)

    return stop
