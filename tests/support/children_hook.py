"""What a child does before it runs a command."""

from __future__ import annotations

import signal


def interruptible() -> None:
    """Take interruptions, which a shell in the background has its children ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
