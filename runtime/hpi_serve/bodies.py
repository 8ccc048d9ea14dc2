"""The body of a request, as far as it may be, and word of a client who left."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request

from hpi_serve.errors import RequestError

# What a client that is refused has to finish sending, and for how long it may pause.
_DISCARD_SECONDS, _PAUSE_SECONDS = 20.0, 1.0


async def read(request: Request, most: int, deadline: float) -> bytes:
    """Return the body.

    Args:
        request: whose body was not read yet.
        most: bytes that it may have.
        deadline: of the event loop's clock.

    Raises:
        RequestError: it is larger or slower, or the client left meanwhile.
    """
    large = RequestError(413, f"the request has more than {most:,} bytes")
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise large
    found = bytearray()

    async def collect() -> None:
        async for piece in request.stream():
            found.extend(piece)
            if len(found) > most:
                raise large

    try:
        await asyncio.wait_for(collect(), deadline - asyncio.get_running_loop().time())
    except asyncio.TimeoutError:
        raise RequestError(504, "the request took too long to come") from None
    except ClientDisconnect:
        raise RequestError(499, "the client left") from None
    return bytes(found)


async def discard(request: Request, most: int) -> None:
    """Read what is still to come of a body, as far as that may be and does not take long.

    A client that is still sending does not hear the answer: its connection would be reset.
    """

    async def pass_over() -> None:
        count = 0
        while count <= most:
            message = await asyncio.wait_for(request.receive(), _PAUSE_SECONDS)
            count += len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return

    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(pass_over(), _DISCARD_SECONDS)


async def gone(request: Request) -> None:
    """Return when the client leaves; after the body there is nothing else to hear of it."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
