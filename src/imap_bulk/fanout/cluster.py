"""A Dask cluster, joined or made of this machine's processes, for as long as a run lasts."""

import logging
import os
import pickle
import re
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from distributed import Client, LocalCluster
from distributed.comm.core import CommClosedError
from distributed.core import RPCClosed
from distributed.utils import silence_logging_cmgr

from imap_bulk.archives.base import Archive
from imap_bulk.engine.attempts import Report
from imap_bulk.errors import BadQuery, Interrupted
from imap_bulk.fanout.dealing import Dealer
from imap_bulk.journal import DIRECTORY
from imap_bulk.model import Transfer
from imap_bulk.settings import Settings

if TYPE_CHECKING:  # needs the extra s3
    from imap_bulk.delivery import Destination

_ADDRESS = re.compile(
    r"local:(?P<count>[1-9][0-9]{0,3})"
    r"|(?:tcp|tls|ws|wss)://(?:\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+):(?P<port>[1-9][0-9]{0,4})"
)
_LAST_PORT = 65_535
_SCHEDULER_GONE = (CancelledError, CommClosedError, RPCClosed)
"""What Dask raises here; of the same in a worker, others are told."""


@dataclass(slots=True)
class Fanout:
    """Moves transfers on the Dask cluster at `address`, or on N processes of this machine for `local:N`.

    Give `Fanout(address).move` to `bulk.pull`. Raises BadQuery for an address that is none.
    """

    address: str
    destination: "Destination | None" = None
    """Where workers deliver files, if not to the data directory: then they need not see that."""
    connect_timeout: float = 30.0
    patience: float = 60.0
    """Seconds without any worker after which the run gives up."""

    def __post_init__(self) -> None:
        match = _ADDRESS.fullmatch(self.address)
        if not match or int(match["port"] or 0) > _LAST_PORT:
            raise BadQuery(f"{self.address!r} is no Dask cluster; write tcp://HOST:PORT or local:N")

    async def move(
        self,
        archive: Archive,
        transfers: Iterable[Transfer],
        count: int,
        root: Path,
        settings: Settings,
        report: Report,
    ) -> None:
        """Move `transfers`, of which there are `count`, below `root` and report how each ended, once.

        Raises Interrupted when the cluster is out of reach or has no workers left, and whatever ended a worker's
        engine, OSError for one.
        """
        root = root.absolute()
        # Dask tells what is told below by logging as well, with pages of tracebacks.
        with _token(root) as token, silence_logging_cmgr(logging.CRITICAL, "distributed.client"):
            async with AsyncExitStack() as stack:
                client = await self._connect(stack)
                kit = pickle.dumps((archive, root, self.destination))
                dealer = Dealer(client, kit, token, settings, report, transfers, count)
                client.subscribe_topic(dealer.topic, dealer.hear)  # type: ignore[no-untyped-call]
                try:
                    await dealer.to_the_end(self.patience)
                except _SCHEDULER_GONE as error:
                    raise Interrupted(
                        f"the Dask scheduler at {self.address} is gone, or has dropped the work; see that it runs"
                    ) from error

    async def _connect(self, stack: AsyncExitStack) -> Client:
        address: Any = self.address
        scheme, _, count = self.address.partition(":")
        if scheme == "local":
            address = await stack.enter_async_context(_processes(int(count)))
        timeout = f"{self.connect_timeout} s"
        try:
            client = Client(address, asynchronous=True, timeout=timeout)  # type: ignore[no-untyped-call]
            return cast(Client, await stack.enter_async_context(client))
        except OSError as error:
            raise Interrupted(f"no Dask scheduler answers at {self.address}: {error}") from error


def _processes(count: int) -> LocalCluster:
    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=count,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        asynchronous=True,
        silence_logs=logging.CRITICAL,
    )


@contextmanager
def _token(root: Path) -> Iterator[Path]:
    """Put a token below the data directory for as long as the run lasts. Raises OSError."""
    token = root / DIRECTORY / f"run-{secrets.token_hex(8)}"
    token.parent.mkdir(parents=True, exist_ok=True)
    token.write_text(f"{os.getpid()}\n")
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)
