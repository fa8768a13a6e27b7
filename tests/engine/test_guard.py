"""Where a signed URL or a redirect may lead. No connection to a forbidden address is ever tried."""

import socket

import pytest
from tests.engine.scripted import Storage, plain

from imap_bulk import errors
from imap_bulk.model import SignedUrl
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport
from imap_bulk.transport.guard import is_public
from imap_bulk.transport.names import Address

PUBLIC = "https://archive.example"

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "2002:7f00:1::",
    "not an address",
]


class FakeNames:
    """Knows a few names; asks nobody."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = {"archive.example": "93.184.216.34", **addresses}

    async def __call__(self, host: str) -> list[Address]:
        if host not in self.addresses:
            raise OSError(f"{host} is unknown")
        ip = self.addresses[host]
        return [Address(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)]


async def refused(lane: str, url: str, archive: str = PUBLIC, **addresses: str) -> errors.Rejected:
    async with StorageTransport(Settings(transport=lane), archive, FakeNames(**addresses)) as transport:
        with pytest.raises(errors.Rejected) as caught:
            await transport.get(SignedUrl("GET", url), {})
    return caught.value


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::", "::ffff:93.184.216.34"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE[:-1])
async def test_a_public_archive_cannot_send_us_to_a_private_address(lane: str, address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    await refused(lane, f"https://{host.replace('%', '%25')}/x?sig=1")


@pytest.mark.parametrize("address", PRIVATE[:-1])
async def test_a_name_is_judged_by_what_it_resolves_to(lane: str, address: str) -> None:
    error = await refused(lane, "https://storage.example/x?sig=1", **{"storage.example": address})
    assert "storage.example" in str(error)


async def test_numbers_that_only_a_resolver_reads_as_an_address_are_judged_too(lane: str) -> None:
    await refused(lane, "https://2130706433/x", **{"2130706433": "127.0.0.1"})


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://storage.example/x",
        "gopher://storage.example/x",
        "https:///x",
        "https://user:password@storage.example/x",
        "http://storage.example/x",
        "https://storage..example/x",
        "https://.storage.example/x",
        f"https://{'x' * 64}.example/x",
    ],
)
async def test_a_url_that_no_archive_should_send_is_refused(lane: str, url: str) -> None:
    error = await refused(lane, url, **{"storage.example": "93.184.216.34"})
    assert "password@" not in str(error)


async def test_an_archive_on_a_private_address_may_point_to_private_storage(lane: str, storage: Storage) -> None:
    storage.answers = [plain()]
    async with StorageTransport(Settings(transport=lane), storage.url) as transport:
        with await transport.get(SignedUrl("GET", f"{storage.url}/x"), {}) as response:
            assert response.status == 200
