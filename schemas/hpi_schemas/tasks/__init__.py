"""Contracts of tasks: what each demands of its model, takes and gives, as the planner and the runner both know it.

A contract is a file ``NAME.yaml`` here, named after the task, or after its family where several tasks share one;
``hpi_runtime.tasks`` has a class of the same name. A third-party package brings one by an entry point of the group
``hpi_plan.tasks`` whose value is the package that holds ``NAME.yaml``. Of a task without one nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hpi_schemas import packaged, settings, values, yaml_data
from hpi_schemas.packages import Needs, needs_of
from hpi_schemas.settings import Setting
from hpi_schemas.values import Value

ENTRY_POINTS = "hpi_plan.tasks"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Tensor:
    """An input or output that a task demands of its model.

    Attributes:
        dtypes: that it may have.
        dims: a number that the model must have, several that it may have, or the letter of a dimension that it chooses.
        optional: a model may do without it.
    """

    dtypes: tuple[str, ...]
    dims: tuple[str | tuple[int, ...], ...]
    optional: bool = False

    def __str__(self) -> str:
        shown = (dim if isinstance(dim, str) else " or ".join(map(str, dim)) for dim in self.dims)
        return f"{' or '.join(self.dtypes)} [{', '.join(shown)}]"


@dataclass(frozen=True)
class Transforms:
    """The operations of an ``inference.yml`` that a task knows.

    Attributes:
        dialect: whose words they are, a file of ``transforms/``.
        required: those that it must name.
        optional: those that it may name.
    """

    dialect: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """What a task demands of its model, takes and gives.

    Attributes:
        name: of the file, and of the class.
        serves: the tasks.
        unserved: names of models of these tasks that the class does not run.
        help: what they do, for people.
        effect: what is done to what, as an op's; empty where ops say it.
        takes: its inputs, by port; a list has one entry a picture where the stage says ``many``.
        inputs, outputs: of the model, by role. Inputs are found by name or else by shape, outputs by their order.
        gives: its outputs, by port; together they are the result of a picture that went through it alone.
        settings: of pre- and postprocessing.
        shape_policies: settings worth measuring together, for they say how many shapes there are.
        answers_depend_on: what changes numbers: ``batch`` where what shares a batch does.
        is_batched: a run takes ``batch_size`` pictures; else one.
        is_one_size: every picture has the same size when the model sees it.
        size: what fixes height and width of the input, in order: ``setting``, or ``transform`` with ``argument``;
            ``order`` names the axes of its list; ``first_with`` an argument that leaves the first alone,
            ``free_with`` one that leaves none, ``free_unless_off`` one that leaves none if it is not there either.
        multiple: of what they must be a multiple.
        transforms: of its ``inference.yml``; None leaves them free.
        postprocess: the rules of postprocessing, by dotted key.
        inputs_listed: where an ``inference.yml`` lists the inputs of the model by their roles; empty if nowhere.
        needs: the package that it needs beside the runner's own, None for none.
        companions: files that lie beside the model if a key of its ``inference.yml`` is true, and that key.
    """

    name: str
    serves: tuple[str, ...]
    unserved: tuple[str, ...]
    help: str
    effect: str
    takes: Mapping[str, Value]
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    gives: Mapping[str, Value]
    settings: Mapping[str, Setting]
    shape_policies: tuple[Mapping[str, Any], ...]
    answers_depend_on: tuple[str, ...]
    is_batched: bool
    is_one_size: bool
    size: tuple[Mapping[str, Any], ...]
    multiple: int
    transforms: Transforms | None
    postprocess: Mapping[str, Mapping[str, Any]]
    inputs_listed: str
    companions: Mapping[str, str]
    needs: Needs | None


def find(task: str) -> Contract | None:
    """Return the contract of a task, None if there is none; those of other packages are looked at if none is ours."""
    return _own(task) or load_all().get(task)


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
def operations(dialect: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what is known of each operation of an ``inference.yml``."""
    found: Mapping[str, Mapping[str, Any]] = _load(_FOLDER / f"transforms/{dialect}.yaml")
    return found


@cache
def load_all() -> Mapping[str, Contract]:
    """Return every contract, by task.

    Raises:
        packaged.PackageError: two packages bring one task.
    """
    return _contracts(packaged.files(ENTRY_POINTS, _FOLDER))


@cache
def _own(task: str) -> Contract | None:
    """Return our contract of a task, None if there is none, with no more files read than it takes to find it."""
    files = packaged.own_files(_FOLDER)
    likely = sorted(files, key=lambda name: name != task)
    return next((contract for contract in map(_of_file, likely) if task in contract.serves), None)


@cache
def _of_file(name: str) -> Contract:
    files = packaged.own_files(_FOLDER)
    return _contract(name, _completed(_load(files[name]), files))


def _contracts(files: Mapping[str, Path]) -> Mapping[str, Contract]:
    found: dict[str, Contract] = {}
    for name, path in files.items():
        contract = _contract(name, _completed(_load(path), files))
        for task in contract.serves:
            packaged.refuse_second(ENTRY_POINTS, task, task in found)
            found[task] = contract
    return found


def _completed(data: Mapping[str, Any], files: Mapping[str, Path]) -> Mapping[str, Any]:
    """Return a contract with what it has of the one that it is like."""
    if "like" not in data:
        return data
    base = _completed(_load(files[data["like"]]), files)
    return {**base, **data, **{key: {**base[key], **data.get(key, {})} for key in ("postprocess", "settings")}}


def _contract(name: str, data: Mapping[str, Any]) -> Contract:
    tensors = data["tensors"]
    return Contract(
        name=name,
        serves=tuple(data["serves"]),
        unserved=tuple(data.get("unserved", ())),
        help=data["help"],
        effect=data.get("effect", ""),
        takes=values.read_all(data["takes"]),
        inputs={role: _tensor(item) for role, item in tensors["inputs"].items()},
        outputs={role: _tensor(item) for role, item in tensors["outputs"].items()},
        gives=values.read_all(data["gives"]),
        settings=settings.read(data.get("settings")),
        shape_policies=tuple(data.get("shape_policies", ())),
        answers_depend_on=tuple(data["answers_depend_on"]),
        is_batched=data["batch"] == "many",
        is_one_size=data.get("one_size", False),
        size=tuple(data["size"]),
        multiple=data.get("multiple", 1),
        transforms=_transforms(data["transforms"]),
        postprocess=data["postprocess"],
        inputs_listed=data.get("inputs_listed", ""),
        companions=data.get("companions", {}),
        needs=needs_of(data.get("package")),
    )


def _transforms(data: Mapping[str, Any] | None) -> Transforms | None:
    return None if data is None else Transforms(data["dialect"], tuple(data["required"]), tuple(data["optional"]))


def _tensor(data: Any) -> Tensor:
    is_optional = isinstance(data, Mapping)
    dtypes, dims = data["optional"] if is_optional else data
    return Tensor(tuple(dtypes.split("|")), tuple(map(_dim, dims)), is_optional)


def _dim(value: int | str) -> str | tuple[int, ...]:
    parts = str(value).split("|")
    return tuple(map(int, parts)) if parts[0].isdecimal() else str(value)


def _load(path: Path) -> Any:
    return yaml_data.load(path.read_text(encoding="utf-8"))
