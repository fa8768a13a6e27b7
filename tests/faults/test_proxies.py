"""R11: through a proxy that the environment names: one that works, is down, refuses, or says nothing."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests import canaries
from tests.faults.clients import Ended
from tests.faults.networks import HOST, KEY, Network, Proxy, silent

SCHEMES = ["http", "https"]
VARIABLE = {"http": "HTTP_PROXY", "https": "HTTPS_PROXY"}
PASSWORD = f"somebody:{canaries.PROXY_PASSWORD}"


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(tmp_path, stack)


async def pull(network: Network, scheme: str, proxy: str, no_proxy: str = "", **settings: float) -> Ended:
    """Pull from an archive that speaks `scheme`, with `proxy` in the environment."""
    tls = network.tls() if scheme == "https" else None
    url = f"{scheme}://{HOST}:{await network.serve(tls)}"
    network.archive.storage = f"{scheme}://{HOST}:{await network.serve(tls)}"
    variables = {VARIABLE[scheme]: proxy, "NO_PROXY": no_proxy}
    environment = {**dict.fromkeys(VARIABLE.values(), ""), **variables}
    ended = await network.command(
        url, {**environment, **{name.lower(): told for name, told in environment.items()}}, **settings
    )
    assert canaries.PROXY_PASSWORD not in ended.stdout + ended.stderr
    return ended


# --- a proxy that works


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_pull_goes_through_the_proxy_to_the_archive_and_to_its_storage(
    network: Network, scheme: str
) -> None:
    proxy = Proxy()
    ended = await pull(network, scheme, f"http://{HOST}:{await network.listen(proxy.open)}")
    assert ended.code == 0, ended.stderr
    storage = network.archive.storage
    if scheme == "https":
        assert len(proxy.passed) == 2
        assert proxy.passed[1] == f"CONNECT {storage.removeprefix('https://')}"
    else:
        assert len(proxy.passed) == len(network.archive.asked) == 2
        assert proxy.passed[1] == f"GET {storage}/object/{KEY}"


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_is_given_the_password_that_its_url_holds(network: Network, scheme: str) -> None:
    port = await network.listen(Proxy(password=PASSWORD).open)
    ended = await pull(network, scheme, f"http://{PASSWORD}@{HOST}:{port}")
    assert ended.code == 0, ended.stderr


async def test_a_proxy_may_be_written_without_its_scheme(network: Network) -> None:
    proxy = Proxy()
    ended = await pull(network, "http", f"{HOST}:{await network.listen(proxy.open)}")
    assert ended.code == 0, ended.stderr
    assert len(proxy.passed) == 2


async def test_a_host_that_needs_no_proxy_is_asked_itself(network: Network) -> None:
    proxy = Proxy()
    ended = await pull(network, "http", f"http://{HOST}:{await network.listen(proxy.open)}", no_proxy=HOST)
    assert ended.code == 0, ended.stderr
    assert proxy.passed == []


# --- a proxy in trouble that passes


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_that_fails_for_a_while_loses_nothing(network: Network, scheme: str, status: int) -> None:
    proxy = Proxy(statuses=[status] * 2)
    ended = await pull(network, scheme, f"http://{HOST}:{await network.listen(proxy.open)}", outage_max=60.0)
    assert ended.code == 0, ended.stderr
    assert len(proxy.passed) == 4


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_that_always_fails_is_a_passing_failure(network: Network, scheme: str) -> None:
    proxy = Proxy(statuses=[502] * 100_000)
    ended = await pull(network, scheme, f"http://{HOST}:{await network.listen(proxy.open)}")
    assert ended.code == 75
    assert " answered 502" in ended.stderr


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_that_is_down_is_a_passing_failure_that_names_it(
    network: Network, scheme: str, unused_tcp_port: int
) -> None:
    ended = await pull(network, scheme, f"http://{HOST}:{unused_tcp_port}")
    assert ended.code == 75
    wanted = (
        f"no connection to the proxy {HOST}:{unused_tcp_port} (connection refused); check HTTP_PROXY, HTTPS_PROXY"
    )
    assert wanted in ended.stderr


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_that_says_nothing_is_given_up(network: Network, scheme: str) -> None:
    proxy = f"http://{HOST}:{await network.listen(silent)}"
    ended = await pull(network, scheme, proxy, connect_timeout=0.2, idle_timeout=0.2)
    assert ended.code == 75
    assert "in time" in ended.stderr or "silent for too long" in ended.stderr


# --- a proxy in trouble that does not


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("told", ["", "somebody:else@"])
async def test_a_proxy_that_wants_another_password_is_told_at_once(
    network: Network, scheme: str, told: str
) -> None:
    proxy = Proxy(password=PASSWORD)
    ended = await pull(network, scheme, f"http://{told}{HOST}:{await network.listen(proxy.open)}")
    assert ended.code == 1
    assert (
        "the proxy wants a name and a password: write HTTP_PROXY and HTTPS_PROXY as http://name:" in ended.stderr
    )
    assert len(proxy.passed) == 1


async def test_a_proxy_that_forbids_the_host_is_told_at_once(network: Network) -> None:
    proxy = Proxy(statuses=[403] * 9)
    ended = await pull(network, "https", f"http://{HOST}:{await network.listen(proxy.open)}")
    assert ended.code == 1
    assert "the proxy answered 403" in ended.stderr
    assert len(proxy.passed) == 1


@pytest.mark.parametrize(
    "proxy", ["socks5://somebody:hush-hush@127.0.0.1:1080", "http://", "http://127.0.0.1:port"]
)
async def test_a_proxy_that_cannot_be_used_is_told_at_once(network: Network, proxy: str) -> None:
    ended = await pull(network, "http", proxy)
    assert ended.code == 1
    assert "only a proxy of the form http://host:port can be used; check HTTP_PROXY" in ended.stderr
    assert network.archive.asked == []
