"""The body of a request, as far as it may be, and word of a client who left."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request

from hpi_serve.errors import RequestError

# What a client that is refused has to finish sending, and for how long it may pause.
_DISCARD_SECONDS, _PAUSE_SECONDS = 20.0, 5.0
# A body may pause for so long at its beginning; then so many bytes must have come for each second.
_PATIENCE_SECONDS, _LEAST_RATE = 10.0, 16 << 10
_LATE = 504, "the request took too long to come"
_SLOW = 408, f"the request comes too slowly: it must bring {_LEAST_RATE >> 10} KiB a second"


async def read(request: Request, most: int, deadline: float) -> bytes:
    """Return the body.

    Args:
        request: whose body was not read yet.
        most: bytes that it may have.
        deadline: of the event loop's clock.

    Raises:
        RequestError: it is larger or slower than it may be, or the client left meanwhile.
    """
    large = RequestError(413, f"the request has more than {most:,} bytes")
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise large
    found = bytearray()

    clock = asyncio.get_running_loop().time
    began = clock()
    pieces = request.stream()
    try:
        while True:
            # A body that comes as slowly as it may would take a place from others for nothing.
            until = min(deadline, began + _PATIENCE_SECONDS + len(found) / _LEAST_RATE)
            found.extend(await asyncio.wait_for(anext(pieces), until - clock()))
            if len(found) > most:
                raise large
    except StopAsyncIteration:
        return bytes(found)
    except asyncio.TimeoutError:
        raise RequestError(*_LATE if clock() >= deadline else _SLOW) from None
    except ClientDisconnect:
        raise RequestError(499, "the client left") from None


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
