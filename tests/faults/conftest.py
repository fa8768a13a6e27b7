"""What the tests of faults share: one filled archive, and servers over it that fail on purpose."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.faults.bench import SIZES, SMALL, Bench, copy_of, key_of, name_of

from imap_bulk.engine import partial
from imap_bulk.server.app import ArchiveServer, ServerOptions

Faulty = Callable[..., Awaitable[Bench]]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Fill one archive for all tests that only pull; return its root, and the sha256 of its files by key."""
    root = tmp_path_factory.mktemp("library") / "archive"
    names = {name_of(size): n_bytes for size, n_bytes in SIZES.items()} | dict.fromkeys(SMALL, SIZES["small"])
    archived: dict[str, str] = {}

    async def fill() -> None:
        async with ArchiveServer(ServerOptions(root)) as server:
            for name, n_bytes in names.items():
                content = hashlib.shake_128(name.encode()).digest(n_bytes)
                await server.add(name, content)
                archived[key_of(name)] = hashlib.sha256(content).hexdigest()

    asyncio.run(fill())
    return root, archived


@pytest.fixture
async def faulty(library: tuple[Path, dict[str, str]], tmp_path: Path, lane: str) -> AsyncIterator[Faulty]:
    """Start servers over the library that commit the faults of a SPEC; tests of it run in each lane."""
    root, archived = library
    async with AsyncExitStack() as stack:
        begun = 0

        async def begin(spec: str, seed: int = 0, **options: Any) -> Bench:
            nonlocal begun
            begun += 1
            if "root" not in options:
                options["root"] = copy_of(root, tmp_path / f"archive{begun}")
            chosen = ServerOptions(**{"root": root, "grace": 0.1, "chaos": spec, "seed": seed, **options})
            server = await stack.enter_async_context(ArchiveServer(chosen))
            return Bench(server, tmp_path / f"data{begun}", dict(archived), lane)

        yield begin


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a ranged download ask for 128 KiB at a time."""
    monkeypatch.setattr(partial, "BLOCK_BYTES", 1 << 17)
    return 1 << 17
