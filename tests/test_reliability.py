"""The tables of faults are those of the tests that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.reliability import PAGES, read

ROOT = Path(__file__).parents[1]
# Tells of each test that it collects which faults it stands for.
COLLECTED = """
import pytest, sys
class Teller:
    def pytest_collection_finish(self, session):
        for item in session.items:
            for marker in item.iter_markers("fault"):
                print("FAULT", marker.args[0])
sys.exit(pytest.main(["--collect-only", "-qq", "-m", "fault", "-p", "no:cacheprovider", "tests"], plugins=[Teller()]))
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_that_was_tried_was_survived(page: Path) -> None:
    found = read(page)
    assert len(found) > 15
    assert all(tried == survived > 0 for tried, survived in found.values())


def test_the_tables_count_the_tests_that_there_are() -> None:
    done = subprocess.run([sys.executable, "-c", COLLECTED], cwd=ROOT, capture_output=True, text=True, check=True)
    collected = Counter(re.findall("^FAULT (.*)$", done.stdout, re.MULTILINE))
    told = {kind: tried for kind, (tried, _) in read(PAGES[0]).items() if not kind.startswith("random bytes: ")}
    # A machine without another user, a mount or a package skips some.
    assert told.keys() == collected.keys()
    assert all(collected[kind] - 25 <= tried <= collected[kind] for kind, tried in told.items())
    assert read(PAGES[0]) == read(PAGES[1])
