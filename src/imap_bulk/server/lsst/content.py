"""Bytes as an answer: the whole or a part, with ETag, Repr-Digest and conditions kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import ETag, web

from imap_bulk.digest import Digest, hasher


@dataclass(frozen=True, slots=True)
class Content:
    """A file that is served from memory."""

    body: bytes = field(repr=False)
    content_type: str
    etag: str
    digest: Digest

    @classmethod
    def of(cls, body: bytes, content_type: str) -> "Content":
        """Compute what is told of the bytes."""
        sums = []
        for algorithm in ("md5", "sha256"):
            hash_ = hasher(algorithm)
            hash_.update(body)
            sums.append(Digest(algorithm, hash_.hexdigest()))
        return cls(body, content_type, sums[0].value, sums[1])

    def headers(self) -> dict[str, str]:
        """Return what every answer says of the file."""
        return {
            "ETag": f'"{self.etag}"',
            "Repr-Digest": self.digest.repr_digest(),
            "Accept-Ranges": "bytes",
            "Content-Type": self.content_type,
        }


def reply(request: web.Request, content: Content) -> web.Response:
    """Answer a GET or HEAD: 200, 206, 304, 412 or 416."""
    headers = content.headers()
    if request.if_match is not None and content.etag not in _values(request.if_match, content.etag):
        return web.Response(status=412)
    if request.if_none_match is not None and content.etag in _values(request.if_none_match, content.etag):
        return web.Response(status=304, headers=headers)
    part = _part(request, content)
    size = len(content.body)
    if part is None:
        return web.Response(headers=headers, body=content.body)
    if not part:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return web.Response(status=206, headers=headers, body=content.body[part.start : part.stop])


def _values(tags: tuple[ETag, ...], own: str) -> Iterator[str]:
    return (own if tag.value == "*" else tag.value for tag in tags)


def _part(request: web.Request, content: Content) -> range | None:
    """Return which part is asked for; None is the whole, also when the header makes no sense."""
    if request.headers.get("If-Range", f'"{content.etag}"') != f'"{content.etag}"':
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None and asked.stop is None:
        return None
    size = len(content.body)
    if asked.start is not None and asked.start >= size:
        return range(0)
    return range(*asked.indices(size))
