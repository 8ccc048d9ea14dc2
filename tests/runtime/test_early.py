"""Engines begin to load before the rest of the program is imported, and none of them is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime.errors import EngineError, PreflightError
from hpi_runtime.run import early
from hpi_runtime.run.early import Early
from hpi_runtime.run.plan import LocatedPlan, load

OCR = Path(__file__).parents[2] / "examples/ocr"
LINES = "SubModules.TextLineOrientation"
# What works on pictures, and takes long to import.
LATER = {"PIL", "cv2", "hpi_runtime.run.native", "hpi_runtime.tasks.base", "pyclipper"}
# What a run of this plan needs nothing of.
NEVER = {"asyncio", "hpi_planner", "hpi_runtime.documents.markdown", "matplotlib", "onnx", "pandas", "tarfile"}
WATCH = """
import json, sys
from hpi_runtime.cli import run
from hpi_runtime.run import early

def begun(self, *arguments):
    seen.append(sorted(sys.modules))
    begin(self, *arguments)

seen, begin = [], early.Early.__init__
early.Early.__init__ = begun
assert run.main(sys.argv[1:]) == 0
print(json.dumps([*seen, sorted(sys.modules)]), file=sys.stderr)
"""


class Engine:
    """What is closed, and how often."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def plan(models: Path, tmp_path: Path) -> LocatedPlan:
    program = str(Path(sys.executable).parent / "hpi-plan")
    command = [program, str(OCR / "pipeline.yaml"), "--root", str(OCR), "--output", str(tmp_path / "plan.json")]
    subprocess.run(command, check=True, capture_output=True)
    return load(tmp_path / "plan.json", OCR)


def test_engines_begin_before_what_works_on_pictures_is_imported(plan: LocatedPlan) -> None:
    assert plan.path is not None
    command = [sys.executable, "-c", WATCH, str(plan.path), "--root", str(OCR), "--quiet"]
    done = subprocess.run(
        [*command, "--input", str(OCR / "receipt.jpg")], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    before, after = map(set, json.loads(done.stderr.splitlines()[-1]))
    assert before & LATER == set()
    assert after >= LATER
    assert after & NEVER == set()


def test_what_nobody_took_is_freed_once_and_what_was_taken_is_not(
    plan: LocatedPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Engine] = []

    def loaded(*_: Any) -> Engine:
        made.append(Engine())
        return made[-1]

    monkeypatch.setattr(early, "load_engine", loaded)
    begun = Early(plan)
    taken: Any = begun.take(LINES)
    assert begun.take(LINES) is None
    for _ in range(2):
        begun.close()
    assert len(made) == len(plan.modules)
    assert [engine.closed for engine in made] == [int(engine is not taken) for engine in made]


def test_what_loading_raised_is_raised_where_the_engine_is_taken(
    plan: LocatedPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Engine:
        raise EngineError("it is broken")

    monkeypatch.setattr(early, "load_engine", fails)
    begun = Early(plan)
    with pytest.raises(EngineError, match="it is broken"):
        begun.take(LINES)
    begun.close()


def test_nothing_loads_on_a_machine_that_is_not_the_plans(
    plan: LocatedPlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(early, "load_engine", lambda *_: pytest.fail("it loads"))
    assert plan.path is not None
    with pytest.raises(PreflightError):
        Early(load(plan.path, tmp_path))


def test_without_threads_whoever_needs_an_engine_loads_it(plan: LocatedPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def __init__(self, _: int) -> None: ...

        def submit(self, *_: Any) -> None:
            raise RuntimeError("can't start new thread")

        def shutdown(self) -> None: ...

    monkeypatch.setattr(early, "ThreadPoolExecutor", Pool)
    begun = Early(plan)
    assert begun.take(LINES) is None
    begun.close()
