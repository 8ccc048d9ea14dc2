"""Asks PaddleX's server and ours the same, without a network: both are called as applications.

Started in PaddleX's environment: one JSON question per line on stdin, one JSON answer per line on stdout. A question is
``{"name", "models", "overrides", "gallery", "requests"}``; an answer has for each request the status and the body, of
``ours`` and of ``theirs``, or ``{"error"}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hpi_serve
from hpi_paddlex import guard
from hpi_planner.cli import plan as planning
from hpi_runtime import plan_pipeline
from hpi_serve import contract
from hpi_serve.options import Options
from starlette.testclient import TestClient

from hosted import reference


def main() -> None:
    """Answer questions until there are no more."""
    # First, for PaddleX reads what we tell it when it is imported: where a font is, say.
    guard.load()
    for line in sys.stdin:
        question = json.loads(line)
        answer: dict[str, Any]
        try:
            with TemporaryDirectory() as folder:
                # Where relative folders start that a command line names.
                os.chdir(folder)
                _make_index(question)
                answer = {"ours": _ours(question), "theirs": _theirs(question)}
                os.chdir("/")
        except BaseException as fault:
            answer = {"error": f"{type(fault).__name__}: {fault}", "where": traceback.format_exc()[-2000:]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _make_index(question: dict[str, Any]) -> None:
    """Let PaddleX make an index of pictures and their labels, where a question names some."""
    if "gallery" in question:
        _own(question).build_index(*question["gallery"], index_type="Flat").save("index")
        question["overrides"] = [*question.get("overrides", ()), "index=index"]


def _own(question: dict[str, Any]) -> Any:
    asked = {"overrides": question.get("overrides", ()), "models": question["models"]}
    return reference.pipeline(plan_pipeline(question["name"], device="cpu", host="paddlex", **asked), {})


def _path(question: dict[str, Any]) -> str:
    found = contract.find(question["name"])
    assert found is not None
    return found.path


def _ours(question: dict[str, Any]) -> list[Any]:
    models = [part for folder in question["models"] for part in ("--models", folder)]
    overrides = [part for item in question.get("overrides", ()) for part in ("-o", item)]
    code = planning.main([question["name"], *models, *overrides, "--device", "cpu", "--output", "plan.json"])
    assert code == 0, code
    options = Options(models=tuple(Path(item) for item in question["models"]))
    with TestClient(hpi_serve.app("plan.json", options=options)) as client:
        while not (ready := client.get("/ready").json())["ready"]:
            assert "fault" not in ready, ready
            time.sleep(0.05)
        return _asked(client, _path(question), question["requests"])


def _theirs(question: dict[str, Any]) -> list[Any]:
    own = _own(question)
    serving: Any = import_module("paddlex.inference.serving.basic_serving")
    app = serving.create_pipeline_app(own, {"pipeline_name": question["name"]})
    with TestClient(app, raise_server_exceptions=False) as client:
        return _asked(client, _path(question), question["requests"])


def _asked(client: TestClient, path: str, requests: Sequence[Any]) -> list[Any]:
    found = []
    for request in requests:
        if isinstance(request, str):
            reply = client.post(path, content=request, headers={"Content-Type": "application/json"})
        else:
            reply = client.post(path, json=request)
        found.append([reply.status_code, reply.json()])
    return found


if __name__ == "__main__":
    main()
