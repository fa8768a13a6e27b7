"""Where a demonstration happens, how it runs commands, and how it tells of it."""

import asyncio
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from imap_bulk.errors import BulkError


class DemoFailed(BulkError):
    """A command of the demonstration did not end well."""


@contextmanager
def home_at(keep: Path | None) -> Iterator[Path]:
    """Give the directory that is to be kept, or else a temporary one. Raises OSError."""
    if keep:
        yield keep
        return
    with TemporaryDirectory(prefix="imap-bulk-demo-") as home:
        yield Path(home)


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands against the demonstration's archive, as a person would."""

    url: str
    home: Path

    async def run(self, *command: str) -> None:
        """Show a command line, then run it, its output where ours goes. Raises DemoFailed if it fails."""
        arguments = ("--url", self.url, "--data-dir", "pulled", *command)
        say(f"$ imap-bulk {shlex.join(arguments)}", before="")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "imap_bulk", *arguments, cwd=self.home
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            raise
        if code:
            raise DemoFailed(f"imap-bulk {command[0]} ended with code {code}; its output stands above")


def say(text: str, before: str = "\n") -> None:
    """Tell what comes next."""
    print(before + text, flush=True)
