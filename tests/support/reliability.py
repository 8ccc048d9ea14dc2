"""The table of faults that were tried and survived, in docs/reliability.md and SECURITY.md: counted, not written."""

from __future__ import annotations

import re
from collections import Counter as Counts
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs/reliability.md", ROOT / "SECURITY.md")
_TABLE = re.compile(r"(?<=<!-- faults -->\n).*?(?=<!-- end -->)", re.DOTALL)
_ROW = re.compile(r"\| ([^|]+) \| ([\d,]+) \| ([\d,]+) \|")


class Counter:
    """Counts the tests of each kind of fault as they pass, and writes the tables at the end."""

    def __init__(self) -> None:
        self.tried: Counts[str] = Counts()
        self.survived: Counts[str] = Counts()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what became of a test."""
        if report.when == "call" or (report.when == "setup" and report.failed):
            for key, kind in report.user_properties:
                if key == "fault" and not report.skipped:
                    self.tried[str(kind)] += 1
                    self.survived[str(kind)] += report.passed

    def pytest_sessionfinish(self) -> None:
        """Write the tables, on the one process that hears of all tests."""
        if self.tried:
            for page in PAGES:
                text = page.read_text(encoding="utf-8")
                page.write_text(_TABLE.sub(table(self.tried, self.survived), text), encoding="utf-8")


def table(tried: Mapping[str, int], survived: Mapping[str, int]) -> str:
    """Return the table, with what is fuzzed behind it."""
    from fuzz.test_fuzz import RUNS

    rows = [(kind, tried[kind], survived[kind]) for kind in sorted(tried)]
    rows += [(f"random bytes: {target}", runs, runs) for target, runs in sorted(RUNS.items())]
    lines = [f"| {kind} | {times:,} | {held:,} |" for kind, times, held in rows]
    return "\n".join(["| what | tried | survived |", "|---|---|---|", *lines, ""])


def read(page: Path) -> dict[str, tuple[int, int]]:
    """Return how often each kind was tried and survived, as a page tells it."""
    found = _TABLE.search(page.read_text(encoding="utf-8"))
    assert found is not None
    rows = _ROW.findall(found.group())
    return {kind: (int(tried.replace(",", "")), int(survived.replace(",", ""))) for kind, tried, survived in rows}
