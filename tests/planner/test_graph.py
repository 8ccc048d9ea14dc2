"""The graph of a pipeline: what its settings say reaches the operations that read them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hpi_planner.compile import compile
from hpi_planner.paddlex import builtin_configs, definitions
from support import pipelines

IGNORED = "markdown_ignore_labels"


def planned(**changes: Any) -> Any:
    """Plan PP-StructureV3 with models for everything that we run."""
    config = yaml.safe_load(builtin_configs.text("PP-StructureV3"))
    off = ("use_seal_recognition", "use_formula_recognition", "use_chart_recognition")
    return compile(pipelines.request(yaml.safe_dump({**config, **dict.fromkeys(off, False), **changes})))


@pytest.mark.parametrize("said", [None, [], ["header"]])
def test_what_is_null_is_what_it_is_where_nothing_is_said(said: Any) -> None:
    found = planned(**{IGNORED: said})
    assert found.graph is not None, found.diagnostics
    read = [stage.params[IGNORED] for stage in found.graph.stages.values() if IGNORED in stage.params]
    assert len(read) == 2
    default = definitions.load("PP-StructureV3").settings[IGNORED].default
    assert read == [default if said is None else said] * 2


@pytest.mark.parametrize("said", [[1], [["header"]], ["header", None], "header"])
def test_labels_that_are_no_texts_are_refused_when_it_is_planned(said: Any) -> None:
    found = planned(**{IGNORED: said})
    assert any(f"`{IGNORED}` must be" in item.message for item in found.diagnostics)


@pytest.mark.parametrize("name", [name for name in definitions.names() if definitions.load(name).graph is not None])
def test_a_module_whose_settings_are_null_is_planned_like_one_without_them(name: str) -> None:
    for place in _settings(yaml.safe_load(builtin_configs.text(name))):
        with_null, without = (yaml.safe_load(builtin_configs.text(name)) for _ in range(2))
        _at(with_null, place)[place[-1]] = None
        del _at(without, place)[place[-1]]
        read, expected = (compile(pipelines.request(yaml.safe_dump(config))).graph for config in (with_null, without))
        assert (read is None) == (expected is None), place
        if read is not None and expected is not None:
            assert _numbers(read.stages) == _numbers(expected.stages), place


def _settings(node: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the places of scores in a YAML, which operations read of modules."""
    found = [(*path, key) for key in node if key == "score_thresh"]
    for key, value in node.items():
        if isinstance(value, dict):
            found += _settings(value, (*path, key))
    return found


def _at(config: Any, place: tuple[str, ...]) -> Any:
    for key in place[:-1]:
        config = config[key]
    return config


def _numbers(stages: Any) -> dict[str, Any]:
    return {name: stage.params.get("score_thresh") for name, stage in stages.items()}
