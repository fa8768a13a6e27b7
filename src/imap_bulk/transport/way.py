"""How long the way to a host is, as the opening of a connection shows before any answer does."""

from collections.abc import Callable
from contextvars import ContextVar

Hear = Callable[[float], None]

hearing: ContextVar[Hear | None] = ContextVar("hearing", default=None)
"""Who, in this task, wants to hear how many seconds a connection took to open: one round trip."""


def tell(seconds: float) -> None:
    """Tell whoever waits for the connection."""
    hear = hearing.get()
    if hear:
        hear(seconds)
