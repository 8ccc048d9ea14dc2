"""The bodies of requests: as large and as fast as they must be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hpi_serve import bodies
from hpi_serve.errors import RequestError
from starlette.requests import Request


def arriving(pieces: Sequence[tuple[float, bytes]]) -> Request:
    """A request whose pieces come after so many seconds each; behind the last nothing comes for ever."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(1000)
        seconds, data = left.pop(0)
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": data, "more_body": not data.endswith(b"END")}

    return Request({"type": "http", "headers": []}, receive)


def read(pieces: Sequence[tuple[float, bytes]], seconds: float = 100.0, most: int = 1000) -> bytes:
    async def work() -> bytes:
        return await bodies.read(arriving(pieces), most, asyncio.get_running_loop().time() + seconds)

    return asyncio.run(work())


def refused(*arguments: Any, **named: Any) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        read(*arguments, **named)
    return caught.value.status, str(caught.value)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(bodies, "_LEAST_RATE", 100)


def test_a_body_comes_in_pieces() -> None:
    assert read([(0, b"a"), (0.1, b"b"), (0.1, b"END")]) == b"abEND"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="nothing comes"),
        pytest.param([(0.05, b"x")] * 1000, id="letter by letter"),
        pytest.param([(0, b"x" * 50)], id="it stops"),
    ],
)
def test_one_that_comes_too_slowly_is_408_long_before_its_time_is_over(pieces: Any) -> None:
    status, said = refused(pieces)
    assert status == 408
    assert "too slowly" in said


def test_one_that_pauses_and_catches_up_is_read() -> None:
    assert len(read([(0, b"x" * 90), (0.9, b"x" * 90), (0.9, b"END")])) == 183


def test_one_that_is_fast_enough_ends_with_the_time_of_the_request() -> None:
    assert refused([(0.05, b"x" * 20)] * 1000, seconds=0.4, most=10**6)[0] == 504


def test_one_that_is_too_large_is_413() -> None:
    assert refused([(0, b"x" * 600), (0, b"x" * 600)])[0] == 413
