"""Comparing our answers with PaddleX's: equal, stricter, or different on purpose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml
from hpi_planner import knowledge
from hpi_planner.compile import compile
from hpi_planner.diagnostics.model import Severity
from hpi_planner.ir import Ir, ModelFacts, Module
from hpi_planner.syntax import overrides
from hpi_schemas.target import Gpu, Target

from support.pipelines import request

EQUAL, REFUSED, STRICTER, ON_PURPOSE, DIFFERENT = "equal", "refused by both", "stricter", "on purpose", "different"

# The only reasons for an answer of ours that is neither PaddleX's nor a refusal.
ROWS = {
    "fp16": "a ranked fp16 entry counts as its fp32 form, for numbers change only where someone asks for it",
    "precision": "`precision` is an option of every backend here, and fp16 was asked for",
    "unknown model": "PaddleX refuses a model without a ranking; here the generic order counts",
    "unranked backends": "PaddleX refuses a model if it can have nothing that it ranks; here the generic order counts",
    "CUDA 13": "PaddleX refuses it; here the table of CUDA 12 is the nearest",
    "aarch64": "PaddleX refuses it; here the table of x86-64 is the nearest",
    "NPU": "PaddleX never chooses a backend for it; here the generic order counts",
    "Paddle 3.0.x": "PaddleX stops with a KeyError; here the table of 3.0.0 is the nearest",
    "values": "`-o` values are YAML here; PaddleX evaluates them as Python",
}


EVERY_DEVICE = Target(
    "linux",
    "x86_64",
    64,
    cuda="12.6",
    gpus=(Gpu("a GPU", "8.0", 1),) * 4,
    npus=4,
    backends={"onnxruntime": "1.26.0", "openvino": "2026.4.1", "paddle": "3.2.2", "tensorrt": "10.9", "om": "8.0"},
    tools={"paddle2onnx": "2.1.0"},
)


class Verdict(NamedTuple):
    """How one case compares.

    Attributes:
        kind: one of the constants above.
        why: the row, the diagnostics or what differs.
    """

    kind: str
    why: str = ""


class Models(NamedTuple):
    """What PaddleX makes of a YAML: the models, as records, and why it stopped or would stop."""

    models: Sequence[Mapping[str, Any]]
    error: str | None = None
    refused: str | None = None


def errors(ir: Ir) -> str:
    """Return the codes of the errors, empty without one."""
    return ", ".join(sorted({item.code.value for item in ir.diagnostics if item.severity is Severity.ERROR}))


def _flags(given: Mapping[str, Any]) -> dict[str, Any]:
    texts = {key: value if key == "device" else json.dumps(value) for key, value in given.items() if value is not None}
    return {key: value for key, value in texts.items() if key in overrides.FLAGS}


# -- pipelines -----------------------------------------------------------------------------------


def pipeline_verdict(text: str, given: Mapping[str, Any], theirs: Models) -> Verdict:
    """Compare what both make of a pipeline with API overrides."""
    asked = request(text, overrides.collect(_flags(given)), EVERY_DEVICE)
    if theirs.error or theirs.refused:
        # What PaddleX refuses when it creates a model is refused by a later pass of ours.
        refused = errors(compile(asked, "inherit" if theirs.error else "select"))
        return (
            Verdict(REFUSED, refused) if refused else Verdict(DIFFERENT, f"accepted: {theirs.error or theirs.refused}")
        )
    ir = compile(asked, "inherit")
    if errors(ir):
        return Verdict(STRICTER, errors(ir))
    # With several devices PaddleX creates everything once per device.
    wanted = {record["path"]: record for record in theirs.models}
    if list(wanted) != [module.address for module in ir.modules]:
        return Verdict(DIFFERENT, f"modules {[module.address for module in ir.modules]}, not {list(wanted)}")
    for module in ir.modules:
        for key, value in _record(module, wanted[module.address]).items():
            theirs_is = _comparable(key, wanted[module.address].get(key))
            if value != theirs_is:
                return Verdict(DIFFERENT, f"{module.address}.{key} is {value!r}, not {theirs_is!r}")
    return Verdict(EQUAL)


def _record(module: Module, like: Mapping[str, Any]) -> dict[str, Any]:
    record = {
        "model_name": module.model_name,
        "model_dir": module.model_dir,
        "batch_size": module.batch_size,
        "use_hpip": module.use_hpip,
        "hpi_config": module.hpi_config,
        "engine": module.engine_given,
        "engine_config": module.engine_config,
        "lazy": bool(module.lazy),
    }
    # PaddleX 3.0 knows no engines.
    return {key: value for key, value in record.items() if key in like}


def _comparable(key: str, value: Any) -> Any:
    return bool(value) if key == "use_hpip" else value


# -- module files --------------------------------------------------------------------------------


def module_verdict(text: str, options: Sequence[str], theirs: Mapping[str, Any] | None) -> Verdict:
    """Compare what both make of a module file; ``theirs`` is None where PaddleX stops."""
    ir = compile(request(text, overrides.collect({}, options)), "inherit")
    if errors(ir) or not ir.modules:
        return Verdict(REFUSED if theirs is None else STRICTER, errors(ir))
    if theirs is None:
        return Verdict(ON_PURPOSE, "values") if _odd(options) else Verdict(DIFFERENT, "accepted")
    module = ir.modules[0]
    kernel = module.kernel_option
    ours = {
        "model_name": module.model_name,
        "model_dir": module.model_dir,
        "device": None if ir.device is None else ir.device.value,
        "use_hpip": module.use_hpip,
        "hpi_config": module.hpi_config,
        "engine": module.engine_given,
        "engine_config": module.engine_config,
        "run_mode": kernel["backend_config.run_mode"].value if "backend_config.run_mode" in kernel else None,
    }
    wanted = {key: _comparable(key, theirs.get(key)) for key in ours}
    differing = [f"{key} is {ours[key]!r}, not {wanted[key]!r}" for key in ours if ours[key] != wanted[key]]
    if not differing:
        return Verdict(EQUAL)
    return Verdict(ON_PURPOSE, "values") if _odd(options) else Verdict(DIFFERENT, "; ".join(differing))


def _odd(options: Sequence[str]) -> bool:
    """Tell whether YAML and PaddleX read the value of an option differently; PaddleX takes one `=` only."""
    return any(option.count("=") > 1 for option in options) or any(
        _yaml(value) != _python(value) for _, _, value in (option.partition("=") for option in options)
    )


def _yaml(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    # As the planner reads every string of a YAML.
    return {"True": True, "False": False, "None": None}.get(value, value) if isinstance(value, str) else value


def _python(text: str) -> Any:
    """Read an option as PaddleX does, as far as tests use it: any piece of the word None is null."""
    if text in "None":
        return None
    if text in ("copy", "os"):
        return f"the module {text}"
    if text.lower() in ("true", "t", "false", "f"):
        return text.lower().startswith("t")
    try:
        return eval(text, {"__builtins__": {}})
    except Exception:
        return text


# -- selection -----------------------------------------------------------------------------------


class Choice(NamedTuple):
    """One question about a backend, in the words of PaddleX.

    Attributes:
        hpi_config: with ``model_name`` and ``device_type``.
        formats: the files of the model.
        built: the backends of the machine: om, openvino, ort, trt.
        paddle2onnx, mkldnn, tensorrt: whether Paddle has it.
        paddle: Paddle's version as major, minor, patch and tag.
        cuda: Paddle's CUDA version, None without one.
        machine: as ``uname -m`` says.
    """

    hpi_config: Mapping[str, Any]
    formats: Sequence[str]
    built: Mapping[str, bool]
    paddle2onnx: bool
    mkldnn: bool
    tensorrt: bool
    paddle: Sequence[Any]
    cuda: Sequence[int] | None
    machine: str

    @property
    def target(self) -> Target:
        """The machine."""
        names = {"om": "om", "openvino": "openvino", "onnxruntime": "ort", "tensorrt": "trt"}
        versions = {name: "1" if self.built[built] else None for name, built in names.items()}
        version = ".".join(map(str, self.paddle[:3])) + (self.paddle[3] or "")
        return Target(
            "linux",
            self.machine.lower(),
            64,
            gpus=(Gpu("a GPU", "8.0", 1),) * 4,
            npus=4,
            cuda=None if self.cuda is None else ".".join(map(str, self.cuda)),
            backends={**versions, "paddle": version},
            tools={"paddle2onnx": "2.1.0" if self.paddle2onnx else None},
            paddle_features=("mkldnn",) * self.mkldnn + ("tensorrt",) * self.tensorrt,
        )

    @property
    def extension(self) -> str | None:
        """The row by which we answer where PaddleX refuses, None without one."""
        device, major = self.hpi_config["device_type"], (self.cuda or [0])[0]
        rows = {
            "NPU": device == "npu",
            "unknown model": knowledge.ranking("cpu_x64", "paddle30", self.hpi_config["model_name"]) is None
            or knowledge.ranking("gpu_cuda12", "paddle311", self.hpi_config["model_name"]) is None,
            "CUDA 13": device == "gpu" and major >= 13,
            "aarch64": device == "cpu" and self.machine == "aarch64",
            "Paddle 3.0.x": list(self.paddle[:2]) == [3, 0] and self.paddle[2] > 0,
        }
        return next((row for row, holds in rows.items() if holds), None)


class _Reader:
    """Has every model in the given formats."""

    def __init__(self, formats: Sequence[str]) -> None:
        self._formats = tuple(sorted(formats))

    def read(self, address: str, model_name: str, model_dir: str | None) -> ModelFacts:
        each: dict[str, Any] = {form: {} for form in self._formats}
        return ModelFacts("m", self._formats, each, each, model_name)


def selection_verdict(choice: Choice, theirs: Mapping[str, Any] | None) -> Verdict:
    """Compare the backend and configuration that both choose; ``theirs`` is None where PaddleX refuses."""
    asked = dict(choice.hpi_config)
    name = asked.pop("model_name")
    # A model that PaddleX does not know runs under the name of one that it does.
    shown = name if knowledge.module_of(name) is not None else "PP-LCNet_x0_5"
    if shown != name:
        asked["model_name"] = name
    text = yaml.safe_dump({"Global": {"model": shown}, "Predict": {"use_hpip": True, "hpi_config": asked}})
    ir = compile(request(text, (), choice.target, _Reader(choice.formats)), "select")
    module = ir.modules[0] if ir.modules else None
    if module is None or module.engine is None:
        return Verdict(REFUSED if theirs is None else STRICTER, errors(ir))
    ours = module.engine
    if theirs is None:
        by = module.origins["engine.backend"].recorded
        is_generic = str(by).startswith("rule:generic/")
        row = choice.extension or ("unranked backends" if is_generic else None)
        return Verdict(ON_PURPOSE, row) if row else Verdict(DIFFERENT, f"accepted with {ours.backend}")
    theirs_mode = theirs["config"].get("run_mode") or _regular(choice, shown)
    wanted = (theirs["backend"], theirs_mode if theirs["backend"] == "paddle" else theirs["config"].get("precision"))
    is_paddle = ours.backend == "paddle"
    found = (ours.backend, ours.config["run_mode"] if is_paddle else ours.config.get("precision"))
    if found == wanted or (found[0] == wanted[0] and found[1] == "fp32" and wanted[1] is None) or found == ("om", None):
        return Verdict(EQUAL)
    given = (choice.hpi_config.get("backend_config") or {}).get("precision")
    if is_paddle and given == "fp16" and found in {("paddle", "paddle_fp16"), ("paddle", "trt_fp16")}:
        return Verdict(ON_PURPOSE, "precision")
    if given is None and found[0] == wanted[0] and str(wanted[1]).replace("fp16", "fp32") == found[1]:
        return Verdict(ON_PURPOSE, "fp16")
    return Verdict(DIFFERENT, f"{found}, not {wanted}")


def _regular(choice: Choice, model: str) -> str:
    usable = choice.mkldnn and choice.hpi_config["device_type"] == "cpu" and not knowledge.blocked("mkldnn", model)
    return "mkldnn" if usable else "paddle"
