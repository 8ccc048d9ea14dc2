"""What a node of the pipeline hands down, and how a child merges its own keys over it.

The rules are PaddleX 3.7.2's: the deepest level wins. ``use_hpip`` wins by presence of the key;
``hpi_config`` merges key by key, one level deep. ``engine`` wins by presence too, and a child that
chooses by ``use_hpip`` (or a module, by a remote ``genai_config``) leaves its parent's engine and
``engine_config`` behind. A parent's ``engine_config`` merges into that of a module, and replaces
that of a sub-pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpi_planner.diagnostics.model import Code, Label, error
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Traced, default
from hpi_planner.paddlex import legal_keys
from hpi_planner.paddlex.node_reader import NodeReader
from hpi_planner.syntax.tree import Path

# The backends of PaddleX's `genai_config`; all but the first are servers somewhere else.
_GENAI_BACKENDS = ("native", "fastdeploy-server", "llama-cpp-server", "mlx-vlm-server", "sglang-server", "vllm-server")

Config = Mapping[str, Traced]


@dataclass(frozen=True)
class Inherited:
    """What holds at a node.

    Attributes:
        use_hpip: the switch, as PaddleX tests it: by truth.
        hpi_config: key by key; what is in nested mappings has entries of its own, such as
            ``backend_config.OPTION``. None if nobody gave one.
        engine: PaddleX's engine; its value is None where nobody chose one.
        engine_config: key by key like ``hpi_config``.
        remote: the module's ``genai_config`` names a server; never handed down.
    """

    use_hpip: Traced = Traced(False, default("use_hpip"))
    hpi_config: Config | None = None
    engine: Traced = Traced(None, default("engine"))
    engine_config: Config | None = None
    remote: bool = False


def plain(config: Config | None) -> dict[str, Any] | None:
    """Return a traced configuration as PaddleX would see it."""
    return None if config is None else {key: item.value for key, item in config.items() if "." not in key}


def pipeline(node: NodeReader, path: Path, value: Mapping[str, Any], parent: Inherited) -> Inherited:
    """Return what holds at a pipeline or sub-pipeline."""
    engine, dropped = _engine(node, path, value, parent, remote=False)
    given = None if dropped else parent.engine_config
    return Inherited(
        _use_hpip(node, path, value, parent),
        _hpi_config(node, path, value, parent),
        engine,
        given if given is not None else _own_engine_config(node, path, value),
    )


def module(node: NodeReader, path: Path, value: Mapping[str, Any], parent: Inherited) -> Inherited:
    """Return what holds at a module."""
    remote = _uses_server(node, path, value)
    engine, dropped = _engine(node, path, value, parent, remote)
    own = _own_engine_config(node, path, value)
    given = None if dropped else parent.engine_config
    merged = own if given is None else _merged(given, own or {})
    use_hpip, hpi_config = _use_hpip(node, path, value, parent), _hpi_config(node, path, value, parent)
    return Inherited(use_hpip, hpi_config, engine, merged, remote)


def _uses_server(node: NodeReader, path: Path, value: Mapping[str, Any]) -> bool:
    """Tell whether a module's ``genai_config`` names a server; report one that PaddleX refuses."""
    given = value.get("genai_config")
    if given is None:
        return False
    place = (*path, "genai_config")
    if not isinstance(given, dict):
        node.error(Code.SETTING_INVALID, f"`genai_config` must be a mapping, not `{given}`", place)
        return False
    backend = given.get("backend", "native")
    if backend not in _GENAI_BACKENDS:
        help = did_you_mean(backend, _GENAI_BACKENDS)
        node.error(Code.SETTING_INVALID, f"`genai_config` has no backend `{backend}`", (*place, "backend"), help)
        return False
    if backend != "native" and given.get("server_url") is None:
        node.error(Code.SETTING_INVALID, f"the backend `{backend}` needs a `server_url`", (*place, "backend"))
    return bool(backend != "native")


def _use_hpip(node: NodeReader, path: Path, value: Mapping[str, Any], parent: Inherited) -> Traced:
    if "use_hpip" not in value:
        return parent.use_hpip
    place = (*path, "use_hpip")
    own = value["use_hpip"]
    if own is None:
        node.warning(
            Code.USE_HPIP_NULL,
            "`use_hpip: null` means off; it does not inherit",
            place,
            "remove the key to inherit, or write `use_hpip: false`",
        )
    node.warn_quoted(place, own)
    return Traced(bool(own), node.origin(place))


def _hpi_config(node: NodeReader, path: Path, value: Mapping[str, Any], parent: Inherited) -> Config | None:
    own = value.get("hpi_config")
    place = (*path, "hpi_config")
    if own is None:
        return parent.hpi_config
    if not isinstance(own, dict):
        node.error(
            Code.HPI_CONFIG_INVALID,
            f"`hpi_config` must be a mapping, not {own!r}",
            place,
            "write `hpi_config: {backend: onnxruntime}`",
        )
        return parent.hpi_config
    known: dict[str, Any] = {}
    for key, item in own.items():
        if key not in legal_keys.HPI_KEYS:
            node.found.append(
                error(
                    Code.HPI_CONFIG_UNKNOWN_KEY,
                    f"`hpi_config` has no key `{key}`; PaddleX would silently ignore it",
                    Label(node.tree.key_span((*place, key))),
                    help=None if node.found.is_full else did_you_mean(key, legal_keys.HPI_KEYS),
                )
            )
            continue
        problem = legal_keys.hpi_problem(key, item)
        if problem is None:
            known[key] = item
        else:
            node.error(Code.HPI_CONFIG_INVALID, problem, (*place, key))
    return _merged(parent.hpi_config or {}, traced(node, place, known, 4))


def _engine(
    node: NodeReader, path: Path, value: Mapping[str, Any], parent: Inherited, remote: bool
) -> tuple[Traced, bool]:
    """Return the engine, and whether the parent's engine settings stay behind."""
    if "engine" in value:
        place = (*path, "engine")
        own = value["engine"]
        if own is not None and not isinstance(own, str):
            node.error(Code.ENGINE_CONFIG_INVALID, f"`engine` must be a name, not `{own}`", place)
            own = None
        return Traced(own, node.origin(place)), own is None
    if "use_hpip" in value or remote:
        return Inherited().engine, True
    return parent.engine, False


def _own_engine_config(node: NodeReader, path: Path, value: Mapping[str, Any]) -> Config | None:
    own = value.get("engine_config")
    place = (*path, "engine_config")
    if own is None:
        return None
    if not isinstance(own, dict):
        node.error(Code.ENGINE_CONFIG_INVALID, f"`engine_config` must be a mapping, not `{own}`", place)
        return None
    for key in own:
        if not isinstance(key, str) or "." in key:
            node.error(Code.ENGINE_CONFIG_INVALID, f"no engine has an option `{key}`", (*place, key))
    return traced(node, place, own, 5)


def _merged(parent: Config, own: Config) -> Config:
    """Lay ``own`` over ``parent``: a key replaces the parent's with everything below it."""
    tops = {key for key in own if "." not in key}
    kept = {key: item for key, item in parent.items() if key.partition(".")[0] not in tops}
    return {**kept, **own}


def traced(node: NodeReader, place: Path, value: Mapping[str, Any], depth: int) -> dict[str, Traced]:
    """Return each entry of a mapping with its origin; nested ones too, dotted, down to ``depth`` levels."""
    result: dict[str, Traced] = {}
    for key, item in value.items():
        here = (*place, key)
        result[str(key)] = Traced(item, node.origin(here))
        if depth > 1 and isinstance(item, dict):
            below = traced(node, here, item, depth - 1)
            result.update({f"{key}.{name}": entry for name, entry in below.items()})
    return result
