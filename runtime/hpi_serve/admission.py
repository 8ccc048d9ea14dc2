"""Who is let in: as many requests as may be under way, those that bring the token, while the server takes any."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from hpi_serve.errors import RequestError
from hpi_serve.metrics import Metrics

_Found = TypeVar("_Found")
_SOON = {"Retry-After": "1"}


class Admission:
    """Counts requests under way."""

    def __init__(self, most: int, token: str, metrics: Metrics) -> None:
        """Take how many there may be, the token that each must bring (empty asks for none), and who counts them."""
        self._most = most
        self._token = token.encode()
        self._metrics = metrics
        self._count = 0

    def check_token(self, header: str) -> None:
        """Look whether a request brings the token.

        Args:
            header: its ``Authorization``.

        Raises:
            RequestError: it does not.
        """
        kind, _, given = header.partition(" ")
        if self._token and not (kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)):
            self._metrics.rejected.labels("token").inc()
            raise RequestError(401, "the request brings no valid token", {"WWW-Authenticate": "Bearer"})

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be one of those under way.

        Raises:
            RequestError: there are as many as may be.
        """
        if self._count >= self._most:
            self._metrics.rejected.labels("full").inc()
            raise RequestError(503, f"{self._most} requests are under way; try again later", _SOON)
        self._count += 1
        self._metrics.in_flight.inc()
        try:
            yield
        finally:
            self._count -= 1
            self._metrics.in_flight.dec()


def not_ready() -> RequestError:
    """Return the answer of a server that is still loading, or ending."""
    return RequestError(503, "the server is not ready", _SOON)


async def unless_gone(work: Future[_Found], left: asyncio.Future[Any], deadline: float) -> _Found:
    """Wait for work, as long as anybody waits for that.

    Args:
        work: in a thread; where nobody waits for it, it does not begin if it has not begun.
        left: ends when the client leaves.
        deadline: of the event loop's clock.

    Raises:
        RequestError: the client left, or the time is over.
    """
    wrapped: asyncio.Future[Any] = asyncio.wrap_future(work)
    seconds = deadline - asyncio.get_running_loop().time()
    try:
        await asyncio.wait((wrapped, left), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if wrapped.done():
            found: _Found = wrapped.result()
            return found
        raise RequestError(499, "the client left") if left.done() else RequestError(504, "the request took too long")
    finally:
        wrapped.cancel()
