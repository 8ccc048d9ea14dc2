"""The course of a run, on stderr: how far it is, and in the end what it came to and where the time went."""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hpi_schemas.console import say
from hpi_schemas.tables import drawing_console

if TYPE_CHECKING:
    from hpi_runtime.results.result import Result

# Where nothing can be drawn, a line in so many seconds.
_LINE_SECONDS = 60.0
# How many of those that took the most time are named.
_NAMED = 3
_DECODE, _INFERENCE = "decode", "inference"


class Course:
    """Counts results as they come.

    Attributes:
        inputs: that there are.
    """

    def __init__(self, command: str, inputs: int, is_quiet: bool) -> None:
        """Take whose run it is, how many inputs there are, and whether nobody wants to hear of it."""
        self.inputs = inputs
        self._command = command
        self._is_quiet = is_quiet
        self._began = self._told = time.monotonic()
        self._read = self._results = self._failed = 0
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def measure(self, name: str, kind: str, seconds: float, _: Sequence[Any] = ()) -> None:
        """Learn how long a step took; safe in any thread."""
        what = "decoding" if kind == _DECODE else name.rpartition(".")[2] if kind == _INFERENCE else "the rest"
        with self._lock:
            self._seconds[what] += seconds

    def follow(self, results: Iterator[Result]) -> Iterator[Result]:
        """Yield results, and show how far it is meanwhile."""
        self._began = self._told = time.monotonic()
        with self._shown() as update:
            for result in results:
                self._count(result)
                yield result
                update()

    def close(self) -> None:
        """Say what it came to."""
        if self._is_quiet:
            return
        seconds = time.monotonic() - self._began
        failed = f", {self._failed} failed" if self._failed else ""
        pages = "" if self._results == self._read else f", {self._results} pages"
        rate = self._results / seconds if seconds > 0 else 0.0
        told = f"{_counted(self._read)}{pages}{failed} in {seconds:.1f} s, {rate:.2f} /s"
        say(self._command, f"{told}{self._where()}")

    def _count(self, result: Result) -> None:
        self._results += 1
        self._failed += result.is_failed
        # Of a document, the first page stands for it.
        self._read += not result.get("page_index")

    def _where(self) -> str:
        whole = sum(self._seconds.values())
        if not whole:
            return ""
        most = sorted(self._seconds.items(), key=lambda item: -item[1])[:_NAMED]
        named = [f"{name} {seconds / whole:.0%}" for name, seconds in most]
        return f"; of the work: {', '.join(named)}"

    @contextmanager
    def _shown(self) -> Iterator[Any]:
        # Results on the same terminal would be drawn over.
        console = None if self._is_quiet or _is_terminal() else drawing_console()
        if console is None:
            yield self._line
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
            task = progress.add_task("", total=self.inputs, told="")
            yield lambda: progress.update(task, completed=self._read, told=self._rate())

    def _line(self) -> None:
        now = time.monotonic()
        if not self._is_quiet and now - self._told >= _LINE_SECONDS:
            self._told = now
            say(self._command, f"{self._read} of {_counted(self.inputs)}, {self._rate()}")

    def _rate(self) -> str:
        rate = self._results / max(time.monotonic() - self._began, 1e-9)
        return f"{rate:.2f} /s" + (f", {self._failed} failed" if self._failed else "")


def _counted(inputs: int) -> str:
    return f"{inputs:,} input{'' if inputs == 1 else 's'}"


def _is_terminal() -> bool:
    """Tell whether results go to a terminal; stdout may be closed."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, OSError, ValueError):
        return False
