"""Pipelines as data: the files in ``pipelines/``, one per PaddleX pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from hpi_schemas import yaml_data

_FOLDER = Path(__file__).parents[1] / "pipelines"


@dataclass(frozen=True)
class Setting:
    """A key of a pipeline or module that its code reads.

    Attributes:
        type: ``boolean``, ``integer``, ``number``, ``string``, ``list`` or ``mapping``, or several
            of them joined by ``|``.
        default: what PaddleX's code takes where the key is absent.
        config: the value in the built-in configuration; absent there if None.
        required: its absence is an error; null is one too where ``one_of`` limits it.
        one_of: the values it may have; empty means any.
        minimum, maximum: the least and the greatest number.
        above: a number that it must be greater than.
        help: one line for ``--get-config``.
    """

    type: str
    default: Any = None
    config: Any = None
    required: bool = False
    one_of: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    help: str = ""


@dataclass(frozen=True)
class Member:
    """A module or sub-pipeline that a pipeline creates.

    Attributes:
        key: its name below ``SubModules`` or ``SubPipelines``.
        pipeline: the usual pipeline of a sub-pipeline, None for a module.
        module_name: the task of a module, None for a sub-pipeline.
        model: the default model.
        models: the only models that PaddleX takes here; empty means any.
        tasks: the tasks of models that make sense here; empty means any.
        flags: the pipeline's keys any of which switches it on; empty if it always exists.
        flag_default: what an absent flag means.
        when_off: ``lazy`` if PaddleX creates it late where it is configured and switched off.
        lazy: PaddleX creates it at the first prediction.
        optional: it may be absent.
        batch_size: in the built-in configuration, None if it names none.
        batch_size_required: its absence is an error.
        settings: the keys that the pipeline reads from it.
        config: what the built-in configuration of the parent changes in that of a sub-pipeline.
        shape_policies: settings that are worth measuring together, for they say how many shapes there are.
        defaults_by: a setting of the pipeline whose value picks other defaults.
        help: one line for ``--get-config``.
    """

    key: str
    pipeline: str | None = None
    module_name: str | None = None
    model: str | None = None
    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    flag_default: bool = True
    when_off: str = ""
    lazy: bool = False
    optional: bool = False
    batch_size: int | None = None
    batch_size_required: bool = False
    settings: Mapping[str, Setting] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    shape_policies: tuple[Mapping[str, Any], ...] = ()
    defaults_by: tuple[str, Mapping[Any, Mapping[str, Any]]] | None = None
    help: str = ""

    @property
    def section(self) -> str:
        """The section of the YAML that holds it."""
        return "SubModules" if self.pipeline is None else "SubPipelines"


@dataclass(frozen=True)
class External:
    """Something that a pipeline uses and no inference backend runs: a chat bot, a retriever, a prompt.

    Attributes:
        key: its address below ``SubModules``, dotted.
        kind: ``chat_bot``, ``retriever`` or ``prompt``.
        flag: the pipeline's key that switches it on (absent means on), None if it always exists.
        required: its absence is an error.
        config: its entry in the built-in configuration.
        help: one line for ``--get-config``.
    """

    key: str
    kind: str
    flag: str | None = None
    required: bool = True
    config: Mapping[str, Any] = field(default_factory=dict)
    help: str = ""


@dataclass(frozen=True)
class Definition:
    """One PaddleX pipeline: members in creation order, and its stage graph where we run it.

    Attributes:
        name: its ``pipeline_name``.
        help: one line for people.
        parallel: several device ids mean a copy of it on each; else PaddleX takes the first id.
        settings: the keys that it reads from its own level.
        members: its modules and sub-pipelines in creation order.
        external: what it uses beside them.
        config: values of flags in its built-in configuration that are not the flags' defaults.
        graph: how the runner runs it, None if it does not.
    """

    name: str
    help: str
    parallel: bool
    settings: Mapping[str, Setting]
    members: tuple[Member, ...]
    external: tuple[External, ...]
    config: Mapping[str, Any]
    graph: Mapping[str, Any] | None

    @cached_property
    def flags(self) -> dict[str, bool]:
        """Each flag and what its absence means."""
        flags = {flag: member.flag_default for member in self.members for flag in member.flags}
        return flags | {item.flag: True for item in self.external if item.flag is not None}


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
    data = yaml_data.load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return Definition(
        name=name,
        help=data["help"],
        parallel=data.get("parallel", True),
        settings=_settings(data.get("settings")),
        members=tuple(_member(item) for item in data["members"]),
        external=tuple(External(**item) for item in data.get("external", ())),
        config=data.get("config", {}),
        graph=data.get("graph"),
    )


@cache
def shape_policies_of(module_name: str) -> tuple[Mapping[str, Any], ...]:
    """Return the shape policies of a task, as the first pipeline that has some names them."""
    members = (member for name in names() for member in load(name).members)
    return next(
        (item.shape_policies for item in members if item.module_name == module_name and item.shape_policies), ()
    )


@cache
def settings_of(module_name: str) -> Mapping[str, Setting]:
    """Return the settings of a task, as the first pipeline that has it reads them; empty if none does."""
    members = (member for name in names() for member in load(name).members)
    return next((member.settings for member in members if member.module_name == module_name and member.settings), {})


def _member(data: dict[str, Any]) -> Member:
    by = data.pop("defaults_by", None)
    flag = data.pop("flag", ())
    return Member(
        key=data.pop("module", None) or data.pop("sub_pipeline"),
        flags=(flag,) if isinstance(flag, str) else tuple(flag),
        models=tuple(data.pop("models", ())),
        tasks=tuple(data.pop("tasks", ())),
        shape_policies=tuple(data.pop("shape_policies", ())),
        settings=_settings(data.pop("settings", None)),
        defaults_by=None if by is None else (by["setting"], by["values"]),
        **data,
    )


def _settings(data: dict[str, Any] | None) -> dict[str, Setting]:
    return {name: Setting(**{**item, "one_of": tuple(item.get("one_of", ()))}) for name, item in (data or {}).items()}
