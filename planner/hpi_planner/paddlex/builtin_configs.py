"""The built-in configuration of each pipeline: PaddleX's default models and settings, as commented YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from hpi_schemas.settings import Setting

from hpi_planner.paddlex import definitions
from hpi_planner.paddlex.definitions import Definition, External, Member

_COMMENT_COLUMN = 50
Changes = Mapping[str, Any]


def text(name: str) -> str:
    """Return the configuration of a pipeline.

    Raises:
        KeyError: there is no such pipeline.
    """
    definition = definitions.load(name)
    lines = [
        f"# {name}: {definition.help}.",
        "# PaddleX's default models and settings. `model_dir: null` means the official model;",
        "# a path is relative to this file. `use_hpip` and `hpi_config` may stand at any level: the deepest wins.",
        "",
        *_pipeline(definition, {}, ""),
    ]
    return "\n".join(lines) + "\n"


def _pipeline(definition: Definition, changes: Changes, indent: str) -> Iterator[str]:
    """Write a pipeline; ``changes`` holds values of its own keys, and below a member's key those of the member."""
    yield f"{indent}pipeline_name: {definition.name}"
    if not indent:
        yield _line("", "use_hpip", False, "true: let hpi-plan choose the fastest backend of each model")
    values = _laid(definition.config, changes)
    yield from _settings(definition.settings, values, indent)
    for flag, help in _flags(definition):
        yield _line(indent, flag, values.get(flag, definition.flags[flag]), help)
    for section in ("SubPipelines", "SubModules"):
        shown = [
            member
            for member in definition.members
            if member.section == section and (not indent or member.key in changes or _is_on(member, values))
        ]
        external = definition.external if section == "SubModules" else ()
        if shown or external:
            yield ""
            yield f"{indent}{section}:"
        for member in shown:
            yield f"{indent}  {member.key}:"
            yield from _member(member, values.get(member.key) or {}, f"{indent}    ")
        yield from _external(external, f"{indent}  ")


def _laid(below: Changes, above: Changes) -> dict[str, Any]:
    """Lay changes over changes; those of the same member are joined."""
    joined = {
        key: _laid(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return {**below, **joined}


def _flags(definition: Definition) -> Iterator[tuple[str, str]]:
    told = set()
    for member in definition.members:
        # Of several flags for one member the first is the one to set.
        for flag in member.flags[:1]:
            yield flag, f"{member.help} ({member.key})"
            told.add(flag)
    for item in definition.external:
        if item.flag is not None and item.flag not in told:
            yield item.flag, f"{item.help} ({item.key})"
            told.add(item.flag)


def _is_on(member: Member, values: Changes) -> bool:
    return not member.flags or any(values.get(flag, member.flag_default) for flag in member.flags)


def _member(member: Member, changes: Changes, indent: str) -> Iterator[str]:
    if member.pipeline is not None:
        yield from _pipeline(definitions.load(member.pipeline), _laid(member.config, changes), indent)
        return
    yield _line(indent, "module_name", changes.get("module_name", member.module_name), member.help)
    yield _line(indent, "model_name", changes.get("model_name", member.model), "")
    yield _line(indent, "model_dir", None, "")
    batch_size = changes.get("batch_size", member.batch_size)
    if batch_size is not None:
        yield _line(indent, "batch_size", batch_size, "")
    yield from _settings(member.settings, changes, indent)


def _settings(settings: Mapping[str, Setting], changes: Changes, indent: str) -> Iterator[str]:
    for key, setting in settings.items():
        value = changes.get(key, setting.config)
        if value is not None or setting.required:
            yield _line(indent, key, value, setting.help)


def _external(items: tuple[External, ...], indent: str) -> Iterator[str]:
    above = ""
    for item in items:
        group, _, key = item.key.rpartition(".")
        if group and group != above:
            yield f"{indent}{group}:"
            above = group
        inner = f"{indent}  " if group else indent
        yield f"{inner}{key}:  # {item.help}; not run by hpi-plan"
        for name, value in item.config.items():
            yield _line(f"{inner}  ", name, value, "")


def _line(indent: str, key: str, value: Any, help: str) -> str:
    if isinstance(value, str):
        written = value
    else:
        written = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).splitlines()[0]
    line = f"{indent}{key}: {written}"
    return f"{line:<{_COMMENT_COLUMN}}  # {help}" if help else line
