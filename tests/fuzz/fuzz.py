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

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["hpi_planner", "hpi_runtime", "hpi_schemas"]):
    from hpi_planner import report
    from hpi_planner.compile import compile
    from hpi_planner.diagnostics import has_errors
    from hpi_runtime import pipeline, plan
    from hpi_runtime.errors import InputError, RunnerError
    from hpi_runtime.inputs import images, pdf
    from hpi_runtime.inputs.limits import Limits
    from hpi_schemas import model_inputs
    from support.pipelines import CPU, request

SMALL = Limits(pixels=1 << 20, pages=4)
TASKS = ("image_classification", "text_detection", "text_recognition")


def read_plan(data: bytes) -> None:
    with suppress(RunnerError):
        plan.parse(data, Path(), None, [])


def compile_yaml(data: bytes) -> None:
    ir = compile(request(data.decode("utf-8", "replace"), (), CPU))
    assert (ir.plan is None) == has_errors(ir.diagnostics)
    report.render(ir.diagnostics, ir.texts)


def read_configuration(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "inference.yml").write_bytes(data)
        for task in TASKS:
            with suppress(RunnerError):
                pipeline.make_module("m", {"module_name": task, "settings": {}, "batch_size": 1}, Path(folder))


def decode_picture(data: bytes) -> None:
    with suppress(InputError):
        if images.is_tiff(data):
            list(images.decode_pages(data, "a", SMALL))
        else:
            images.decode(data, "a", SMALL)


def read_document(data: bytes) -> None:
    with suppress(InputError), pdf.Documents(SMALL) as documents:
        list(documents.pages(data, "a"))


def read_model(data: bytes) -> None:
    for suffix in (".onnx", ".pdmodel", ".json"):
        with tempfile.NamedTemporaryFile(suffix=suffix) as file, suppress(model_inputs.ModelFileError):
            file.write(data)
            file.flush()
            model_inputs.read_header(Path(file.name))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "configuration": read_configuration,
    "document": read_document,
    "model": read_model,
    "picture": decode_picture,
    "plan": read_plan,
    "yaml": compile_yaml,
}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
