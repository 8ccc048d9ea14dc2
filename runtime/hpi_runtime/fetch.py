"""Fetching an input that the user names by its URL."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from hpi_runtime.errors import InputError

_TIMEOUT = 30.0
_MAX_SECONDS = 300.0
_CHUNK = 1 << 20


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, and marks those that lead to another host."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if not newurl.lower().startswith(("http://", "https://")):
            raise urllib.error.URLError(f"it redirects to {newurl}")
        found = super().redirect_request(req, fp, code, msg, headers, newurl)
        if found is not None:
            is_elsewhere = found.host != req.host or getattr(req, "is_elsewhere", False)
            found.is_elsewhere = is_elsewhere  # type: ignore[attr-defined]
        return found


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_connection(http.client.HTTPConnection, req), req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_connection(http.client.HTTPSConnection, req), req, context=ssl.create_default_context())


def _connection(kind: Any, request: urllib.request.Request) -> Any:
    """Return what makes connections; of a redirect to another host, only to public addresses.

    The address is that of the connected socket, so that a name which resolves differently the next time leads
    nowhere. What goes through a proxy is the proxy's affair.
    """

    def make(*arguments: Any, **named: Any) -> Any:
        made = kind(*arguments, **named)
        if getattr(request, "is_elsewhere", False) and not request.has_proxy():
            made._create_connection = _public_connection
        return made

    return make


def _public_connection(*arguments: Any, **named: Any) -> socket.socket:
    made = socket.create_connection(*arguments, **named)
    address = str(made.getpeername()[0]).partition("%")[0]
    if not ipaddress.ip_address(address).is_global:
        made.close()
        raise OSError(f"it redirects to the private address {address}; --allow-private-redirects follows it")
    return made


def fetch(url: str, max_bytes: int, private_redirects: bool = False) -> bytes:
    """Return the body of an http or https URL.

    Args:
        url: as the user named it; an address inside a private network is fine there.
        max_bytes: that it may have.
        private_redirects: it may redirect to another host inside a private network.

    Raises:
        InputError: it cannot be had, or is larger or slower than allowed.
    """
    if "@" in urllib.parse.urlsplit(url).netloc:
        raise InputError("URL_UNREADABLE", "a URL with a user or a password in it is not fetched")
    handlers = (_Redirects(),) if private_redirects else (_Redirects(), _Http(), _Https())
    opener = urllib.request.build_opener(*handlers)
    deadline = time.monotonic() + _MAX_SECONDS
    pieces: list[bytes] = []
    size = 0
    request = urllib.request.Request(_quoted(url), headers={"User-Agent": "hpi-run"})  # noqa: S310 (http or https)
    try:
        with opener.open(request, timeout=_TIMEOUT) as reply:
            while piece := reply.read(_CHUNK):
                size += len(piece)
                if size > max_bytes or time.monotonic() > deadline:
                    raise InputError("URL_TOO_LARGE", f"{url} is larger or slower than allowed")
                pieces.append(piece)
            if reply.length:
                raise InputError("URL_UNREADABLE", f"{url} ended {reply.length} bytes early")
    except (OSError, ValueError, http.client.HTTPException) as fault:
        reason = fault if isinstance(fault, urllib.error.HTTPError) else getattr(fault, "reason", fault)
        words = (str(reason).splitlines() or [type(reason).__name__])[0]
        raise InputError("URL_UNREADABLE", f"{url} cannot be fetched: {words}") from None
    return b"".join(pieces)


def _quoted(url: str) -> str:
    """Return the URL with spaces and letters beyond ASCII percent-encoded, as a browser sends it."""
    return urllib.parse.quote(url, safe="%/:?#[]@!$&'()*+,;=~")
