"""Runs pipelines in the real PaddleX, with its own ONNX Runtime engine and with a plan's engines.

Started in PaddleX's environment: one JSON question per line on stdin, one JSON answer per line on stdout. A question is
``{"name", "input", "models", "overrides", "predict"}``; an answer holds the files of both as PaddleX writes them (texts
as they are, others by their digest), and how often each session ran, or ``{"error"}``. ``{"together": questions}``
loads several at once.
"""

from __future__ import annotations

import hashlib
import json
import sys
import traceback
import zipfile
from collections.abc import Iterable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hpi_paddlex.configuration import modules, with_numbers
from hpi_paddlex.pipeline import HostedModule, HostedPipeline
from hpi_paddlex.results import HostedResult, save
from hpi_runtime import LocatedPlan, create_model, plan_pipeline

_OWN = "onnxruntime"


def main() -> None:
    """Answer questions until there are no more; what a plan needs is in the question."""
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = next(kind(question) for key, kind in _KINDS.items() if key in question)
        except BaseException as fault:
            answer = {"error": f"{type(fault).__name__}: {fault}", "where": traceback.format_exc()[-2000:]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _plan(question: dict[str, Any]) -> LocatedPlan:
    asked = {"overrides": question.get("overrides", ()), "models": question["models"]}
    return plan_pipeline(question["name"], device="cpu", host="paddlex", **asked)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    plan = _plan(question)
    with HostedPipeline(plan) as pipeline:
        results = list(pipeline.predict(question["input"], **question.get("predict", {})))
        failures = [result["error"]["message"] for result in results if result.is_failed]
        if failures:
            return {"error": failures[0]}
        for result in results:
            _check_forms(result)
        runs = {address: sum(item.runs for item in made) for address, made in pipeline.sessions.items()}
    return {"ours": _written(results), "theirs": _reference(plan, question), "runs": runs}


def _together(question: dict[str, Any]) -> dict[str, Any]:
    questions = question["together"]
    with ExitStack() as stack:
        pipelines = [stack.enter_context(HostedPipeline(_plan(question))) for question in questions]
        both = zip(pipelines, questions, strict=True)
        return {"ours": [_written(pipeline.predict(question["input"])) for pipeline, question in both]}


def _module(question: dict[str, Any]) -> dict[str, Any]:
    """Run a model alone, by us and by PaddleX."""
    paddlex: Any = import_module("paddlex")
    name, folder = question["model"], question["folder"]
    with create_model(name, folder, device="cpu") as module:
        assert isinstance(module, HostedModule)
        ours = _written(module.predict(question["input"]))
    _bind(name)
    own = paddlex.create_predictor(name, model_dir=folder, device="cpu", engine=_OWN)
    return {"ours": ours, "theirs": [_files(result) for result in own(question["input"])]}


_KINDS = {"together": _together, "model": _module, "name": _answer}


def _written(results: Iterable[Any]) -> list[dict[str, str]]:
    return [_files(result.own) for result in results if isinstance(result, HostedResult)]


def _reference(plan: LocatedPlan, question: dict[str, Any]) -> list[dict[str, str]]:
    """Return what PaddleX makes of it by itself, from the same configuration."""
    paddlex: Any = import_module("paddlex")
    assert plan.plan.host is not None
    config = with_numbers(json.loads(json.dumps(plan.plan.host.pipeline)))
    for address, node in modules(config):
        record = plan.modules.get(address)
        if record is None:
            continue
        _bind(record.model.name)
        threads = {"intra_op_num_threads": record.engine.config["cpu_num_threads"]}
        node.update(engine=_OWN, engine_config=threads, model_dir=str(plan.store.resolve(record.model.dir)))
    pipeline = paddlex.create_pipeline(config=config, device="cpu")
    return [_files(result) for result in pipeline.predict(question["input"], **question.get("predict", {}))]


def _bind(name: str) -> None:
    """Let PaddleX's predictor of a model take its own ONNX Runtime engine, where PaddleX does not offer that."""
    registry: Any = import_module("paddlex.inference.models.bindings.registry")
    known = registry.try_get_supported_engines(name)
    if _OWN not in known:
        engine = next(item for item in ("paddle_static", "hpi") if item in known)
        registry.register_predictor_binding_map(registry.get_binding(name, engine).predictor, {_OWN: [name]})


def _check_forms(result: Any) -> None:
    """Look whether a result writes itself as PaddleX's would: all at once, and one form alone into a file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        result.save_all(folder / "all")
        written = {path.name for path in (folder / "all").rglob("*") if path.is_file()}
        assert set(map(_name, _files(result.own))) == written, written
        result.save_to_json(folder / "one/x.json")
        assert json.loads((folder / "one/x.json").read_text())["plan"] == result["plan"]
        assert result.save_to("img", folder / "drawn") == folder / "drawn"
        assert any((folder / "drawn").iterdir())
        assert result.img
        try:
            result.save_to("nothing", folder)
        except TypeError as fault:
            assert "it has: json" in str(fault)
        else:
            raise AssertionError("a form that does not exist was written")


def _name(path: str) -> str:
    return Path(path).name


def _files(result: Any) -> dict[str, str]:
    """Return everything that PaddleX writes of a result."""
    with TemporaryDirectory() as folder:
        save(result, Path(folder))
        paths = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        return {str(path.relative_to(folder)): _content(path).replace(folder, "") for path in paths}


def _content(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".xlsx":
        # Apart from when it was made.
        with zipfile.ZipFile(path) as book:
            parts = [book.read(name) for name in sorted(book.namelist()) if name != "docProps/core.xml"]
        data = b"".join(parts)
    is_text = path.suffix in (".json", ".md", ".html", ".csv", ".tex")
    return data.decode() if is_text else hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
