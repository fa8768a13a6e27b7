"""Whether a host is down, or only some of its files are broken: it is asked for one that it has given before."""

from imap_bulk.engine.pace.known import KnownGood
from imap_bulk.engine.signer import Signer
from imap_bulk.model import SignedUrl, Transfer
from imap_bulk.transport import Transport, read, refusal

_ONE_BYTE = {"Range": "bytes=0-0"}


class HealthCheck:
    """Asks a host for what is known to be good; the pace of that host says when."""

    def __init__(self, signer: Signer, transport: Transport, known: KnownGood) -> None:
        self._signer = signer
        self._transport = transport
        self._known = known

    async def __call__(self, host: str) -> bool:
        """Ask; False if nothing is known to ask for. Raises BulkError: what the host says instead."""
        thing = self._known.take(host)
        if thing is None:
            return False
        if isinstance(thing, Transfer):
            await self._signer.sign_download(thing)
        else:
            await self._get(thing)
        self._known.note(host, thing)
        return True

    async def _get(self, signed: SignedUrl) -> None:
        with await self._transport.get(signed, _ONE_BYTE) as response:
            if response.status >= 400:
                raise await refusal(response, str(signed))
            await read(response, 1)
