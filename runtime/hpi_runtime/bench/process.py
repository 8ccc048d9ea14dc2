"""A measuring process: it is asked in JSON lines on stdin, and answers each on stdout."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any

from hpi_schemas import children

# How long a process may take to end by itself: usually, and once something went wrong or the user has interrupted.
_WAIT_SECONDS, _HURRY_SECONDS = 30, 3
# No timer takes more than the clock has room for.
_LONGEST_SECONDS = 7 * 86_400.0


class EndedError(Exception):
    """The process ended before it answered.

    Attributes:
        code: its exit code; negative for a signal.
        is_late: it was ended, because it did not answer in time.
    """

    def __init__(self, code: int, limit: float | None = None) -> None:
        """Take the exit code and, if the process was late, the seconds that it had."""
        super().__init__(f"exit code {code}" if limit is None else f"no answer within {limit:.0f} seconds")
        self.code = code
        self.is_late = limit is not None


class Process:
    """A module of this package, running. Use it in a ``with`` statement."""

    def __init__(self, module: str, options: Mapping[str, Any], stderr: IO[bytes] | None = None) -> None:
        """Start ``python -m MODULE OPTIONS``; ``stderr`` takes what it says, None leaves it to ours."""
        self._started = time.perf_counter()
        command = children.command(module, json.dumps(options))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)  # noqa: S603 (ours)

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.perf_counter() - self._started

    def ask(self, request: Mapping[str, Any], limit: float | None = None) -> dict[str, Any]:
        """Send a request and return the answer, as ``answer`` does."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EndedError(self._process.wait()) from None
        return self.answer(limit)

    def answer(self, limit: float | None = None) -> dict[str, Any]:
        """Return the next answer.

        Args:
            limit: seconds after which the process is ended; None waits for ever.

        Raises:
            EndedError: the process has ended.
        """
        assert self._process.stdout is not None
        late = threading.Event()
        alarm = None if limit is None else threading.Timer(min(limit, _LONGEST_SECONDS), self._end, [late])
        if alarm is not None:
            alarm.start()
        try:
            line = self._process.stdout.readline()
        finally:
            if alarm is not None:
                alarm.cancel()
        if not line:
            raise EndedError(self._process.wait(), limit if late.is_set() else None)
        found: dict[str, Any] = json.loads(line)
        return found

    def _end(self, late: threading.Event) -> None:
        late.set()
        self._process.kill()

    def close(self, patience: float = _WAIT_SECONDS) -> None:
        """End the process; after so many seconds it is killed."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(_WAIT_SECONDS if kind is None else _HURRY_SECONDS)
