"""Runs pipelines in the real PaddleX, with its own ONNX Runtime engine and with a plan's engines.

Started in PaddleX's environment: one JSON question per line on stdin, one JSON answer per line on stdout. A question is
``{"name", "input", "models", "overrides", "predict", "secrets", "gallery", "is_alone"}``; an answer holds the files of
both, without ``is_alone``, as PaddleX writes them (texts as they are, others by their digest), how often each model
ran, and what chats said, or ``{"error"}``. ``{"together": questions}`` loads several at once.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import traceback
import zipfile
from collections.abc import Iterable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from hpi_paddlex.pipeline import HostedModule, HostedPipeline
from hpi_paddlex.results import HostedResult, save
from hpi_runtime import LocatedPlan, create_model, plan_pipeline

from hosted import reference


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
    plan, secrets = _plan(question), question.get("secrets", {})
    with ExitStack() as stack:
        pipeline = stack.enter_context(HostedPipeline(plan, secrets=secrets))
        settings = {**question.get("predict", {}), **_index(stack, pipeline.own, question)}
        results = list(pipeline.predict(question["input"], **settings))
        failures = [result["error"]["message"] for result in results if result.is_failed]
        if failures:
            return {"error": failures[0]}
        for result in results:
            _check_forms(result)
        runs = {address: sum(item.runs for item in made) for address, made in pipeline.runners.items()}
        if question.get("is_alone"):
            return {"ours": _written(results), "runs": runs}
        own = reference.pipeline(plan, secrets)
        settings |= _index(stack, own, question)
        theirs = [_files(result) for result in reference.results(own, question["input"], settings)]
    chats = [result["chat_res"] for result in results if "chat_res" in result]
    return {"ours": _written(results), "theirs": theirs, "runs": runs, "chats": chats}


def _index(stack: ExitStack, own: Any, question: dict[str, Any]) -> dict[str, str]:
    """Let a pipeline that looks things up make an index of pictures and their labels, and return its folder."""
    if "gallery" not in question:
        return {}
    folder = stack.enter_context(TemporaryDirectory())
    own.build_index(*question["gallery"], index_type="Flat").save(folder)
    return {"index": folder}


def _together(question: dict[str, Any]) -> dict[str, Any]:
    questions = question["together"]
    with ExitStack() as stack:
        pipelines = [stack.enter_context(HostedPipeline(_plan(question))) for question in questions]
        both = zip(pipelines, questions, strict=True)
        return {"ours": [_written(pipeline.predict(question["input"])) for pipeline, question in both]}


def _module(question: dict[str, Any]) -> dict[str, Any]:
    """Run a model alone, by us and by PaddleX."""
    name, folder = question["model"], question["folder"]
    with create_model(name, folder, device="cpu") as module:
        assert isinstance(module, HostedModule)
        ours = _written(module.predict(question["input"]))
    # After us: where it finds a font, it reads when it is imported.
    paddlex: Any = import_module("paddlex")
    reference.bind(name)
    own = paddlex.create_predictor(name, model_dir=folder, device="cpu", engine=reference.OWN)
    return {"ours": ours, "theirs": [_files(result) for result in own(question["input"])]}


_KINDS = {"together": _together, "model": _module, "name": _answer}


def _written(results: Iterable[Any]) -> list[dict[str, str]]:
    return [_files(result.own) for result in results if isinstance(result, HostedResult)]


def _check_forms(result: Any) -> None:
    """Look whether a result writes itself as PaddleX's would: all at once, and one form alone into a file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        result.save_all(folder / "all")
        written = {path.name for path in (folder / "all").rglob("*") if path.is_file()}
        assert set(map(_name, _files(result.own))) == written, written
        result.save_to_json(folder / "one/x.json")
        assert json.loads((folder / "one/x.json").read_text())["plan"] == result["plan"]
        if any(name.endswith(".png") for name in written):
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
        return {str(path.relative_to(folder)): _placeless(_content(path), folder) for path in paths}


def _placeless(text: str, folder: str) -> str:
    """Return a text without the names of temporary folders: ours, and that where PaddleX unpacks archives."""
    return re.sub(rf"{re.escape(gettempdir())}/tmp\w+", "", text.replace(folder, ""))


def _content(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix in (".docx", ".xlsx"):
        # Apart from when it was made.
        with zipfile.ZipFile(path) as book:
            parts = [book.read(name) for name in sorted(book.namelist()) if name != "docProps/core.xml"]
        data = b"".join(re.sub(rb"/tmp\w+/", b"/", part) for part in parts)
    is_text = path.suffix in (".json", ".md", ".html", ".csv", ".tex")
    return data.decode() if is_text else hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
