"""A real Chromium, an archive of its own for every test, and a page that must not complain."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import pytest_asyncio

from imap_bulk.filenames import FileName, Kind, parse
from imap_bulk.server.app import CATALOG_NAME, ArchiveServer, ServerOptions
from imap_bulk.server.catalog import Catalog, StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from playwright.async_api import Browser, ConsoleMessage, Page

SCREENSHOTS = Path(__file__).parents[2] / "dist" / "screenshots"
"""Kept by CI, ignored by git."""

NAMES = [
    *(f"imap_mag_l2_norm-gse_202601{day:02}_v001.0001.cdf" for day in (1, 2, 3, 5, 6, 9, 10, 12)),
    *(f"imap_swe_l1a_sci_202601{day:02}_v002.0001.cdf" for day in range(2, 12)),
    "imap_lo_l1b_de_20260104-repoint00112_v001.0003.cdf",
    "imap_lo_l1b_de_20260108-repoint00116_v001.0002.cdf",
    "imap_mag_l2-calibration_20260101_20260131_v001.cdf",
    "naif0012.tls",
]
MISSING_OF_MAG = 4
HOSTILE = '<img src=x onerror="document.title=1">_v001.0001.cdf'


class Archive:
    """An embedded archive, and its catalog to be written past its rules."""

    def __init__(self, server: ArchiveServer, root: Path) -> None:
        self.server = server
        self.url = server.url
        self._root = root

    async def add(self, *names: str) -> None:
        for name in names:
            await self.server.add(name, name.encode())

    async def list_only(self, names: Iterable[str]) -> None:
        """Write catalog rows without objects, all in one transaction or a few."""
        await self._write([parse(name) for name in names])

    async def list_hostile(self) -> None:
        """List a name that no upload could have."""
        key = f"imap/mag/l2/2026/01/{HOSTILE}"
        await self._write(
            [FileName(HOSTILE, Kind.SCIENCE, key, "cdf", "mag", "l2", "<b>x</b>", "20260120", version="v001.0001")]
        )

    async def _write(self, files: list[FileName]) -> None:
        catalog = Catalog(self._root / CATALOG_NAME)
        stored = StoredObject(1, "0" * 32, "0" * 64, 1_768_000_000)
        await asyncio.gather(*(catalog.add(file, stored) for file in files))
        catalog.close()


class Open(Protocol):
    """Opens the page of an archive."""

    async def __call__(self, archive: Archive, path: str = "/", **context: Any) -> Page: ...


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Browser]:
    playwright = pytest.importorskip(
        "playwright.async_api", reason="Playwright, which tests the page, is not installed"
    )
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    # The sandbox of Chromium refuses to be root, as CI is.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def start(tmp_path: Path) -> AsyncIterator[Any]:
    """Start archives with options of a test's own."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> Archive:
            root = tmp_path / "archive"
            server = await stack.enter_async_context(ArchiveServer(ServerOptions(root, grace=0.5, **options)))
            return Archive(server, root)

        yield begin


@pytest_asyncio.fixture(loop_scope="session")
async def archive(start: Any) -> Archive:
    archive: Archive = await start()
    await archive.add(*NAMES)
    return archive


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium: Browser) -> AsyncIterator[Open]:
    """Open pages; afterwards, none may have failed or run against its policy."""
    complaints: list[str] = []

    def note_violation(said: ConsoleMessage) -> None:
        if "Security Policy" in said.text:
            complaints.append(said.text)

    async with AsyncExitStack() as stack:

        async def go(archive: Archive, path: str = "/", **context: Any) -> Page:
            options = {"viewport": {"width": 1360, "height": 940}, "reduced_motion": "reduce", **context}
            opened = await chromium.new_context(**options)
            stack.push_async_callback(opened.close)
            page = await opened.new_page()
            page.set_default_timeout(10_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", note_violation)
            await page.goto(archive.url + path)
            await page.wait_for_selector("body.ready")
            return page

        yield go
    assert not complaints
