"""Ends a process that reaches for the network, and says for what. Python finds it where this folder is on its path."""

from __future__ import annotations

import os
import sys
from typing import Any


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        os.write(2, f"reached for the network: {event} {arguments[:2]}\n".encode())
        os._exit(99)


sys.addaudithook(_refuse)
