"""The server as a process: its socket, and what signals do.

SIGTERM and SIGINT: not ready any more, a pause in which balancers learn of it, no more connections, answers for what
is under way, the end. SIGHUP: the plans are read and loaded again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

import uvicorn
from hpi_runtime.errors import PlanError, RunnerError
from hpi_schemas.console import DONE
from hpi_schemas.interruption import INTERRUPTED

from hpi_serve.server import Server

LOG = logging.getLogger("hpi_serve")
# Connections that may wait for the server to take them.
_BACKLOG = 2048


class _Uvicorn(uvicorn.Server):
    """Leaves signals to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: an address of this machine, or a name of one.
        port: 0 takes a free one.

    Raises:
        PlanError: nothing can listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With its protocol: asyncio sends answers at once (TCP_NODELAY) only on sockets that tell it.
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        return listener
    except (OSError, OverflowError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        told = f"nothing can listen on {host} port {port}: {reason}"
        raise PlanError(f"{told}; name others with --host and --port") from None


def run(server: Server, listener: socket.socket) -> int:
    """Serve until a signal ends it, and return the exit code.

    Raises:
        PlanError, PreflightError, PrepareError, EngineError: the plans cannot be loaded.
    """
    with listener:
        return asyncio.run(_Process(server, listener).serve())


class _Process:
    def __init__(self, server: Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        config = uvicorn.Config(
            server.app(self._loaded),
            access_log=False,
            log_config=None,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=int(server.options.seconds) + 1,
        )
        self._uvicorn = _Uvicorn(config)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        loop.add_signal_handler(signal.SIGHUP, self._begin, self._reload)
        await self._uvicorn.serve([self._listener])
        fault = self._server.catalog.fault
        if fault is not None:
            raise fault
        return DONE

    def _loaded(self, fault: Exception | None) -> None:
        if fault is None:
            LOG.info("ready")
        else:
            self._uvicorn.should_exit = True

    def _begin(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = asyncio.ensure_future(work())
        # The loop keeps no task alive by itself.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _end(self, number: signal.Signals) -> None:
        if self._server.is_draining:
            # Whoever says it twice does not want to wait.
            os._exit(INTERRUPTED if number == signal.SIGINT else DONE)
        self._server.is_draining = True
        self._begin(self._drain if number == signal.SIGTERM else self._stop)

    async def _drain(self) -> None:
        seconds = self._server.options.drain_seconds
        LOG.info("not ready any more; takes no more connections after %g s", seconds)
        await asyncio.sleep(seconds)
        await self._stop()

    async def _stop(self) -> None:
        self._uvicorn.should_exit = True
        await self._server.end()

    async def _reload(self) -> None:
        try:
            await self._server.catalog.load()
        except RunnerError as fault:
            LOG.error("the plans stay as they were: %s", fault)
