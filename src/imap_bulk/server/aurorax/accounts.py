"""Who asks, and what they may do: API keys, and the tokens that are given for an e-mail address and a password."""

import hmac
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from aiohttp import web

from imap_bulk.server.aurorax.answers import Refused
from imap_bulk.server.aurorax.times import stamped

KEY_HEADER = "x-aurorax-api-key"

IDLE_SECONDS = 30 * 60
"""How long a token lives without use."""


class Role(StrEnum):
    """What an account is for; `Scope`s of other archives have their like here."""

    ADMINISTRATOR = "Administrator"
    OWNER = "Owner"
    MAINTAINER = "Maintainer"
    USER = "User"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a role, or the scope `read` or `write`. Raises ValueError."""
        return cls({"read": cls.USER, "write": cls.ADMINISTRATOR}.get(text, text))


MANAGERS = frozenset({Role.ADMINISTRATOR, Role.OWNER})
"""Who may change data sources."""

UPLOADERS = MANAGERS | {Role.MAINTAINER}
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in."""

    email_address: str
    role: Role
    password: str = field(default="", repr=False)
    """Without one, only the key lets them in."""

    @classmethod
    def of_key(cls, role: Role) -> Self:
        """Return the account that a key stands for."""
        return cls(f"{role.lower()}@example.org", role)

    def document(self, now: float) -> dict[str, Any]:
        """Return what the service tells of it."""
        name, _, _ = self.email_address.partition("@")
        return {
            "account_id": self.email_address,
            "upload_username": name,
            "email_address": self.email_address,
            "email_confirmed": stamped(0),
            "first_name": name.capitalize(),
            "last_name": "Example",
            "role": self.role,
            "agree_terms": stamped(0),
            "this_login": stamped(now),
            "last_login": stamped(now),
            "disabled": False,
        }


EVERYBODY = Account.of_key(Role.ADMINISTRATOR)
"""Who asks where no keys are configured."""


class Accounts:
    """The accounts; kept in memory alone, so that no secret is on disk."""

    def __init__(self, keys: Mapping[str, str], accounts: Collection[Account], clock: Callable[[], float]) -> None:
        self._keys = {key: Account.of_key(Role.of(role)) for key, role in keys.items()}
        self._accounts = {account.email_address: account for account in accounts}
        self._clock = clock
        self._tokens: dict[str, tuple[Account, float]] = {}

    @property
    def are_open(self) -> bool:
        """Tell whether everybody may do everything."""
        return not (self._keys or self._accounts)

    def listed(self, role: str | None) -> list[dict[str, Any]]:
        """Return the documents of all accounts, or those of a role."""
        every = {account.email_address: account for account in self._keys.values()} | self._accounts
        return [each.document(self._clock()) for each in every.values() if role in (None, each.role)]

    def bearer(self, request: web.Request) -> Account | None:
        """Tell who asks, if they show a key or a token that holds."""
        if key := request.headers.get(KEY_HEADER):
            return self._keys.get(key)
        account, used = self._tokens.get(_token(request), (None, 0.0))
        if account is None or self._clock() - used > IDLE_SECONDS:
            return None
        self._tokens[_token(request)] = account, self._clock()
        return account

    def require(self, request: web.Request, roles: Collection[Role]) -> Account:
        """Return who asks, if their role is one of these. Raises Refused."""
        if self.are_open:
            return EVERYBODY
        account = self.bearer(request)
        if account is None:
            raise Refused(401, "NotAuthenticated", "A valid API key or access token is required.")
        if account.role not in roles:
            raise Refused(403, "NotPermitted", f"The role {account.role} is not permitted to do this.")
        return account

    def log_in(self, email_address: object, password: object) -> tuple[str, dict[str, Any]]:
        """Return a new token, and whose it is. Raises Refused."""
        if not (isinstance(email_address, str) and isinstance(password, str) and email_address and password):
            raise Refused(400, "AssertionError", "The fields email_address and password are required.")
        account = self._accounts.get(email_address)
        if not (
            account and account.password and hmac.compare_digest(account.password.encode(), password.encode())
        ):
            raise Refused(401, "NotAuthenticated", "The email address or the password is wrong.")
        token = secrets.token_urlsafe(32)
        self._tokens[token] = account, self._clock()
        return token, account.document(self._clock())

    def log_out(self, request: web.Request) -> None:
        """End a token. Raises Refused."""
        if self._tokens.pop(_token(request), None) is None:
            raise Refused(400, "NotAuthenticated", "There is no session to end.")


def _token(request: web.Request) -> str:
    mechanism, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if mechanism.lower() == "bearer" else ""
