"""Fetching an input that the user names by its URL."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request

from hpi_runtime.errors import InputError

_TIMEOUT = 30.0
_MAX_SECONDS = 300.0
_CHUNK = 1 << 20


class _HttpOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if not newurl.lower().startswith(("http://", "https://")):
            raise urllib.error.URLError(f"it redirects to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, max_bytes: int) -> bytes:
    """Return the body of an http or https URL.

    Raises:
        InputError: it cannot be had, or is larger or slower than allowed.
    """
    opener = urllib.request.build_opener(_HttpOnly())
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
        words = str(reason) or type(reason).__name__
        raise InputError("URL_UNREADABLE", f"{url} cannot be fetched: {words}") from None
    return b"".join(pieces)


def _quoted(url: str) -> str:
    """Return the URL with spaces and letters beyond ASCII percent-encoded, as a browser sends it."""
    return urllib.parse.quote(url, safe="%/:?#[]@!$&'()*+,;=~")
