"""bind_target: the device string against the machine, and the machine against what is supported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hpi_schemas import device
from hpi_schemas.device import Device
from hpi_schemas.target import Target

from hpi_planner.diagnostics.model import Code, Diagnostic, error, note
from hpi_planner.ir import Ir, Pipeline
from hpi_planner.paddlex import definitions

# Device kinds that at least one backend of ours runs on.
_RUNNABLE = ("cpu", "gpu", "npu")
# What the backends are made for; docs/support.md says what of it has run.
_SYSTEMS = ("linux",)
_DEVICES = {"x86_64": ("cpu", "gpu", "npu"), "aarch64": ("cpu", "npu")}
_CUDA = ("11", "12", "13")
_PYTHONS = ("3.10", "3.11", "3.12", "3.13")


@dataclass(frozen=True)
class BindTarget:
    """Binds the plan to one machine.

    Attributes:
        probe: describes the machine; called here, so that an earlier stop does not pay for it.
    """

    probe: Callable[[], Target]
    name: str = "bind_target"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``target``, ``bound_device`` and ``replicas``."""
        if ir.tree is None:
            return ir
        target = self.probe()
        wanted = ir.parsed_device or device.parse(target.default_device)
        found = [*_matrix(target, wanted.kind)]
        problem = _missing(wanted, target)
        if problem is not None:
            labels = () if ir.device is None else ir.device.origin.labels()
            return ir.report(*found, error(Code.DEVICE_MISSING, problem, *labels, help=_help(target)))
        ids = wanted.ids if ir.pipeline is not None and _copies(ir.pipeline) else wanted.ids[:1]
        if len(ids) < len(wanted.ids):
            labels = () if ir.device is None else ir.device.origin.labels()
            message = f"PaddleX uses only the first of several devices here: `{wanted.kind}:{ids[0]}`"
            found.append(note(Code.FIRST_DEVICE_ONLY, message, *labels))
        first = wanted.at(wanted.number)
        return replace(ir, target=target, bound_device=first, replicas=ids if len(ids) > 1 else ()).report(*found)


def _copies(pipeline: Pipeline) -> bool:
    """Tell whether PaddleX makes a copy of it, or of a part of it, on each of several devices."""
    return definitions.load(pipeline.name).parallel or any(map(_copies, pipeline.pipelines.values()))


def _missing(wanted: Device, target: Target) -> str | None:
    if wanted.kind not in _RUNNABLE:
        return f"no backend runs on a device of kind `{wanted.kind}`"
    count = {"cpu": 1, "gpu": len(target.gpus), "npu": target.npus}[wanted.kind]
    lacking = [number for number in wanted.ids or (0,) if number >= count]
    if lacking:
        return f"the target has no `{wanted.kind}:{lacking[0]}`"
    return None


def _help(target: Target) -> str:
    gpus = [f"`gpu:{index}` ({gpu.name})" for index, gpu in enumerate(target.gpus)]
    npus = [f"`npu:{index}`" for index in range(target.npus)]
    there = ", ".join(["`cpu`", *gpus, *npus])
    return f"it has {there}; choose with `--device`, or plan for another machine with `--target`"


def _matrix(target: Target, kind: str) -> list[Diagnostic]:
    found = []
    cuda = None if target.cuda is None or kind != "gpu" else target.cuda.partition(".")[0]
    for what, value, known in (
        ("operating system", target.os, _SYSTEMS),
        ("architecture", target.arch, tuple(_DEVICES)),
        (f"device on {target.arch}", kind, _DEVICES.get(target.arch, (kind,))),
        ("CUDA version", cuda, _CUDA),
        ("Python", target.python, _PYTHONS),
    ):
        if value is not None and value not in known:
            message = f"the target's {what} `{value}` is not supported; supported: {', '.join(known)}"
            found.append(note(Code.TARGET_UNSUPPORTED, message))
    return found
