"""The JSON Schema of pipeline YAMLs, made from the pipelines' and backends' data files.

Editors with a YAML language server complete and check by it. ``make golden`` writes it to
``schemas/hpi_schemas/pipeline.schema.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpi_schemas import backends
from hpi_schemas.settings import Setting

from hpi_planner import knowledge
from hpi_planner.paddlex import definitions, engine_names, legal_keys
from hpi_planner.paddlex.definitions import Definition, Member

_JSON_TYPES = {"list": "array", "mapping": "object"}
_HPI_HELP = {
    "auto_config": "true: choose among what the target has; false: take `backend` as it is.",
    "auto_paddle2onnx": "Convert a Paddle model to ONNX where a backend needs it.",
    "backend": "The backend; null chooses automatically.",
    "backend_config": "Options of the backend. One key: a child's replaces its parent's whole.",
    "device_id": "Counts where no --device is given.",
    "device_type": "Counts where no --device is given.",
    "hpi_info": "Default shapes, in place of those in the model's inference.yml.",
    "model_name": "The model whose ranking counts, if not this one's own.",
    "on_failure": "Backends to fall back on, in order, when prepare or load fails.",
}
Schema = dict[str, Any]


def schema() -> Schema:
    """Return the schema, draft 2020-12."""
    names = definitions.names()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:hpi-plan:pipeline:1",
        "title": "PaddleX pipeline or module file",
        "description": "use_hpip and hpi_config may stand at the top, in a sub-pipeline and in a module; the deepest "
        "level wins.",
        "if": {"required": ["Global"]},
        "then": {"$ref": "#/$defs/module_file"},
        "else": {"$ref": "#/$defs/pipeline"},
        "$defs": {
            **_common(),
            "module_file": _module_file(),
            "pipeline": {
                "type": "object",
                "required": ["pipeline_name"],
                "properties": {
                    "pipeline_name": {"description": "Which pipeline this configures.", "enum": list(names)}
                },
                "allOf": [{"if": _is_named(name), "then": {"$ref": f"#/$defs/pipeline-{name}"}} for name in names],
            },
            **{f"pipeline-{name}": _pipeline(definitions.load(name)) for name in names},
        },
    }


def _is_named(name: str) -> Schema:
    return {"properties": {"pipeline_name": {"const": name}}, "required": ["pipeline_name"]}


def _common() -> Schema:
    return {
        "use_hpip": {
            "description": "High-performance inference on or off. The key's presence overrides the parent.",
            "type": ["boolean", "null"],
        },
        "hpi_config": {
            "description": "Merged over the parent's key by key.",
            "type": ["object", "null"],
            "properties": {key: _hpi_key(key, kind) for key, kind in legal_keys.HPI_KEYS.items()},
            "additionalProperties": False,
        },
        "engine": {"description": "PaddleX's engine; null chooses by use_hpip.", "enum": [None, *engine_names.NAMES]},
        "engine_config": {
            "description": "Options of the engine, or a mapping per engine. Hides hpi_config.",
            "type": ["object", "null"],
        },
        "model_dir": {
            "description": "Folder of the model, relative to this file; null means the official model.",
            "type": ["string", "null"],
        },
    }


def _hpi_key(key: str, kind: str) -> Schema:
    found: Schema = {"description": _HPI_HELP[key], **_typed(kind)}
    names = list(backends.load_all())
    if key == "backend":
        found = {"description": _HPI_HELP[key], "enum": [None, *names]}
    elif key == "on_failure":
        found["items"] = {"enum": names}
    elif key == "backend_config":
        options: dict[str, Schema] = {}
        for backend in backends.load_all().values():
            for name, option in backend.options.items():
                options.setdefault(name, {"description": "", **_typed(f"{option.type}|null")})
                options[name]["description"] += (
                    f"{', ' if options[name]['description'] else 'Option of '}{backend.title}"
                )
        found["properties"] = options
        found["additionalProperties"] = False
    return found


def _typed(kind: str) -> Schema:
    types = [_JSON_TYPES.get(item, item) for item in kind.split("|")]
    return {"type": types[0] if len(types) == 1 else types}


def _inherited() -> Schema:
    return {key: {"$ref": f"#/$defs/{key}"} for key in legal_keys.INHERITED}


def _pipeline(definition: Definition) -> Schema:
    flags = {
        flag: {"description": _flag_help(definition, flag), "type": ["boolean", "null"], "default": default}
        for flag, default in definition.flags.items()
    }
    properties: Schema = {
        "pipeline_name": {"const": definition.name, "description": f"{definition.name} {definition.help}."},
        **_inherited(),
        **flags,
        **_settings(definition.settings),
        legal_keys.SHARE: {
            "description": "hpi-plan's own, at the top: whether modules with one model and engine share a session.",
            "type": ["boolean", "null"],
            "default": True,
        },
        "Serving": {
            "description": "How a server answers: visualize, extra.max_num_input_imgs, extra.max_output_img_size."
        },
    }
    for section in ("SubPipelines", "SubModules"):
        members: Schema = {member.key: _member(member) for member in definition.members if member.section == section}
        if section == "SubModules":
            members |= {item.key.partition(".")[0]: {"type": ["object", "null"]} for item in definition.external}
        if members:
            properties[section] = {"type": "object", "properties": members, "additionalProperties": False}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _flag_help(definition: Definition, flag: str) -> str:
    keys = [member.key for member in definition.members if flag in member.flags]
    keys += [item.key for item in definition.external if item.flag == flag]
    return f"Switches {' and '.join(keys)} on."


def _member(member: Member) -> Schema:
    if member.pipeline is not None:
        return {"description": f"{member.help} (usually the pipeline {member.pipeline})", "$ref": "#/$defs/pipeline"}
    least = min(1, member.batch_size or 1)
    properties: Schema = {
        "module_name": {"description": "The task.", "type": "string"},
        "model_name": _model(member),
        "model_dir": {"$ref": "#/$defs/model_dir"},
        "batch_size": {"description": "Inputs at a time.", "type": ["integer", "null"], "minimum": least},
        "genai_config": {"type": ["object", "null"]},
        **_inherited(),
        **_settings(member.settings),
    }
    return {
        "description": member.help,
        "type": ["object", "null"] if member.flags or member.optional else "object",
        "required": ["model_name"],
        "properties": properties,
        "additionalProperties": False,
    }


def _model(member: Member) -> Schema:
    found: Schema = {"description": f"The PaddleX model; its default here is {member.model}."}
    if member.models:
        return {**found, "enum": list(member.models)}
    kin = knowledge.known_models(knowledge.module_of(member.model or "") or "")
    return {**found, "type": "string", "examples": sorted({*kin, member.model or ""})}


def _settings(settings: Mapping[str, Setting]) -> Schema:
    return {key: _setting(setting) for key, setting in settings.items()}


def _setting(setting: Setting) -> Schema:
    found: Schema = {"description": setting.help}
    if setting.one_of:
        known: Schema = {"enum": [*setting.one_of, *([] if setting.required else [None])]}
        return {**found, **({"anyOf": [known, {"type": "object"}]} if setting.by_class else known)}
    plain = _typed(f"{setting.type}|null")
    for name, bound in (
        ("minimum", setting.minimum),
        ("maximum", setting.maximum),
        ("exclusiveMinimum", setting.above),
    ):
        if bound is not None:
            plain[name] = bound
    if setting.items:
        plain["items"] = {"type": setting.items}
    # PaddleX reads the word None as null, and one of its own files has it.
    return {**found, "anyOf": [plain, {"const": "None"}]} if setting.required else {**found, **plain}


def _module_file() -> Schema:
    predict = {
        **_inherited(),
        "model_dir": {"$ref": "#/$defs/model_dir"},
        "batch_size": {"description": "Inputs at a time.", "type": ["integer", "null"], "minimum": 1},
        "kernel_option": {"type": ["object", "null"], "properties": {"run_mode": {"type": ["string", "null"]}}},
    }
    return {
        "type": "object",
        "required": ["Global", "Predict"],
        "properties": {
            "Global": {
                "type": "object",
                "required": ["model"],
                "properties": {"model": {"type": "string"}, "module": {"type": "string"}, "device": {"type": "string"}},
            },
            "Predict": {"type": "object", "properties": predict},
        },
    }


def main() -> None:
    """Write the schema to the place where it is committed."""
    import hpi_schemas

    place = Path(hpi_schemas.__file__).parent / "pipeline.schema.json"
    place.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
