"""What served archives stand on: free ports, and a root that is removed again where none came to stand."""

import errno
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from imap_bulk.cli.ending import ExitCode
from imap_bulk.errors import BadBucket, PermanentError

LAST_PORT = 65_535


class NotServed(click.ClickException):
    """A port that cannot be listened on, or a root that cannot be stood on."""

    exit_code = ExitCode.MACHINE


def check_ports(host: str, ports: Mapping[int, str]) -> None:
    """See before anything is made, or imported for an hour, that ports are free. Raises NotServed.

    Of each port that is not 0, by the option that has led to it.
    """
    for port, option in ports.items():
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            said = "is in use already" if is_taken else f"cannot be listened on ({os.strerror(error.errno or 0)})"
            raise NotServed(f"port {port} {said}; choose another by {option}, or 0 for a free one") from None


@contextmanager
def fresh_root(root: Path) -> Iterator[None]:
    """Remove a root that was not there before, should archives fail to start; it stays if it holds data files.

    Raises NotServed for a root that another server holds, or that holds what is no catalog.
    """
    made = [directory for directory in (root, *root.parents) if not directory.exists()]
    try:
        yield
    except Exception as error:
        from imap_bulk.server.lock import RootInUse

        if made and not isinstance(error, RootInUse):  # then somebody else has made it meanwhile
            _remove(made)
        if isinstance(error, PermanentError) and not isinstance(error, BadBucket):
            raise NotServed(str(error)) from error
        raise


def _remove(made: list[Path]) -> None:
    """Remove directories, the innermost first, the first with the catalogs and locks in it."""
    root, *parents = made
    with suppress(OSError):
        if all(entry.name.startswith(".") for entry in root.iterdir()):
            shutil.rmtree(root)
        for parent in parents:
            parent.rmdir()
