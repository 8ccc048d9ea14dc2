"""Golden cases: each file in tests/cases holds a pipeline and what every pass makes of it.

Sections: `args` (as typed), `pipeline.yaml`, `target.json`, any other file by its path (`onnx PATH` makes a tiny ONNX
file with the inputs that the section lists, `config PATH` an inference.yml for a model, `repeated PATH` one line as
often as it says), then the outputs: `after PASS` and `diagnostics`.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from hpi_planner import request, snapshot
from hpi_planner.cli.plan import _measured
from hpi_planner.cli.plan_options import parser as _parser
from hpi_planner.compile import compile
from hpi_planner.diagnostics import render
from hpi_planner.diagnostics.model import Code
from hpi_planner.paddlex import definitions
from hpi_planner.syntax import overrides
from support import model_configs, tiny_onnx, txtar

CASES = Path(__file__).parent.parent / "cases"
DOCS = Path(__file__).parent.parent.parent / "docs/diagnostics.md"


def _lay_out(folder: Path, sections: dict[str, str]) -> None:
    for name, body in sections.items():
        kind, _, path = name.rpartition(" ")
        if kind in ("after", "") and not (kind == "" and "." in path):
            continue
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if kind == "onnx":
            place.write_bytes(tiny_onnx.model(*body.splitlines()))
        elif kind == "config":
            place.write_text(model_configs.text(*body.split()), encoding="utf-8")
        elif kind == "repeated":
            times, line = body.split(" ", 1)
            place.write_text(line * int(times), encoding="utf-8")
        elif kind == "bytes":
            place.write_bytes(body.strip().encode("ascii").decode("unicode_escape").encode("latin-1"))
        else:
            place.write_text(body, encoding="utf-8")


def _outputs(sections: dict[str, str]) -> dict[str, str]:
    options = _parser().parse_args(shlex.split(sections.get("args", "")) or ["pipeline.yaml"])
    flags = {name: getattr(options, name) for name in overrides.FLAGS}
    pipeline = options.pipeline or "pipeline.yaml"
    target = options.target[0] if options.target else "linux-x64-cpu"
    layers = overrides.collect(flags, options.sets, options.regular)
    made = request.make(pipeline, layers, target, options.models, measured=_measured(options))
    found: dict[str, str] = {}
    for name in sections:
        if name.startswith("after "):
            stop = name.removeprefix("after ")
            ir = compile(made, stop)
            shown = ir.text or "" if stop == "freeze" else json.dumps(snapshot.snapshot(ir, stop), indent=2) + "\n"
            found[name] = shown
    ir = compile(made)
    found["diagnostics"] = render.render(ir.diagnostics, ir.texts)
    return found


@pytest.mark.parametrize("path", sorted(CASES.glob("*.txtar")), ids=lambda path: path.stem)
def test_case_gives_what_it_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    comment, sections = txtar.split(path.read_text(encoding="utf-8"))
    _lay_out(tmp_path, sections)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PADDLE_PDX_CACHE_HOME", "paddlex")
    found = _outputs(sections)
    if pytestconfig.getoption("--update-cases"):
        path.write_text(txtar.join(comment, {**sections, **found}), encoding="utf-8")
        return
    for name, text in found.items():
        assert text.rstrip("\n") == sections[name].rstrip("\n"), f"{name}: `make golden` rewrites it"


@pytest.mark.parametrize("code", list(Code), ids=lambda code: code.value)
def test_every_diagnostic_has_a_case_and_an_entry_in_the_documentation(code: Code) -> None:
    # Policies are hpi-review's, and have their own tests.
    if code is not Code.POLICY_BROKEN:
        case = CASES / f"{code.value}.txtar"
        _, sections = txtar.split(case.read_text(encoding="utf-8"))
        assert f"[{code.value}]" in sections["diagnostics"]
    _, _, entry = DOCS.read_text(encoding="utf-8").partition(f"\n## {code.value}\n")
    cause, example, mend = entry.partition("\n## ")[0].strip().split("\n\n")
    assert cause and example.startswith("    ") and mend.startswith("Mend: ")


def test_every_diagnostic_in_the_documentation_exists() -> None:
    told = [line[3:] for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    assert sorted(told) == sorted(code.value for code in Code)


@pytest.mark.parametrize("name", definitions.names())
def test_every_built_in_configuration_compiles_up_to_inherit_without_a_word(name: str) -> None:
    ir = compile(request.make(name), "inherit")
    assert ir.modules
    assert ir.diagnostics == ()
