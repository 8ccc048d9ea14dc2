"""PaddleX's own code answers, and we answer; what differs must be a row of ``support.conformance.ROWS``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hpi_planner import knowledge
from hpi_planner.compile import compile
from hpi_planner.paddlex import builtin_configs, definitions
from hpi_schemas.validate import faults
from support import mutations
from support.conformance import Models, Verdict, module_verdict, pipeline_verdict, selection_verdict
from support.pipelines import request

# Layers that are laid over every pipeline that PaddleX ships.
LAYERS: tuple[dict[str, Any], ...] = (
    {},
    {"use_hpip": True},
    {"use_hpip": True, "hpi_config": {"backend": "onnxruntime"}},
    {"engine": "paddle_static", "engine_config": {"run_mode": "mkldnn"}},
    {"engine": "hpi", "device": "gpu:0,1"},
)


def _pipelines(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("pipelines/*.yaml"))}


def _verdict(text: str, given: dict[str, Any], answer: dict[str, Any]) -> Verdict:
    refused = next((record["refused"] for record in answer["models"] if record["refused"]), None)
    error = answer["error"] or answer["lazy_error"]
    return pipeline_verdict(text, given, Models(answer["models"], error, refused))


def _compare(ask: Any, judge: Any, title: str, cases: list[tuple[str, str, dict[str, Any]]]) -> None:
    answers = ask({"kind": "pipeline", "yaml": text, "overrides": given} for _, text, given in cases)
    judge(
        title,
        [(case, _verdict(text, given, answer)) for (case, text, given), answer in zip(cases, answers, strict=True)],
    )


def test_every_pipeline_of_paddlex_is_defined_here(shipped: Path) -> None:
    assert set(definitions.names()) == set(_pipelines(shipped))


def test_the_pipelines_that_paddlex_ships_keep_their_meaning(ask: Any, judge: Any, shipped: Path) -> None:
    cases = [(f"{name} {given}", text, given) for name, text in _pipelines(shipped).items() for given in LAYERS]
    _compare(ask, judge, "shipped pipelines", cases)


def test_the_pipelines_that_paddlex_ships_become_plans_where_their_models_are_there(shipped: Path) -> None:
    for name, text in _pipelines(shipped).items():
        ir = compile(request(text))
        assert ir.plan is not None, (name, [item.message for item in ir.diagnostics])


def test_our_built_in_configurations_mean_to_paddlex_what_its_own_do(ask: Any, shipped: Path) -> None:
    names = list(_pipelines(shipped))
    ours = ask({"kind": "pipeline", "yaml": builtin_configs.text(name), "overrides": {}} for name in names)
    theirs = ask({"kind": "pipeline", "yaml": _pipelines(shipped)[name], "overrides": {}} for name in names)
    assert dict(zip(names, ours, strict=True)) == dict(zip(names, theirs, strict=True))


def test_mutated_pipelines_mean_the_same_or_are_refused(ask: Any, judge: Any, shipped: Path) -> None:
    found = mutations.pipelines(_pipelines(shipped), 500, seed=20261122)
    _compare(ask, judge, "mutated pipelines", [(f"{text}\n{given}", text, given) for text, given in found])


def test_module_files_with_options_mean_the_same_or_are_refused(ask: Any, judge: Any, shipped: Path) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in shipped.glob("modules/*/*.yaml")}
    cases = list(mutations.modules(files, 300, seed=20261122))
    answers = ask({"kind": "module", "yaml": text, "options": options} for text, options in cases)
    found = [
        (f"{options}", module_verdict(text, options, answer["arguments"]))
        for (text, options), answer in zip(cases, answers, strict=True)
    ]
    judge("module files", found)


def test_backends_are_chosen_alike_on_all_kinds_of_machines(ask: Any, judge: Any) -> None:
    cases = list(mutations.choices(knowledge.ranked_models(), 1000, seed=20261122))
    answers = ask({"kind": "selection", **_question(choice)} for choice in cases)
    found = [
        (f"{choice}", selection_verdict(choice, None if answer["error"] else answer))
        for choice, answer in zip(cases, answers, strict=True)
    ]
    judge("selection", found)


def _question(choice: Any) -> dict[str, Any]:
    env = {key: getattr(choice, key) for key in choice._fields if key not in ("hpi_config", "formats")}
    return {"hpi_config": choice.hpi_config, "formats": choice.formats, "env": env}


def test_editors_point_at_what_the_planner_warns_of(shipped: Path) -> None:
    """In PaddleX's own files some keys are read by nothing; the editors' schema and the planner name the same ones."""
    for name, text in _pipelines(shipped).items():
        ir = compile(request(text), "inherit")
        unread = {
            item.labels[0].span.line for item in ir.diagnostics if item.code.value in ("key-unknown", "key-misplaced")
        }
        assert bool(unread) == bool(faults("pipeline", yaml.safe_load(text))), name
