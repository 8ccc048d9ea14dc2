"""Contracts of tasks: what each demands of its model, as the planner and the runner both check it.

A contract is a file ``FAMILY.yaml`` here. A task without one, such as a third party's, demands nothing that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hpi_schemas import yaml_data

_FOLDER = Path(__file__).parent
_TRANSFORMS = "transforms"

# dtype and dimensions: numbers that a model must have, letters for those that it may choose.
Tensor = tuple[str, tuple[int | str, ...]]


@dataclass(frozen=True)
class Contract:
    """What a task demands of its model.

    Attributes:
        family: the name of its file.
        input, output: the one input, and the first output.
        is_batched: a run takes ``batch_size`` pictures; else one.
        size: what fixes height and width of the input, in order: ``setting``, or ``transform`` with ``argument``;
            ``order`` names the axes of its list; ``first_with`` an argument that leaves the first alone.
        multiple: of what they must be a multiple.
        transforms: the operations that an ``inference.yml`` must name, and those that it may; None leaves it free.
        postprocess: the rules of ``PostProcess``, by dotted key.
    """

    family: str
    input: Tensor
    output: Tensor
    is_batched: bool
    size: tuple[Mapping[str, Any], ...]
    multiple: int
    transforms: Mapping[str, tuple[str, ...]] | None
    postprocess: Mapping[str, Mapping[str, Any]]


@cache
def find(task: str) -> Contract | None:
    """Return the contract of a task, None if there is none."""
    return next((item for item in _contracts() if task in item[0]), (None, None))[1]


def runnable(modules: Mapping[str, str]) -> str:
    """Return in words which modules hpi-run can run alone, and which tasks nobody here knows.

    Args:
        modules: the task of each, by address.
    """
    alone = [address for address, task in modules.items() if find(task) is not None]
    unknown = sorted({task for task in modules.values() if find(task) is None})
    parts = []
    if alone:
        parts.append(f"`hpi-run --module` runs {_listed(alone)} alone")
    if unknown:
        parts.append(f"hpi-run does not know the task{'s' if len(unknown) > 1 else ''} {_listed(unknown)}")
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


@cache
def transforms() -> Mapping[str, Mapping[str, Any]]:
    """Return what is known of each operation of ``transform_ops``."""
    found: Mapping[str, Mapping[str, Any]] = _load(_FOLDER / f"{_TRANSFORMS}.yaml")
    return found


@cache
def _contracts() -> tuple[tuple[tuple[str, ...], Contract], ...]:
    files = sorted(path for path in _FOLDER.glob("*.yaml") if path.stem != _TRANSFORMS)
    return tuple(_contract(_load(path)) for path in files)


def _contract(data: Mapping[str, Any]) -> tuple[tuple[str, ...], Contract]:
    tensors = data["tensors"]
    listed = data["transforms"]
    return tuple(data["serves"]), Contract(
        family=data["family"],
        input=_tensor(tensors["inputs"]),
        output=_tensor(tensors["outputs"]),
        is_batched=data["batch"] == "many",
        size=tuple(data["size"]),
        multiple=data.get("multiple", 1),
        transforms=None if listed is None else {key: tuple(names) for key, names in listed.items()},
        postprocess=data["postprocess"],
    )


def _tensor(data: Mapping[str, Any]) -> Tensor:
    dtype, dims = next(iter(data.values()))
    return dtype, tuple(dims)


def _load(path: Path) -> Any:
    return yaml_data.load(path.read_text(encoding="utf-8"))
