"""How a request crosses the wire.

base.py         what is sent, what comes back, and who carries it, as protocols
storage.py      the way to storage: redirects by hand, no credentials
api.py          the way to an archive's API: its credentials, no redirects
lanes.py        which lane a request takes
lean.py         the lean lane: GET and PUT over connections that are kept alive
origin.py       the connections to one scheme, host and port
way.py          how long the way to a host is
connection.py   one connection, and who waits for it
answer.py       what has come in answer, received into the memory that is written from
flood.py        a body that comes too fast for the event loop, received in a thread
surge.py        a body that goes out too fast for the event loop, sent by a thread
tls.py          what is encrypted, decrypted where it is received
buffers.py      the memory that answers are received into
head.py         the head of an answer, parsed
general.py      the general lane: aiohttp
proxies.py      which proxy the environment names
names.py        host names become addresses
guard.py        where a signed URL or a redirect may lead
failures.py     what is said when an exchange fails
"""

from imap_bulk.transport.base import Body, Piece, Request, Response, Transport, read
from imap_bulk.transport.flood import THREAD_PIECE_BYTES, Flood
from imap_bulk.transport.storage import StorageTransport, refusal
from imap_bulk.transport.surge import BeginSurge, Surge
from imap_bulk.transport.way import hearing

__all__ = [
    "THREAD_PIECE_BYTES",
    "BeginSurge",
    "Body",
    "Flood",
    "Piece",
    "Request",
    "Response",
    "StorageTransport",
    "Surge",
    "Transport",
    "hearing",
    "read",
    "refusal",
]
