"""Pipelines as data: the files in ``pipelines/``, one per PaddleX pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hpi_planner.yaml_tree import load_data

_FOLDER = Path(__file__).parent / "pipelines"


@dataclass(frozen=True)
class Setting:
    """A key of a pipeline or module that its code reads.

    Attributes:
        type: ``boolean``, ``integer``, ``number``, ``string`` or ``list``.
        default: what PaddleX's code takes where the key is absent.
        config: the value in the built-in configuration; absent there if None.
        required: its absence is an error.
        one_of: the values it may have; empty means any.
        help: one line for ``--get-config``.
    """

    type: str
    default: Any = None
    config: Any = None
    required: bool = False
    one_of: tuple[Any, ...] = ()
    help: str = ""


@dataclass(frozen=True)
class Member:
    """A module or sub-pipeline that a pipeline creates.

    Attributes:
        key: its name below ``SubModules`` or ``SubPipelines``.
        pipeline: the usual pipeline of a sub-pipeline, None for a module.
        module_name: the task of a module, None for a sub-pipeline.
        model: the default model.
        flag: the pipeline's key that switches it on, None if it always exists.
        flag_default: what an absent flag means.
        lazy: PaddleX creates it at the first prediction.
        batch_size: in the built-in configuration, None if it names none.
        settings: the keys that the pipeline reads from it.
        defaults_by: a setting of the pipeline whose value picks other defaults.
        help: one line for ``--get-config``.
    """

    key: str
    pipeline: str | None = None
    module_name: str | None = None
    model: str | None = None
    flag: str | None = None
    flag_default: bool = True
    lazy: bool = False
    batch_size: int | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    defaults_by: tuple[str, Mapping[Any, Mapping[str, Any]]] | None = None
    help: str = ""

    @property
    def section(self) -> str:
        """The section of the YAML that holds it."""
        return "SubModules" if self.pipeline is None else "SubPipelines"


@dataclass(frozen=True)
class Definition:
    """One PaddleX pipeline: members in creation order, and its stage graph where we run it."""

    name: str
    help: str
    settings: Mapping[str, Setting]
    members: tuple[Member, ...]
    graph: Mapping[str, Any] | None

    @property
    def flags(self) -> dict[str, bool]:
        """Each flag and what its absence means."""
        return {m.flag: m.flag_default for m in self.members if m.flag is not None}


@cache
def names() -> tuple[str, ...]:
    """Return the names of all pipelines."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def load(name: str) -> Definition:
    """Return the pipeline of that name.

    Raises:
        KeyError: there is none.
    """
    if name not in names():
        raise KeyError(name)
    data = load_data((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return Definition(
        name=name,
        help=data["help"],
        settings=_settings(data.get("settings")),
        members=tuple(_member(item) for item in data["members"]),
        graph=data.get("graph"),
    )


def _member(data: dict[str, Any]) -> Member:
    is_module = "module" in data
    by = data.get("defaults_by")
    return Member(
        key=data["module"] if is_module else data["sub_pipeline"],
        pipeline=data.get("pipeline"),
        module_name=data.get("module_name"),
        model=data.get("model"),
        flag=data.get("flag"),
        flag_default=data.get("flag_default", True),
        lazy=data.get("lazy", False),
        batch_size=data.get("batch_size"),
        settings=_settings(data.get("settings")),
        defaults_by=None if by is None else (by["setting"], by["values"]),
        help=data.get("help", ""),
    )


def _settings(data: dict[str, Any] | None) -> dict[str, Setting]:
    return {name: Setting(**{**item, "one_of": tuple(item.get("one_of", ()))}) for name, item in (data or {}).items()}
