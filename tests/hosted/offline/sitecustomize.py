"""Ends a process that reaches for the network, and says for what. Python finds it where this folder is on its path."""

from __future__ import annotations

import os
import sys
from typing import Any


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname") and not _is_here(arguments):
        os.write(2, f"reached for the network: {event} {arguments[:2]}\n".encode())
        os._exit(99)


def _is_here(arguments: tuple[Any, ...]) -> bool:
    """Tell whether an address is this machine's own, where tests may have a server."""
    address = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], (tuple, str)) else arguments[0]
    host = address[0] if isinstance(address, tuple) else arguments[0] if isinstance(arguments[0], str) else address
    return host in ("127.0.0.1", "localhost", "::1") or (isinstance(address, str) and address.startswith("/"))


sys.addaudithook(_refuse)
