"""Origins, rules and reasons of a plan in words that a newcomer understands."""

from __future__ import annotations

from hpi_schemas.backends import load_all
from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.plan.model import ModuleRecord, Plan
from hpi_schemas.plan.origin import Origin

from hpi_planner import knowledge
from hpi_planner.paddlex import ranking
from hpi_planner.review.said import Sources
from hpi_planner.select.options import DEFAULT_THREADS
from hpi_planner.select.reasons import WHY

_MACHINES = {
    "cpu_x64": "x86-64 CPUs",
    "gpu_cuda11": "NVIDIA GPUs with CUDA 11",
    "gpu_cuda12": "NVIDIA GPUs with CUDA 12",
}
_TABLES = {"paddle30": "Paddle 3.0", "paddle31": "Paddle 3.1", "paddle311": "Paddle 3.1.1"}
_DEVICES = {"cpu": "CPUs", "gpu": "NVIDIA GPUs", "npu": "Ascend NPUs"}
_REGULAR, _GENERIC = "regular", "generic"
# How rankings call Paddle's run modes.
_ENTRIES = ("paddle", "paddle_mkldnn", "paddle_tensorrt")
_BACKEND, _SWITCH = "engine.backend", "use_hpip"


class Words:
    """Says things about one plan."""

    def __init__(self, plan: Plan, sources: Sources | None = None) -> None:
        """Take a plan and, where they are at hand, its YAML and overrides."""
        self._plan = plan
        self._sources = sources

    def origin(self, found: Origin | None) -> str:
        """Write an origin, empty where none is recorded."""
        if found is None:
            return ""
        spot = None if self._sources is None else self._sources.spot(found)
        if spot is not None:
            return f"{spot.file}:{spot.line}"
        if found.override is not None and found.override < len(self._plan.source.overrides):
            return f"`{self._plan.source.overrides[found.override]}`"
        if found.kind == plan_origin.DEFAULT:
            return self._default(found.name)
        if found.kind == plan_origin.RULE:
            return self._rule(found.name)
        if found.kind == plan_origin.PROFILE and self._plan.source.profile is not None:
            return f"the profile {self._plan.source.profile.file}, for {found.name}"
        known = {plan_origin.FILE: "the YAML at `{}`", plan_origin.MODEL: "the model's `{}`"}
        return known[found.kind].format(found.name) if found.kind in known else str(found)

    def brief(self, found: Origin | None) -> str:
        """Write an origin in a few words, for brackets."""
        if found is not None and found.kind == plan_origin.RULE:
            if found.name.startswith(f"{_GENERIC}/"):
                return "the generic order"
            return "PaddleX's ranking" if "/" in found.name else self._rule(found.name)
        return self.origin(found)

    def backend(self, address: str) -> str:
        """Say why a module runs on its backend."""
        module = self._plan.modules[address]
        found, chosen = module.origins.get(_BACKEND), module.engine.backend
        if found is None:
            return "the plan does not say why"
        if found.kind in (plan_origin.FILE, plan_origin.OVERRIDE):
            return f"{self.origin(found)} says so"
        if found.kind == plan_origin.PROFILE:
            count = "" if module.profile is None else f" of {module.profile.measured} measured"
            return f"the best{count} in {self.origin(found)}, with answers that are accurate enough"
        if found.kind != plan_origin.RULE:
            return self.origin(found)
        if found.name == _REGULAR:
            return self._regular(module)
        environment, _, table = found.name.partition("/")
        if environment == _GENERIC:
            order = _listed(knowledge.GENERIC_ORDER.get(table, ()))
            told = (
                f"the generic order for {_DEVICES.get(table, table)}, for PaddleX ranks none that can be had: {order}"
            )
        else:
            machines, paddle = _MACHINES.get(environment, environment), _TABLES.get(table, table)
            told = f"PaddleX's ranking for {machines} (its table of {paddle})"
            is_known = environment in _MACHINES and table in _TABLES
            order = _listed((knowledge.ranking(environment, table, _ranked(module)) or ()) if is_known else ())
            told = f"{told}: {order}" if order else told
        mode = str(module.engine.config.get("run_mode", ""))
        entry = next((item for item in _ENTRIES if ranking.run_mode(item) == mode), chosen) if mode else chosen
        return f"{told}; {entry} is the first of them that can be had" if order else told

    def device(self) -> str:
        """Say why the plan is for its device, where no module asks for another."""
        source = self._plan.source
        asked = next((token for token in source.overrides if token.startswith(("--device=", "-o device="))), None)
        if asked is not None:
            return f"`{asked}` says so"
        return f"the usual device of the target ({self._plan.target.device}), or that of the YAML's key `device`"

    def not_chosen(self, address: str) -> dict[str, str]:
        """Say why a module does not run on each other backend."""
        module = self._plan.modules[address]
        return {name: self._why_not(module, code) for name, code in module.not_chosen.items()}

    def _why_not(self, module: ModuleRecord, code: str) -> str:
        told = WHY.get(code, code)
        if code == "NOT_REQUESTED":
            return f"{told}: {module.engine.backend}, by {self.origin(module.origins.get(_BACKEND))}"
        if code == "MODEL_FORMAT_MISSING":
            return f"{told}: there is {_listed(module.model.formats)}"
        if code == "DEVICE_MISMATCH":
            return f"{told}, {module.device}"
        return told

    def _regular(self, module: ModuleRecord) -> str:
        switch = self.origin(module.origins.get(_SWITCH))
        off = f"high-performance inference is off here ({switch or 'nobody turned it on'})"
        if module.engine.backend == "paddle":
            return f"{off}, and Paddle is PaddleX's regular inference"
        return f"{off}, and the model is there as {_listed(module.model.formats)}, which Paddle does not load"

    def _rule(self, name: str) -> str:
        if name == "threads":
            return (
                f"the least of {DEFAULT_THREADS}, PaddleX's default, and the target's {self._plan.target.cores} cores"
            )
        known = {
            "one_size": "on where every picture of the task has one size, for it keeps a plan of each",
            "run_mode": "oneDNN on a CPU where Paddle has it and PaddleX lets the model, else Paddle's own kernels",
            "new_ir": "on but for models that PaddleX keeps away from it",
            "trt_settings": "what PaddleX sets for this model",
            "candidates": "one of the values worth measuring",
            _REGULAR: "regular inference",
        }
        if name in known:
            return known[name]
        environment, _, table = name.partition("/")
        if environment == _GENERIC:
            return f"the generic order for {_DEVICES.get(table, table)}"
        return f"PaddleX's ranking for {_MACHINES.get(environment, environment)}" if table else f"the rule {name}"

    def _default(self, owner: str) -> str:
        backend = load_all().get(owner)
        if backend is not None:
            return f"the default of {backend.title}"
        pipeline, _, module = owner.rpartition(".")
        if pipeline:
            return f"the default for {module} in the pipeline {pipeline}"
        return {"use_hpip": "off unless somebody turns it on"}.get(owner, f"the default of {owner}")


def _ranked(module: ModuleRecord) -> str:
    """Return the model whose ranking counted."""
    return str((module.hpi_config or {}).get("model_name") or module.model.name)


def _listed(names: object) -> str:
    """List names once each; a ranking's entries for fp16 count as their fp32 form."""
    assert isinstance(names, (list, tuple))
    return ", ".join(dict.fromkeys(str(name).removesuffix("_fp16") for name in names))
