"""The built-in configuration of each pipeline: PaddleX's default models and settings, as commented YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hpi_planner import definitions
from hpi_planner.definitions import Definition, Member, Setting

_COMMENT_COLUMN = 50


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
        *_pipeline(definition, ""),
    ]
    return "\n".join(lines) + "\n"


def _pipeline(definition: Definition, indent: str) -> Iterator[str]:
    yield f"{indent}pipeline_name: {definition.name}"
    if not indent:
        yield _line("", "use_hpip", False, "true: let hpi-plan choose the fastest backend of each model")
    yield from _settings(definition.settings, indent)
    for member in definition.members:
        if member.flag is not None:
            yield _line(indent, member.flag, member.flag_default, f"{member.help} ({member.key})")
    for section in ("SubPipelines", "SubModules"):
        members = [member for member in definition.members if member.section == section]
        if members:
            yield ""
            yield f"{indent}{section}:"
        for member in members:
            yield f"{indent}  {member.key}:"
            yield from _member(member, f"{indent}    ")


def _member(member: Member, indent: str) -> Iterator[str]:
    if member.pipeline is not None:
        yield from _pipeline(definitions.load(member.pipeline), indent)
        return
    yield _line(indent, "module_name", member.module_name, member.help)
    yield _line(indent, "model_name", member.model, "")
    yield _line(indent, "model_dir", None, "")
    if member.batch_size is not None:
        yield _line(indent, "batch_size", member.batch_size, "")
    yield from _settings(member.settings, indent)


def _settings(settings: Mapping[str, Setting], indent: str) -> Iterator[str]:
    for key, setting in settings.items():
        if setting.config is not None:
            yield _line(indent, key, setting.config, setting.help)


def _line(indent: str, key: str, value: Any, help: str) -> str:
    line = f"{indent}{key}: {value if isinstance(value, str) else json.dumps(value)}"
    return f"{line:<{_COMMENT_COLUMN}}  # {help}" if help else line
