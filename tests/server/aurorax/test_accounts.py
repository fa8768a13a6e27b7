"""Who may do what: by an API key, or by a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests import canaries
from tests.server.aurorax.conftest import API, HOUR, SWARM_A, TEST

from imap_bulk.server.aurorax.accounts import Account, Role
from imap_bulk.server.aurorax.server import AuroraxOptions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.aurorax.conftest import Start, Visitor
    from tests.server.conftest import Clock

KEYS = {"a": Role.ADMINISTRATOR, "o": Role.OWNER, "m": "Maintainer", "u": Role.USER, "r": "read", "w": "write"}
SOMEBODY = Account("somebody@example.org", Role.ADMINISTRATOR, canaries.PASSWORD)
LOGIN = {"email_address": SOMEBODY.email_address, "password": canaries.PASSWORD}
SECURED = [
    ("POST", "/data_sources"),
    ("PUT", "/data_sources/400"),
    ("PATCH", "/data_sources/400"),
    ("DELETE", "/data_sources/400"),
    ("POST", "/data_sources/400/ephemeris"),
    ("DELETE", "/data_sources/400/ephemeris"),
    ("POST", "/data_sources/400/data_products"),
    ("DELETE", "/data_sources/400/data_products"),
    ("GET", "/utils/admin/search_requests"),
    ("DELETE", "/utils/admin/search_requests/x"),
    ("GET", "/accounts"),
]
RECORD = TEST | {"epoch": "2020-01-01T00:00:00"}


@pytest.fixture
async def guarded(start: Start) -> Visitor:
    return await start(keys=KEYS, accounts=[SOMEBODY])


async def log_in(visitor: Visitor) -> str:
    answer = await visitor.send("POST", f"{API}/authenticate", LOGIN)
    assert answer.status == 200
    return str(answer.headers["Authorization"])


async def test_whoever_shows_nothing_may_not_write(guarded: Visitor) -> None:
    for method, path in SECURED:
        assert (await guarded.fault(method, path, {}))[:2] == (401, "NotAuthenticated")
        assert (await guarded.fault(method, path, {}, x_aurorax_api_key="x"))[0] == 401
        assert (await guarded.fault(method, path, {}, Authorization="Bearer x"))[0] == 401


async def test_users_may_not_write(guarded: Visitor) -> None:
    for method, path in SECURED:
        for key in ("u", "r"):
            assert (await guarded.fault(method, path, {}, x_aurorax_api_key=key))[:2] == (403, "NotPermitted")


async def test_maintainers_upload_and_change_no_source(guarded: Visitor) -> None:
    assert (await guarded.fault("PATCH", "/data_sources/400", {}, x_aurorax_api_key="m"))[0] == 403
    path = f"{API}/data_sources/400/ephemeris"
    assert (await guarded.send("POST", path, [RECORD], x_aurorax_api_key="m")).status == 202


@pytest.mark.parametrize("key", ["a", "o", "w"])
async def test_owners_and_administrators_change_sources(guarded: Visitor, key: str) -> None:
    answer = await guarded.send("PATCH", f"{API}/data_sources/400", {}, x_aurorax_api_key=key)
    assert answer.status == 200


async def test_reading_needs_no_key(guarded: Visitor) -> None:
    assert len(await guarded.search("ephemeris", {"data_sources": SWARM_A, **HOUR})) == 60


async def test_without_keys_everybody_may_write(visitor: Visitor) -> None:
    answer = await visitor.send("PATCH", f"{API}/data_sources/400", {"display_name": "x"})
    assert answer.json["display_name"] == "x"
    assert await visitor.ask("/utils/admin/search_requests") == []


async def test_a_token_is_as_good_as_a_key(guarded: Visitor) -> None:
    bearer = await log_in(guarded)
    assert bearer.startswith("Bearer ")
    await guarded.ask("/accounts", Authorization=bearer)


async def test_who_logs_in_is_told_who_they_are(guarded: Visitor) -> None:
    account = (await guarded.send("POST", f"{API}/authenticate", LOGIN)).json
    assert account["email_address"] == SOMEBODY.email_address
    assert set(account) == {
        "account_id", "upload_username", "email_address", "email_confirmed", "first_name", "last_name", "role",
        "agree_terms", "this_login", "last_login", "disabled",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({}, 400),
        (LOGIN | {"password": None}, 400),
        (LOGIN | {"password": "x"}, 401),
        (LOGIN | {"email_address": "x"}, 401),
    ],
)
async def test_a_wrong_login_is_refused(guarded: Visitor, document: Any, status: int) -> None:
    assert (await guarded.fault("POST", "/authenticate", document))[0] == status


async def test_a_token_dies_of_idleness(guarded: Visitor, clock: Clock) -> None:
    bearer = await log_in(guarded)
    for moment in ("2026-01-20 12:29:00", "2026-01-20 12:58:00"):
        clock.set(moment)
        await guarded.ask("/accounts", Authorization=bearer)
    clock.set("2026-01-20 13:29:00")
    assert (await guarded.fault("GET", "/accounts", Authorization=bearer))[0] == 401


async def test_a_session_ends(guarded: Visitor) -> None:
    bearer = await log_in(guarded)
    answer = await guarded.send("POST", f"{API}/authenticate/end_session", {}, Authorization=bearer)
    assert (answer.status, answer.body) == (200, b"")
    assert (await guarded.fault("GET", "/accounts", Authorization=bearer))[0] == 401
    assert (await guarded.fault("POST", "/authenticate/end_session", {}, Authorization=bearer))[0] == 400


async def test_a_search_of_an_account_is_its_own(guarded: Visitor) -> None:
    query = {"data_sources": SWARM_A, **HOUR}
    path = await guarded.submit("ephemeris", query, x_aurorax_api_key="u")
    assert (await guarded.send("GET", path, x_aurorax_api_key="u")).status == 200
    assert (await guarded.send("GET", path)).status == 404
    assert (await guarded.send("GET", path, x_aurorax_api_key="m")).status == 404


async def test_accounts_are_listed_by_role(guarded: Visitor) -> None:
    listed = await guarded.ask("/accounts?role=Administrator", x_aurorax_api_key="a")
    assert {each["email_address"] for each in listed} == {"administrator@example.org", SOMEBODY.email_address}


def test_options_show_no_credentials(tmp_path: Path) -> None:
    options = AuroraxOptions(tmp_path, keys={canaries.API_KEY: Role.USER}, accounts=[SOMEBODY])
    canaries.assert_clean(repr(options))
