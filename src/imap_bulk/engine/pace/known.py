"""What hosts have given, to be asked for again when one seems to be down."""

from collections.abc import Iterator

from imap_bulk.model import SignedUrl, Transfer

Thing = Transfer | SignedUrl
"""What a host can be asked for: the archive to sign a transfer, storage for what a URL leads to."""


class KnownGood:
    """One thing of each host that it has given, or, as long as it has given none, that it may well give."""

    def __init__(self) -> None:
        self.given: dict[str, Thing] = {}
        """By host, the newest of what has come from there."""
        self._hopes: dict[str, Thing] = {}
        self._told: set[str] = set()

    def note(self, host: str, thing: Thing) -> None:
        """Remember what a host has given."""
        self.given[host] = thing

    def hope(self, host: str, thing: Thing) -> None:
        """Remember what nobody has asked a host for as yet: the newest is the one that was not tried before."""
        self._hopes[host] = thing

    def hear_of(self, host: str, thing: Thing) -> None:
        """Take what a host has given to another process; what it gave to this one is as good."""
        self.given.setdefault(host, thing)

    def news(self) -> Iterator[tuple[str, Thing]]:
        """Yield what the hosts have given that were not told of before."""
        if len(self._told) < len(self.given):
            for host in self.given.keys() - self._told:
                self._told.add(host)
                yield host, self.given[host]

    def take(self, host: str) -> Thing | None:
        """Return what to ask a host for; a hope that it does not fulfil is gone."""
        return self.given.get(host) or self._hopes.pop(host, None)
