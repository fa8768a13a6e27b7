"""Proxy, certificates, names: what is found, and that no password is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.canaries import PROXY_PASSWORD

from imap_bulk.doctor.network import check_certificates, check_name, check_proxy
from imap_bulk.transport.names import Address
from imap_bulk.transport.proxies import proxy_for

HOST = "archive.example"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take away what this machine's environment says of proxies and certificates."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    proxy_for.cache_clear()
    yield
    proxy_for.cache_clear()


async def nowhere(host: str) -> list[Address]:
    raise OSError(-2, "Name or service not known")


async def twice(host: str) -> list[Address]:
    return [Address(2, "192.0.2.1"), Address(10, "2001:db8::1")]


def test_no_proxy_is_fine() -> None:
    assert check_proxy("https", HOST).state == "ok"


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://user:{PROXY_PASSWORD}@proxy.example:3128")
    found = check_proxy("https", HOST)
    assert found.state == "ok"
    assert found.said == "http://proxy.example:3128 (its password is not shown)"


def test_a_proxy_that_speaks_no_http_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"socks5://user:{PROXY_PASSWORD}@proxy.example")
    found = check_proxy("https", HOST)
    assert found.state == "problem"
    assert PROXY_PASSWORD not in f"{found}"


def test_plain_http_needs_no_certificates() -> None:
    assert check_certificates("http").state == "ok"


def test_a_bundle_that_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    found = check_certificates("https")
    assert (found.state, found.remedy) == ("problem", "correct or unset SSL_CERT_FILE")


@pytest.mark.parametrize("content", ["no certificate", ""])
def test_a_bundle_without_certificates_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    found = check_certificates("https")
    assert (found.state, found.remedy) == ("problem", "correct or unset SSL_CERT_FILE")
    assert found.said == f"SSL_CERT_FILE names {bundle}, which holds no certificate"


def test_a_variable_that_only_others_read_is_worth_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/company.pem")
    found = check_certificates("https")
    assert found.state == "warning"
    assert "SSL_CERT_FILE" in found.remedy


async def test_a_name_with_addresses_is_fine() -> None:
    found = await check_name("https", HOST, twice)
    assert found.state == "ok"
    assert found.said.startswith("archive.example has 2 addresses, ")


async def test_a_name_without_address_is_a_problem() -> None:
    found = await check_name("https", HOST, nowhere)
    assert found.state == "problem"
    assert found.said == "archive.example has no address (Name or service not known)"


async def test_a_name_is_left_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert (await check_name("https", HOST, nowhere)).state == "ok"
