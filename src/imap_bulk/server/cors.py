"""What storage tells a browser: the page of this archive may PUT there, and read the answer; nothing more.

Downloads need none of it: the browser goes there itself.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PREFLIGHT_SECONDS = "600"


def is_page(origin: str, host: str, api_port: int) -> bool:
    """Tell whether the page is at `origin`: on the API's port, on the host that storage was asked at as `host`.

    On the machine itself a browser may have typed another of its names than a signed URL has.
    """
    try:
        page, storage = urlsplit(origin), urlsplit(f"//{host}")
        if page.scheme != "http" or (page.port or 80) != api_port:
            return False
    except ValueError:
        return False
    return page.hostname == storage.hostname or {page.hostname, storage.hostname} <= _LOOPBACK


class Cors:
    """Lets the page upload; `api_port` is known only when the server listens."""

    def __init__(self, api_port: Callable[[], int]) -> None:
        self._api_port = api_port

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """Answer a browser that asks whether it may PUT; None for whatever else it may be."""
        asked = request.headers.get("Access-Control-Request-Method", "")
        if request.method != "OPTIONS" or asked != "PUT" or not self._is_page(request):
            return None
        allowed = {"Access-Control-Allow-Methods": "PUT", "Access-Control-Max-Age": _PREFLIGHT_SECONDS}
        return web.Response(status=204, headers=self._shared(request) | allowed)

    def share(self, request: web.BaseRequest, answer: web.StreamResponse) -> None:
        """Let the page read the answer to its PUT."""
        if request.method == "PUT" and not answer.prepared and self._is_page(request):
            answer.headers.update(self._shared(request))

    def _is_page(self, request: web.BaseRequest) -> bool:
        return is_page(request.headers.get("Origin", ""), request.host, self._api_port())

    @staticmethod
    def _shared(request: web.BaseRequest) -> dict[str, str]:
        return {"Access-Control-Allow-Origin": request.headers["Origin"], "Vary": "Origin"}
