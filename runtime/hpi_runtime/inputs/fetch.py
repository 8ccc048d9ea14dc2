"""Fetching an input that the user names by its URL."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from hpi_runtime.errors import InputError
from hpi_runtime.inputs.limits import Limits

# Of one step, such as a connection; the limit of the whole is the user's.
_STEP_SECONDS = 30.0
_CHUNK = 1 << 20
# Addresses of IPv6 whose last 32 bits are one of IPv4 (RFC 6052, RFC 4291), and those that a network translates as it
# likes (RFC 8215).
_WITH_IPV4 = tuple(ipaddress.IPv6Network(item) for item in ("64:ff9b::/96", "::/96"))
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b:1::/48"),)


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


class Stop:
    """Ends what is being fetched, once nobody waits for it; may be told so from any thread."""

    def __init__(self) -> None:
        """Begin with nothing to end."""
        self._lock = threading.Lock()
        self._is_set = False
        self._ends: list[Callable[[], None]] = []

    def set(self) -> None:
        """End it now, and what begins later at once."""
        with self._lock:
            self._is_set = True
            ends, self._ends = self._ends, []
        for end in ends:
            end()

    def calls(self, end: Callable[[], None]) -> None:
        """Call this when nobody waits any more."""
        with self._lock:
            if not self._is_set:
                self._ends.append(end)
                return
        end()


class _Deadline:
    """Ends a fetch that takes too long, whatever it waits for: its sockets are shut at the deadline."""

    def __init__(self, seconds: float, stop: Stop) -> None:
        self.is_over = False
        self._stop = stop
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, connection: Any) -> None:
        """Keep the socket of a connection once there is one: the connection forgets it before the body is read."""
        connect = connection.connect

        def connected() -> None:
            connect()
            self._sockets.append(connection.sock)
            if self.is_over:
                # It ended while this connected.
                self._end()

        connection.connect = connected

    def _end(self) -> None:
        self.is_over = True
        for item in self._sockets:
            with suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Deadline:
        self._timer.start()
        self._stop.calls(self._end)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


class _Http(urllib.request.HTTPHandler):
    def __init__(self, made: _Maker) -> None:
        super().__init__()
        self._made = made

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._made(http.client.HTTPConnection, req), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, made: _Maker) -> None:
        super().__init__()
        self._made = made

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._made(http.client.HTTPSConnection, req), req, context=ssl.create_default_context())


class _Maker:
    """Makes connections that end at the deadline, and lead to public addresses only where the limits say so.

    A name is resolved once, so that one which resolves differently the next time leads nowhere. What goes through a
    proxy is the proxy's affair.
    """

    def __init__(self, deadline: _Deadline, limits: Limits) -> None:
        self._deadline = deadline
        self._limits = limits

    def __call__(self, kind: Any, request: urllib.request.Request) -> Any:
        is_elsewhere = getattr(request, "is_elsewhere", False)
        connection: Callable[..., socket.socket] | None = None
        if is_elsewhere and not self._limits.private_redirects:
            connection = partial(
                _public_connection, "it redirects to the private address {}; --allow-private-redirects follows it"
            )
        elif not is_elsewhere and not self._limits.private_urls:
            connection = partial(_public_connection, "{} is a private address; --allow-private-urls fetches from those")

        def make(*arguments: Any, **named: Any) -> Any:
            if self._deadline.is_over:
                raise TimeoutError
            made = kind(*arguments, **named)
            self._deadline.watch(made)
            # Of https, only the tunnel tells of a proxy.
            is_proxied = request.has_proxy() or getattr(request, "_tunnel_host", None) is not None
            if connection is not None and not is_proxied:
                made._create_connection = connection
            return made

        return make


def _public_connection(refusal: str, address: tuple[str, int], *arguments: Any, **named: Any) -> socket.socket:
    """Connect to a host, if all its addresses are public; nothing is sent to one that is not."""
    found = [str(item[4][0]) for item in socket.getaddrinfo(*address, type=socket.SOCK_STREAM)]
    for host in found:
        if not is_public(host):
            raise OSError(refusal.format(host))
    # By its number: asked again, the name could lead elsewhere.
    return socket.create_connection((found[0], address[1]), *arguments, **named)


def is_public(address: str) -> bool:
    """Tell whether an address leads out of private networks, also by the IPv4 address inside one of IPv6."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is None and any(found in network for network in _WITH_IPV4):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if found.is_site_local or any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast


def _check_host(url: str) -> None:
    """Refuse a URL of a private address before anything is sent, to a proxy neither.

    Raises:
        OSError: it is one.
    """
    host = urllib.parse.urlsplit(url).hostname
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        # A proxy may know more; without one, connecting says it.
        return
    for item in found:
        if not is_public(str(item[4][0])):
            raise OSError(f"{item[4][0]} is a private address; --allow-private-urls fetches from those")


def fetch(url: str, limits: Limits, stop: Stop | None = None) -> bytes:
    """Return the body of an http or https URL.

    Args:
        url: as the user named it.
        limits: bytes and seconds that it may have, and whether it may lead or redirect into a private network.
        stop: ends it earlier, as if its time were over.

    Raises:
        InputError: it cannot be had, or is larger or slower than allowed.
    """
    try:
        netloc = urllib.parse.urlsplit(url).netloc
    except ValueError as fault:
        raise InputError("URL_UNREADABLE", f"{url} is no URL: {fault}") from None
    if "@" in netloc:
        raise InputError("URL_UNREADABLE", "a URL with a user or a password in it is not fetched")
    late = InputError("URL_TOO_SLOW", f"{url} took more than {limits.url_seconds:g} seconds")
    with _Deadline(limits.url_seconds, stop or Stop()) as deadline:
        make = _Maker(deadline, limits)
        opener = urllib.request.build_opener(_Redirects(), _Http(make), _Https(make))
        request = urllib.request.Request(_quoted(url), headers={"User-Agent": "hpi-run"})  # noqa: S310 (http or https)
        try:
            if not limits.private_urls:
                _check_host(url)
            with opener.open(request, timeout=min(_STEP_SECONDS, limits.url_seconds)) as reply:
                data = _body(reply, url, limits, deadline)
        except (OSError, ValueError, OverflowError, http.client.HTTPException) as fault:
            if deadline.is_over:
                raise late from None
            reason = fault if isinstance(fault, urllib.error.HTTPError) else getattr(fault, "reason", fault)
            words = (str(reason).splitlines() or [type(reason).__name__])[0]
            raise InputError("URL_UNREADABLE", f"{url} cannot be fetched: {words}") from None
        if deadline.is_over:
            # A shut socket reads as the end.
            raise late
    return data


def _body(reply: Any, url: str, limits: Limits, deadline: _Deadline) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := reply.read1(_CHUNK):
        size += len(piece)
        if size > limits.bytes:
            raise InputError("INPUT_TOO_LARGE", f"{url} has more than {limits.bytes:,} bytes")
        pieces.append(piece)
    if reply.length and not deadline.is_over:
        raise InputError("URL_UNREADABLE", f"{url} ended {reply.length} bytes early")
    return b"".join(pieces)


def _quoted(url: str) -> str:
    """Return the URL with spaces and letters beyond ASCII percent-encoded, as a browser sends it."""
    return urllib.parse.quote(url, safe="%/:?#[]@!$&'()*+,;=~")
