"""LSST's archive keeps to what every archive does; its images lie on a host of their own here."""

from collections.abc import Awaitable, Callable

import pytest
from tests import canaries
from tests.archives.lsst.conftest import Script
from tests.archives.lsst.test_archive import image
from tests.contracts import ArchiveContract, Archived

from imap_bulk.archives.lsst import ImageQuery, LsstArchive
from imap_bulk.model import RemoteFile
from imap_bulk.settings import Settings

WHOLE = image("IMAGE", "MASK", "VARIANCE")
LIST = "/meta/v0/image/L2/DR1/calexp"


class TestLsst(ArchiveContract):
    @pytest.fixture
    async def archived(self, play: Callable[[], Awaitable[Script]]) -> Archived:
        api, images = await play(), await play()
        api.says(f"GET {LIST}", [f"{images.url}/{number}" for number in range(3)])
        for number in range(3):
            images.sends(f"GET /{number}", WHOLE)
        return Archived(
            LsstArchive(api.url, canaries.API_KEY, Settings(wait_base=0)),
            ImageQuery.of("L2", "DR1", "calexp"),
            lambda _, body: body == WHOLE,
            3,
            RemoteFile("lsst/L2/DR1/calexp/99.fits"),
            (request.headers for request in images.requests),
        )
