"""The description of a machine that a plan is made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = "1.0"


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU.

    Attributes:
        name: the product name, as the driver reports it.
        compute_capability: ``major.minor``, for example ``9.0``.
        memory_mib: its memory in MiB.
    """

    name: str
    compute_capability: str
    memory_mib: int


@dataclass(frozen=True)
class Target:
    """What a decision may know of a machine; an absent fact is None or empty.

    Attributes:
        os: ``linux``, ``windows`` or ``darwin``.
        arch: ``x86_64`` or ``aarch64``.
        cores: usable processor cores, the smaller of affinity and cgroup quota.
        python: ``major.minor`` of the interpreter, or None.
        device: what an absent ``--device`` means; None leaves it to the first GPU, else the CPU.
        cpu_features: sorted names as in ``/proc/cpuinfo``.
        gpus: the NVIDIA GPUs by index.
        driver: version of the NVIDIA driver, or None.
        cuda: newest CUDA version that the driver supports, ``major.minor``, or None.
        npus: number of Ascend NPUs.
        backends: version of each backend's package, None where it is not installed.
        tools: the same for what prepare steps need, such as paddle2onnx.
        hosts: version of each program that can run a pipeline around our engines, such as ``paddlex``; None where it is
            not installed.
        paddle_features: what Paddle can use there, of ``mkldnn`` and ``tensorrt``; None means what is usual.
    """

    os: str
    arch: str
    cores: int
    python: str | None = None
    device: str | None = None
    cpu_features: tuple[str, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None
    cuda: str | None = None
    npus: int = 0
    backends: Mapping[str, str | None] = field(default_factory=dict)
    tools: Mapping[str, str | None] = field(default_factory=dict)
    hosts: Mapping[str, str | None] = field(default_factory=dict)
    paddle_features: tuple[str, ...] | None = None

    def paddle_can(self, feature: str) -> bool:
        """Tell whether Paddle can use ``mkldnn`` or ``tensorrt`` there.

        Usually its x86-64 packages bring oneDNN (mkldnn), and TensorRT serves it where it is installed.
        """
        if self.paddle_features is not None:
            return feature in self.paddle_features
        return self.arch == "x86_64" if feature == "mkldnn" else self.backends.get("tensorrt") is not None

    @property
    def default_device(self) -> str:
        """The device of a run that names none: the first GPU, else an NPU, else the CPU."""
        if self.device is not None:
            return self.device
        return "gpu:0" if self.gpus else "npu:0" if self.npus else "cpu"

    def to_json(self) -> dict[str, Any]:
        """Return the target as plain JSON values, absent facts left out."""
        facts = {key: value for key, value in asdict(self).items() if value not in (None, (), {}, 0)}
        if self.paddle_features is not None:
            facts["paddle_features"] = self.paddle_features
        lists = {key: list(value) for key, value in facts.items() if isinstance(value, tuple)}
        return {"format": FORMAT, **facts, **lists}


# Type of each key as target.schema.json has it. Checked here, because planning would
# otherwise wait for jsonschema to be imported.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "os": (str,),
    "arch": (str,),
    "cores": (int,),
    "python": (str, type(None)),
    "device": (str, type(None)),
    "cpu_features": (list,),
    "gpus": (list,),
    "driver": (str, type(None)),
    "cuda": (str, type(None)),
    "npus": (int,),
    "backends": (dict,),
    "tools": (dict,),
    "hosts": (dict,),
    "paddle_features": (list, type(None)),
}
_REQUIRED = ("os", "arch", "cores")


def from_json(value: Any) -> Target:
    """Read a target; the plan's own ``target`` object is one too. Unknown keys are ignored.

    Raises:
        ValueError: it does not follow ``target.schema.json``; says where.
    """
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    if not str(value.get("format", FORMAT)).startswith("1."):
        raise ValueError(f"it has the format {value['format']}; 1.x is known")
    for key in _REQUIRED:
        if key not in value:
            raise ValueError(f"`{key}` is missing")
    known = {key: value[key] for key in _TYPES if key in value}
    for key, item in known.items():
        if not isinstance(item, _TYPES[key]) or isinstance(item, bool):
            raise ValueError(f"`{key}` cannot be {item!r}")
    for key, least in (("cores", 1), ("npus", 0)):
        if known.get(key, least) < least:
            raise ValueError(f"`{key}` must be at least {least}")
    for key in ("backends", "tools", "hosts"):
        for name, version in known.get(key, {}).items():
            if not isinstance(version, (str, type(None))):
                raise ValueError(f"`{key}.{name}` must be a version or null, not {version!r}")
    try:
        known["gpus"] = tuple(Gpu(**gpu) for gpu in known.get("gpus", ()))
    except TypeError:
        raise ValueError("each of `gpus` has a name, a compute_capability and memory_mib") from None
    known["cpu_features"] = tuple(known.get("cpu_features", ()))
    if known.get("paddle_features") is not None:
        known["paddle_features"] = tuple(known["paddle_features"])
    return Target(**known)
