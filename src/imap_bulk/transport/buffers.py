"""The memory that answers are received into, and written from."""

HEAD_BYTES = 64 << 10
"""Longest head that is read; also the memory of a connection that has only seen small bodies."""

PIECE_BYTES = 1 << 20
"""How much of a long body is handed over at once: 256 KiB cost a sixth of the rate, 4 MiB gain nothing."""

MARGIN_BYTES = 4 << 10
"""Room for what nobody announced: left in the kernel, it would be taken for the next answer."""


class BufferPool:
    """Large buffers that are used again, since fresh memory has to be faulted in page by page."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def lend(self, due: int) -> bytearray:
        """Give a buffer for one piece of a body of which so many bytes are due."""
        if due <= HEAD_BYTES - MARGIN_BYTES:  # the end of a small one: 64 of them at once took 64 MiB
            return bytearray(HEAD_BYTES)
        return self._free.pop() if self._free else bytearray(PIECE_BYTES + MARGIN_BYTES)

    def take_back(self, buffer: bytearray) -> None:
        """Keep a large buffer for whoever asks next."""
        if len(buffer) > HEAD_BYTES:
            self._free.append(buffer)
