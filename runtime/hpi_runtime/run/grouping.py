"""Filling groups: by count alone, so that the same inputs make the same batches, or by time too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

# Seconds that a picture waits for others to share a batch with, where nobody knows when the next comes.
MAX_WAIT = 0.005

Member = TypeVar("Member")


class Grouper(Generic[Member]):
    """Collects members and sends them in groups: in the thread of whoever fills one, or in its own when time is up."""

    def __init__(self, send: Callable[[Sequence[Member]], None], size: int, max_wait: float | None) -> None:
        """Take where groups go.

        Args:
            send: takes a group; may wait, and may raise, which whoever added the last member hears.
            size: of a group.
            max_wait: seconds that the oldest member waits for the group to be full; None for as long as it takes.
        """
        self._send = send
        self._size = size
        self._max_wait = max_wait
        self._members: list[Member] = []
        self._due = 0.0
        self._changed = threading.Condition()
        # Groups go in the order in which they were closed.
        self._sending = threading.Lock()
        self._is_closed = False
        self._fault: BaseException | None = None
        if max_wait is not None and size > 1:
            threading.Thread(target=self._watch, name="hpi-grouping", daemon=True).start()

    def add(self, member: Member) -> None:
        """Add a member, and send its group if that is full now.

        Raises:
            BaseException: what sending a group raised, this one or one before.
        """
        with self._sending:
            with self._changed:
                if self._fault is not None:
                    raise self._fault
                if not self._members:
                    self._due = time.monotonic() + (self._max_wait or 0.0)
                    self._changed.notify()
                self._members.append(member)
                group = self._take() if len(self._members) == self._size else []
            if group:
                self._send(group)

    def flush(self) -> None:
        """Send what there is, full or not."""
        with self._sending:
            with self._changed:
                group = self._take()
            if group:
                self._send(group)

    def close(self) -> None:
        """End; what has not been sent is dropped."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _take(self) -> list[Member]:
        members, self._members = self._members, []
        return members

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._is_closed and (not self._members or time.monotonic() < self._due):
                    left = self._due - time.monotonic() if self._members else None
                    self._changed.wait(left)
                if self._is_closed:
                    return
            try:
                self._flush_due()
            except BaseException as fault:
                self._fault = fault
                return

    def _flush_due(self) -> None:
        with self._sending:
            with self._changed:
                # In the meantime it may have been filled, and another begun.
                group = self._take() if self._members and time.monotonic() >= self._due else []
            if group:
                self._send(group)
