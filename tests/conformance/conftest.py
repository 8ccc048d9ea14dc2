"""Asking the real PaddleX, and counting how its answers and ours compare."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from support.conformance import DIFFERENT, ON_PURPOSE, ROWS, Verdict

HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("HPI_PADDLEX_PYTHON") or HERE.parents[1] / ".venv-paddlex/bin/python")
_TALLIES = pytest.StashKey[dict[str, "Counter[Verdict]"]]()

Ask = Callable[[Iterable[dict[str, Any]]], list[dict[str, Any]]]
Judge = Callable[[str, Iterable[tuple[str, Verdict]]], None]


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Asks PaddleX a list of questions, in one process."""
    if not PYTHON.is_file():
        pytest.skip("PaddleX is not installed; `make test` does it")

    def answers(questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        lines = "\n".join(map(json.dumps, questions))
        done = subprocess.run(
            [PYTHON, HERE / "ask_paddlex.py"], input=lines, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return answers


@pytest.fixture(scope="session")
def shipped(ask: Ask) -> Path:
    """The folder with PaddleX's own configurations."""
    return next(PYTHON.parents[1].glob("lib/python3*/site-packages/paddlex/configs"))


@pytest.fixture
def judge(pytestconfig: pytest.Config) -> Judge:
    """Counts verdicts under a title, and fails on those that nothing explains."""

    def judged(title: str, verdicts: Iterable[tuple[str, Verdict]]) -> None:
        found = list(verdicts)
        tallies = pytestconfig.stash.setdefault(_TALLIES, {})
        tallies[title] = Counter(verdict for _, verdict in found)
        different = [f"{case}\n  {verdict.why}" for case, verdict in found if verdict.kind == DIFFERENT]
        assert not different, "\n".join(different)
        assert {verdict.why for _, verdict in found if verdict.kind == ON_PURPOSE} <= set(ROWS)

    return judged


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for title, tally in config.stash.get(_TALLIES, {}).items():
        kinds: Counter[str] = Counter()
        for verdict, count in tally.items():
            kinds[verdict.kind] += count
        terminalreporter.write_line(f"PaddleX, {title}: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}")
        for verdict, count in tally.most_common():
            if verdict.why and verdict.kind != DIFFERENT:
                terminalreporter.write_line(f"  {count:4} {verdict.kind}: {verdict.why}")
