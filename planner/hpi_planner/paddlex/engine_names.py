"""PaddleX's engines: which one runs a model, and what that means for our backends.

PaddleX 3.7 calls high-performance inference one engine among others. Three of them are ours:
``hpi`` is the choice of a backend as ``hpi_config`` asks for it, ``paddle_static`` is the
backend ``paddle``, and ``onnxruntime`` the backend of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, error, warning
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Origin, Traced
from hpi_planner.paddlex import legal_keys
from hpi_planner.paddlex.inheritance import Config, Inherited
from hpi_planner.paddlex.node_reader import NodeReader

# `paddle` stands for the static or the dynamic one, whichever the model supports first.
PADDLE, STATIC, DYNAMIC, HPI, ONNXRUNTIME = "paddle", "paddle_static", "paddle_dynamic", "hpi", "onnxruntime"
FLEXIBLE, TRANSFORMERS, GENAI = "flexible", "transformers", "genai_client"
NAMES = (DYNAMIC, FLEXIBLE, GENAI, HPI, ONNXRUNTIME, PADDLE, STATIC, TRANSFORMERS)
OURS = (HPI, ONNXRUNTIME, STATIC)
_BUCKETS = frozenset(NAMES) - {PADDLE}

# PaddleX's options of its ONNX Runtime engine that mean one of ours.
_ONNXRUNTIME_OPTIONS = {
    "intra_op_num_threads": "cpu_num_threads",
    "graph_optimization_level": "graph_optimization",
    "provider_options": "provider_options",
}
# The numbers of onnxruntime.GraphOptimizationLevel.
_OPTIMIZATION_LEVELS = {0: "none", 1: "basic", 2: "extended", 99: "all"}
_DEVICE_KEYS = ("device_type", "device_id")
# What PaddleX's other engines take; it refuses anything else.
_FOREIGN_OPTIONS = {
    DYNAMIC: _DEVICE_KEYS,
    TRANSFORMERS: (
        *_DEVICE_KEYS,
        "attn_implementation",
        "dtype",
        "generation_config",
        "model_kwargs",
        "processor_kwargs",
        "tokenizer_kwargs",
        "trust_remote_code",
    ),
}


@dataclass(frozen=True)
class Asked:
    """What a module asks for.

    Attributes:
        engine: PaddleX's name of it, after everything that PaddleX derives it from.
        keys: the keys of an ``hpi_config`` that says the same, with origins.
    """

    engine: Traced
    keys: Config


def supported(model: str) -> tuple[str, ...]:
    """Return the engines that a model can run on; for a model that PaddleX does not know, ours."""
    return knowledge.engines_of(model) or OURS


def ours(model: str) -> bool:
    """Tell whether any of our backends can run a model."""
    return not set(OURS).isdisjoint(supported(model))


def asked(node: NodeReader, model: str, here: Inherited) -> Asked:
    """Return what a module asks for.

    Args:
        node: reads the tree, and takes reports.
        model: the module's model.
        here: what holds at the module.
    """
    engine = _effective(model, here)
    config = here.engine_config
    if config is None:
        keys = dict(here.hpi_config or {}) if engine.value == HPI else {}
        return Asked(engine, keys if here.engine.value is None else _manual(engine, keys))
    options = _bucket(node, str(engine.value), config)
    if engine.value == HPI:
        _warn_hidden(node, here)
        return Asked(engine, _hpi_keys(node, options))
    if engine.value not in (PADDLE, *OURS):
        _check_foreign(node, str(engine.value), options)
        return Asked(engine, {})
    backend = _manual(engine, {key: item for key, item in options.items() if key in _DEVICE_KEYS})
    rest = {key: item for key, item in options.items() if key.partition(".")[0] not in _DEVICE_KEYS}
    if engine.value == ONNXRUNTIME:
        rest = _onnxruntime_options(node, rest)
    given = {key: item.value for key, item in rest.items() if "." not in key}
    backend["backend_config"] = Traced(given, engine.origin)
    backend.update({f"backend_config.{key}": item for key, item in rest.items()})
    return Asked(engine, backend)


def _effective(model: str, here: Inherited) -> Traced:
    name, origin = here.engine.value, here.engine.origin
    if name is None:
        origin = here.use_hpip.origin
        if here.remote:
            name = GENAI
        elif here.use_hpip.value:
            name = HPI
        else:
            name = FLEXIBLE if supported(model) == (FLEXIBLE,) else PADDLE
    if name == PADDLE and STATIC not in supported(model) and DYNAMIC in supported(model):
        name = DYNAMIC
    return Traced(name, origin)


def _manual(engine: Traced, keys: Mapping[str, Traced]) -> dict[str, Traced]:
    """Return the keys that ask for the backend which an engine stands for, and for no other."""
    backend = {PADDLE: "paddle", STATIC: "paddle", ONNXRUNTIME: "onnxruntime"}.get(str(engine.value))
    if backend is None:
        return dict(keys)
    off = Traced(False, engine.origin)
    return {**keys, "auto_config": off, "auto_paddle2onnx": off, "backend": Traced(backend, engine.origin)}


def _bucket(node: NodeReader, engine: str, config: Config) -> dict[str, Traced]:
    """Return the options for an engine out of a flat configuration, or one with a bucket per engine."""
    tops = [key for key in config if "." not in key]
    buckets = [key for key in tops if key in _BUCKETS]
    if not buckets:
        return dict(config)
    flat = sorted(set(tops) - set(buckets))
    for key in buckets:
        if not isinstance(config[key].value, dict):
            node.found.append(
                error(
                    Code.ENGINE_CONFIG_INVALID,
                    f"`{key}` is the name of an engine, so its value must be a mapping of options",
                    *config[key].origin.labels(),
                )
            )
    if flat:
        node.found.append(
            error(
                Code.ENGINE_CONFIG_INVALID,
                f"`engine_config` mixes options ({', '.join(f'`{key}`' for key in flat)}) with mappings per engine "
                f"({', '.join(f'`{key}`' for key in buckets)})",
                *config[flat[0]].origin.labels("an option"),
                *config[buckets[0]].origin.labels("an engine"),
                help="put the options below the name of their engine, or leave the names out",
            )
        )
    name = STATIC if engine == PADDLE else engine
    if name not in buckets:
        node.found.append(
            warning(
                Code.ENGINE_CONFIG_INVALID,
                f"`engine_config` has nothing for the engine `{name}`, which runs this module",
                *config[buckets[0]].origin.labels(),
            )
        )
    return {key.partition(".")[2]: item for key, item in config.items() if key.startswith(f"{name}.")}


def _hpi_keys(node: NodeReader, options: Mapping[str, Traced]) -> dict[str, Traced]:
    result: dict[str, Traced] = {}
    for key, item in options.items():
        top = key.partition(".")[0]
        if top not in legal_keys.HPI_KEYS:
            if top == key:
                message = f"the engine `hpi` has no option `{key}`; PaddleX would silently ignore it"
                help = did_you_mean(key, {*legal_keys.HPI_KEYS, *_BUCKETS})
                node.found.append(error(Code.HPI_CONFIG_UNKNOWN_KEY, message, *item.origin.key_labels(), help=help))
            continue
        result[key] = item
        problem = legal_keys.hpi_problem(key, item.value) if top == key else None
        if problem is not None:
            node.found.append(error(Code.HPI_CONFIG_INVALID, problem, *item.origin.labels()))
    return result


def _check_foreign(node: NodeReader, engine: str, options: Mapping[str, Traced]) -> None:
    known = _FOREIGN_OPTIONS.get(engine)
    for key, item in options.items():
        if known is not None and key.partition(".")[0] not in known:
            message = f"the engine `{engine}` has no option `{key}`"
            help = did_you_mean(key, known)
            node.found.append(error(Code.ENGINE_CONFIG_INVALID, message, *item.origin.key_labels(), help=help))


def _onnxruntime_options(node: NodeReader, options: Mapping[str, Traced]) -> dict[str, Traced]:
    result: dict[str, Traced] = {}
    for key, item in options.items():
        if "." in key or item.value is None:
            continue
        name = _ONNXRUNTIME_OPTIONS.get(key)
        value: Any = item.value
        if name == "graph_optimization":
            value = _OPTIMIZATION_LEVELS.get(value) if isinstance(value, int) else None
        if name is None or value is None:
            message = f"the option `{key}: {item.value}` of the engine `onnxruntime` has no counterpart here"
            known = ", ".join(f"`{option}`" for option in _ONNXRUNTIME_OPTIONS)
            help = f"options that have one: {known}; graph_optimization_level is 0, 1, 2 or 99"
            node.found.append(error(Code.ENGINE_CONFIG_INVALID, message, *item.origin.key_labels(), help=help))
        else:
            result[name] = Traced(value, item.origin)
    return result


def _warn_hidden(node: NodeReader, here: Inherited) -> None:
    if not here.hpi_config:
        return
    first: Origin = next(iter(here.hpi_config.values())).origin
    given = next(iter((here.engine_config or {}).values()), None)
    labels = first.labels("this has no effect") + (given.origin.labels("because of this") if given else ())
    node.found.append(
        warning(
            Code.HPI_CONFIG_HIDDEN,
            "an `engine_config` hides `hpi_config` altogether",
            *labels,
            help="say everything in one of the two",
        )
    )
