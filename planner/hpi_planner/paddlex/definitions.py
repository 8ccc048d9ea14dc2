"""Pipelines as data: the files in ``pipelines/``, one per PaddleX pipeline.

A third-party package brings one by an entry point of the group ``hpi_plan.pipelines`` whose value is the package that
holds ``NAME.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from hpi_schemas import packaged, settings, tasks, yaml_data
from hpi_schemas.settings import Setting

ENTRY_POINTS = "hpi_plan.pipelines"
# PaddleX evaluates what stands in a YAML as a literal of Python; its own names no index so.
_NONE = "None"
_FOLDER = Path(__file__).parents[1] / "pipelines"


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
        defaults: of a sub-pipeline: settings of it that default to something else here.
        defaults_by: a setting of the pipeline whose value picks other defaults.
        module_name_by: a setting of the pipeline whose value picks another task.
        given: settings that the pipeline gives it, whatever its own section says: the pipeline's setting for each.
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
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_by: tuple[str, Mapping[Any, Mapping[str, Any]]] | None = None
    module_name_by: tuple[str, Mapping[Any, str]] | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    help: str = ""

    def task(self, settings: Mapping[str, Any]) -> str:
        """Return the task of a module, by the settings of its pipeline."""
        assert self.module_name is not None
        if self.module_name_by is None:
            return self.module_name
        setting, names = self.module_name_by
        return names.get(str(settings[setting]), self.module_name)

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
        indexes: those of its settings that name the folder of an index of features.
        config: values of flags in its built-in configuration that are not the flags' defaults.
        graph: how the runner runs it, None if it does not.
        unhosted: why PaddleX itself does not run it around other engines, None if it does.
    """

    name: str
    help: str
    parallel: bool
    settings: Mapping[str, Setting]
    members: tuple[Member, ...]
    external: tuple[External, ...]
    indexes: tuple[str, ...]
    config: Mapping[str, Any]
    graph: Mapping[str, Any] | None
    unhosted: str | None

    @cached_property
    def flags(self) -> dict[str, bool]:
        """Each flag and what its absence means."""
        flags = {flag: member.flag_default for member in self.members for flag in member.flags}
        return flags | {item.flag: True for item in self.external if item.flag is not None}

    def index_folders(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield those of its settings that name an index of features, and the folder."""
        for key in self.indexes:
            folder = values[key]
            if isinstance(folder, str) and folder != _NONE:
                yield key, folder


@cache
def names() -> tuple[str, ...]:
    """Return the names of all pipelines."""
    return tuple(_files())


def is_paddlexs(name: str) -> bool:
    """Tell whether a pipeline is PaddleX's own, and not that of another package."""
    return name in _files() and _files()[name].parent == _FOLDER


def _files() -> Mapping[str, Path]:
    return packaged.files(ENTRY_POINTS, _FOLDER)


@cache
def load(name: str) -> Definition:
    """Return the pipeline of that name.

    Raises:
        KeyError: there is none.
    """
    data = yaml_data.load(_files()[name].read_text(encoding="utf-8"))
    return Definition(
        name=name,
        help=data["help"],
        parallel=data.get("parallel", True),
        settings=settings.read(data.get("settings")),
        members=tuple(_member(item) for item in data["members"]),
        external=tuple(External(**item) for item in data.get("external", ())),
        indexes=tuple(data.get("indexes", ())),
        config=data.get("config", {}),
        graph=data.get("graph"),
        unhosted=data.get("unhosted"),
    )


@cache
def settings_of(module_name: str) -> Mapping[str, Setting]:
    """Return the settings of a task: its contract's, or where it has none all that pipelines read of it."""
    contract = tasks.find(module_name)
    if contract is not None:
        return contract.settings
    members = (member for name in names() for member in load(name).members if member.module_name == module_name)
    return {key: setting for member in members for key, setting in member.settings.items()}


def _member(data: dict[str, Any]) -> Member:
    by, name_by = data.pop("defaults_by", None), data.pop("module_name_by", None)
    flag = data.pop("flag", ())
    return Member(
        key=data.pop("module", None) or data.pop("sub_pipeline"),
        flags=(flag,) if isinstance(flag, str) else tuple(flag),
        models=tuple(data.pop("models", ())),
        tasks=tuple(data.pop("tasks", ())),
        settings=_settings(data.get("module_name"), data.pop("settings", {})),
        defaults_by=None if by is None else (by["setting"], by["values"]),
        module_name_by=None if name_by is None else (name_by["setting"], name_by["values"]),
        **data,
    )


def _settings(module_name: str | None, data: Mapping[str, Mapping[str, Any]]) -> dict[str, Setting]:
    """Return the settings of a member: what its task says of each, and what this pipeline says otherwise."""
    contract = None if module_name is None else tasks.find(module_name)
    known = {} if contract is None else contract.settings
    own = settings.read({key: item for key, item in data.items() if key not in known})
    return {key: replace(known[key], **item) if key in known else own[key] for key, item in data.items()}
