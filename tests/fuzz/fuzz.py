"""Coverage-guided fuzzing of everything that reads what somebody else may have made.

``python fuzz.py TARGET -runs=N`` (libFuzzer's options): ends with an error on a traceback, a hang or a crash.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["hpi_planner", "hpi_runtime", "hpi_schemas"]):
    from hpi_planner.compile import compile
    from hpi_planner.diagnostics import render
    from hpi_planner.diagnostics.model import has_errors
    from hpi_planner.select import profile
    from hpi_runtime.errors import InputError, RunnerError
    from hpi_runtime.inputs import images, named, pdf
    from hpi_runtime.inputs.limits import Limits
    from hpi_runtime.prepare import cache
    from hpi_runtime.results import naming
    from hpi_runtime.run import loading, plan
    from hpi_schemas import cleaning, model_inputs
    from hpi_schemas.canonical import JsonError, loads
    from hpi_schemas.documents import DocumentError
    from hpi_schemas.model_config import ModelConfigError, read_config
    from hpi_schemas.target import from_json
    from hpi_schemas.tasks.check import contradictions
    from hpi_schemas.tasks.contradiction import Facts
    from hpi_schemas.tasks.processing import processing
    from support import records
    from support.pipelines import CPU, request

SMALL = Limits(pixels=1 << 20, pages=4, page_seconds=10)
TASKS = ("image_classification", "text_detection", "text_recognition")
# One process draws all of them, unless one crashes it.
DOCUMENTS = pdf.Documents(SMALL)


def read_plan(data: bytes) -> None:
    with suppress(RunnerError):
        plan.parse(data, Path(), None, [])


def compile_yaml(data: bytes) -> None:
    ir = compile(request(data.decode("utf-8", "replace"), (), CPU))
    assert (ir.plan is None) == has_errors(ir.diagnostics)
    render.render(ir.diagnostics, ir.texts)


def read_configuration(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inference.yml"
        path.write_bytes(data)
        try:
            config = read_config(path)
            assert processing(config) == processing(yaml.load(data.decode("utf-8-sig"), Loader=yaml.CSafeLoader))
        except ModelConfigError:
            return
        for task in TASKS:
            told = contradictions(task, Facts({}, {}, processing(config), {}, 1))
            try:
                loading.make_task("m", records.module(task), Path(folder))
            except RunnerError:
                assert told
            else:
                assert not told


def decode_picture(data: bytes) -> None:
    with suppress(InputError):
        if images.is_tiff(data):
            list(images.decode_pages(data, "a", SMALL)[1])
        else:
            images.decode(data, "a", SMALL)


def read_document(data: bytes) -> None:
    with suppress(InputError):
        list(DOCUMENTS.pages(data, "a")[1])


def read_model(data: bytes) -> None:
    for suffix in (".onnx", ".pdmodel", ".json"):
        with tempfile.NamedTemporaryFile(suffix=suffix) as file, suppress(model_inputs.ModelFileError):
            file.write(data)
            file.flush()
            model_inputs.read_header(Path(file.name))


def read_names(data: bytes) -> None:
    for name in named.listed(data):
        assert all(part not in ("", ".", "..") for part in naming.stem(name, None).parts)
        cleaning.clean_line(name)


def read_target(data: bytes) -> None:
    with suppress(JsonError, ValueError):
        from_json(loads(data))


def read_artefact(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "artefact.json").write_bytes(data)
        assert not cache.is_whole(Path(folder))


def read_profile(data: bytes) -> None:
    with suppress(DocumentError):
        profile.parse(data, "a", "a", profile.LATENCY, None)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "artefact": read_artefact,
    "configuration": read_configuration,
    "document": read_document,
    "model": read_model,
    "names": read_names,
    "picture": decode_picture,
    "plan": read_plan,
    "profile": read_profile,
    "target": read_target,
    "yaml": compile_yaml,
}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
