"""Models are loaded while what is done with their answers is made ready, and nothing of a load that fails stays."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hpi_runtime import EngineError, load_plan
from hpi_runtime.engines.base import Engine
from hpi_runtime.run import loading
from support.classifying import lay_out


def test_a_model_is_loaded_while_its_task_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path)
    load, make, begun = loading.with_fallback, loading.make_task, threading.Event()

    def begin(*given: Any) -> tuple[Engine, str]:
        begun.set()
        return load(*given)

    def wait(*given: Any) -> Any:
        assert begun.wait(60)
        return make(*given)

    monkeypatch.setattr(loading, "with_fallback", begin)
    monkeypatch.setattr(loading, "make_task", wait)
    with load_plan(tmp_path / "plan.json") as pipeline:
        assert len(pipeline.engines) == 1


def test_an_engine_whose_task_cannot_be_made_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path)
    load, engines = loading.with_fallback, list[Engine]()

    def kept(*given: Any) -> tuple[Engine, str]:
        engines.append(load(*given)[0])
        return engines[-1], ""

    def refuse(*_: Any) -> Any:
        raise EngineError("no such labels")

    monkeypatch.setattr(loading, "with_fallback", kept)
    monkeypatch.setattr(loading, "make_task", refuse)
    with pytest.raises(EngineError, match="no such labels"):
        load_plan(tmp_path / "plan.json")
    with pytest.raises(EngineError, match="is closed"):
        engines[0].run({})
