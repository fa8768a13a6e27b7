"""Whether what has come is the file: its length, its digest, its content."""

from imap_bulk import errors
from imap_bulk.digest import Digest
from imap_bulk.engine.behind import to_the_end
from imap_bulk.engine.partial import Partial
from imap_bulk.engine.promise import Promise
from imap_bulk.engine.signer import Signer
from imap_bulk.engine.told import digests
from imap_bulk.model import Proof, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import Response


async def verified(partial: Partial, promise: Promise, response: Response) -> Digest:
    """Hold what came to the promise, and return its digest. Raises Interrupted, DigestMismatch, Rejected.

    A body without length, digest or chunks ends when the connection does: cut short, it looks complete.
    """
    key, received = partial.key, partial.front
    if promise.size is not None and received != promise.size:
        raise errors.Interrupted(f"{key}: the body ended after {received} of {promise.size} bytes")
    if promise.proof is None and "chunked" not in response.headers.get("Transfer-Encoding", "").lower():
        raise errors.Interrupted(f"{key}: storage says neither how long the file is nor its digest")
    digest = partial.digest()
    if promise.digest is None or digest == promise.digest:
        return digest
    if promise.proof is Proof.MANIFEST and await _is_archived_so(partial, response):
        raise errors.Rejected(f"{key}: the archive holds {digest}, the manifest wants {promise.digest}")
    raise errors.DigestMismatch(f"{key}: {digest} arrived, but {promise.digest} was promised ({promise.proof})")


async def _is_archived_so(partial: Partial, response: Response) -> bool:
    """Tell whether these are the bytes that storage says it has: then no other attempt brings better ones."""
    told = digests(response.headers)
    if not told:
        return False
    _, digest = told[0]
    return await to_the_end(Digest.of, partial.part.path, digest.algorithm) == digest


async def judged(
    transfer: Transfer, partial: Partial, promise: Promise, signer: Signer, settings: Settings
) -> Proof | None:
    """Have the content looked at, in a thread if it is long; return the strongest proof of it.

    Raises what `Signer.accept` raises, and Unverified where a proof that verifies is wished for.
    """
    if partial.front > settings.chunk_bytes:
        found = await to_the_end(signer.accept, transfer, partial.part.path)
    else:
        found = signer.accept(transfer, partial.part.path)
    proof = found if promise.digest is None and found else promise.proof
    if settings.require_verified and not (proof and proof.verifies):
        raise errors.Unverified(f"{transfer.key}: nothing is known to verify the content with")
    return proof
