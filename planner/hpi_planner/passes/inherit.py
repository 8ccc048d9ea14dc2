"""inherit: the tree → the modules that exist, each with its merged ``use_hpip`` and ``hpi_config``.

The deepest level wins. This is the one and only merge of the compiler, and where every
value comes from is its output as much as the values are. The rules are PaddleX 3.7.2's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hpi_planner import definitions, device, knowledge, legal
from hpi_planner.definitions import Definition, Member
from hpi_planner.diagnostics import Code, Diagnostic, Label, Span, error, note, warning
from hpi_planner.ir import Ir, Module, Origin, Pipeline, Traced
from hpi_planner.node_reader import NodeReader, first_line
from hpi_planner.suggest import did_you_mean
from hpi_planner.tree import Path, Tree, dotted


@dataclass(frozen=True)
class Inherit:
    """Walks the tree from the top."""

    name: str = "inherit"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``pipeline``, ``modules`` and the parsed device."""
        if ir.tree is None:
            return ir
        walk = _Walk(ir.tree)
        pipeline: Pipeline | None = None
        if legal.is_module_config(ir.tree.value):
            ir = walk.module_config(ir)
        else:
            pipeline = walk.pipeline((), _Inherited())
        given = ir.device
        if given is not None:
            try:
                ir = replace(ir, parsed_device=device.parse(given.value))
            except ValueError as fault:
                walk.found.append(error(Code.DEVICE_INVALID, str(fault), *given.origin.labels()))
        ir = replace(ir, pipeline=pipeline, modules=tuple(walk.modules))
        return ir.report(*walk.found, *_shadowed(ir, walk))


@dataclass(frozen=True)
class _Inherited:
    """What a node hands down: the switch, and the configuration key by key (None: never given)."""

    use_hpip: Traced = Traced(False, Origin("default:use_hpip"))
    config: Mapping[str, Traced] | None = None


@dataclass
class _Walk:
    tree: Tree
    modules: list[Module] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)

    @property
    def node(self) -> NodeReader:
        """Reads the keys of nodes."""
        return NodeReader(self.tree, self.found)

    # -- nodes ---------------------------------------------------------------------------------

    def pipeline(self, path: Path, parent: _Inherited, lazy: bool = False) -> Pipeline | None:
        """Expand one pipeline, members in creation order; None if it cannot be."""
        value = self.tree.get(path)
        if not isinstance(value, dict):
            self.node.error(Code.MODULE_INVALID, f"`{dotted(path)}` must be a mapping with a `pipeline_name`", path)
            return None
        definition = self._definition(path, value)
        if definition is None:
            return None
        self.node.check_keys(path, value)
        inherited = self._inherit(path, value, parent)
        settings = self.node.settings(path, value, definition.settings, {}, definition.name)
        modules: dict[str, Path] = {}
        pipelines: dict[str, Pipeline] = {}
        for member in definition.members:
            if member.flag is not None and not self._flag(path, value, member):
                continue
            place = (*path, member.section, member.key)
            if not self._present(path, value, member):
                continue
            if member.pipeline is not None:
                child = self.pipeline(place, inherited, lazy or member.lazy)
                if child is not None:
                    pipelines[member.key] = child
            elif self._module(place, member, settings, inherited, lazy or member.lazy):
                modules[member.key] = place
        plain = {key: item.value for key, item in settings.items()}
        return Pipeline(path, definition.name, plain, modules, pipelines)

    def module_config(self, ir: Ir) -> Ir:
        """Read a ``Global:``/``Predict:`` file: one module, no inheritance."""
        top = self.tree.value
        known = ("Global", "Predict")
        ignored = [key for key in top if key not in known]
        if ignored:
            names = ", ".join(f"`{key}`" for key in ignored)
            self.found.append(
                note(
                    Code.TRAINING_KEYS_IGNORED,
                    f"{names} {'is' if len(ignored) == 1 else 'are'} for training and ignored here",
                    Label(self.tree.key_span((ignored[0],))),
                )
            )
        for section in known:
            value = top.get(section)
            if value is not None and not isinstance(value, dict):
                self.node.error(Code.MODULE_INVALID, f"`{section}` must be a mapping", (section,))
                return ir
        predict = top.get("Predict") or {}
        model_name = (top.get("Global") or {}).get("model")
        if not isinstance(model_name, str):
            self.node.error(Code.MODULE_INVALID, "`Global.model` must name the model", ("Global",))
            return ir
        module_name = knowledge.module_of(model_name) or (top.get("Global") or {}).get("module")
        if not isinstance(module_name, str):
            self.node.error(
                Code.MODEL_UNKNOWN,
                f"no PaddleX module has a model `{model_name}`",
                ("Global", "model"),
                help="name its task in the same section, for example `module: text_detection`",
            )
            return ir
        self.node.check_keys(("Predict",), predict)
        inherited = self._inherit(("Predict",), predict, _Inherited())
        self._add(("Predict",), predict, module_name, model_name, {}, inherited, lazy=False)
        place = ("Predict", "kernel_option", "run_mode")
        if self.tree.get(place) is not None:
            run_mode = Traced(self.tree.get(place), self.node.origin(place))
            self.modules[-1] = replace(self.modules[-1], run_mode=run_mode)
        given = self.tree.get(("Global", "device"))
        if ir.device is None and given is not None:
            return replace(ir, device=Traced(str(given), self.node.origin(("Global", "device"))))
        return ir

    def _module(
        self, path: Path, member: Member, pipeline: Mapping[str, Traced], parent: _Inherited, lazy: bool
    ) -> bool:
        value = self.tree.get(path)
        if not isinstance(value, dict):
            self.node.error(Code.MODULE_INVALID, f"`{dotted(path)}` must be a mapping with a `model_name`", path)
            return False
        self.node.check_keys(path, value)
        name = value.get("model_name")
        if not isinstance(name, str):
            self.node.error(
                Code.MODULE_INVALID,
                f"`{dotted(path)}` has no `model_name`"
                if name is None
                else f"`model_name` must be a name, not {name!r}",
                (*path, "model_name"),
                help=f"PaddleX's default here is `{member.model}`",
            )
            return False
        defaults: Mapping[str, Any] = {}
        if member.defaults_by is not None:
            setting, by_value = member.defaults_by
            defaults = by_value.get(str(pipeline[setting].value), {})
        settings = self.node.settings(path, value, member.settings, defaults, f"{self._owner(path)}.{member.key}")
        inherited = self._inherit(path, value, parent)
        assert member.module_name is not None
        self._add(path, value, member.module_name, name, settings, inherited, lazy)
        return True

    def _add(
        self,
        path: Path,
        value: Mapping[str, Any],
        module_name: str,
        model_name: str,
        settings: Mapping[str, Traced],
        inherited: _Inherited,
        lazy: bool,
    ) -> None:
        config = inherited.config
        origins = {"use_hpip": inherited.use_hpip.origin}
        origins.update({f"hpi_config.{key}": item.origin for key, item in (config or {}).items()})
        origins.update({f"settings.{key}": item.origin for key, item in settings.items()})
        for key in ("batch_size", "model_dir"):
            if value.get(key) is not None:
                origins[key] = self.node.origin((*path, key))
        self.modules.append(
            Module(
                path=path,
                address=dotted(path),
                module_name=module_name,
                model_name=model_name,
                model_dir=self.node.typed(path, value, "model_dir", (str,), "a path or null"),
                batch_size=self.node.batch_size(path, value),
                use_hpip=bool(inherited.use_hpip.value),
                hpi_config=None if config is None else {k: item.value for k, item in config.items() if "." not in k},
                keys=config or {},
                settings={key: item.value for key, item in settings.items()},
                origins=origins,
                lazy=lazy,
            )
        )

    # -- inheritance ---------------------------------------------------------------------------

    def _inherit(self, path: Path, value: Mapping[str, Any], parent: _Inherited) -> _Inherited:
        """Merge what a node says over what it inherits."""
        for key in ("engine", "engine_config"):
            if value.get(key) is not None:
                self.node.error(
                    Code.ENGINE_UNSUPPORTED,
                    f"`{key}` is not supported yet",
                    (*path, key),
                    help="say the same with `use_hpip: true` and `hpi_config: {backend: …}`",
                )
        return _Inherited(self._use_hpip(path, value, parent), self._hpi_config(path, value, parent))

    def _use_hpip(self, path: Path, value: Mapping[str, Any], parent: _Inherited) -> Traced:
        if "use_hpip" not in value:
            return parent.use_hpip
        place = (*path, "use_hpip")
        own = value["use_hpip"]
        if own is None:
            self.found.append(
                warning(
                    Code.USE_HPIP_NULL,
                    "`use_hpip: null` means off; it does not inherit",
                    Label(self.tree.span(place)),
                    help="remove the key to inherit, or write `use_hpip: false`",
                )
            )
        self.node.warn_quoted(place, own)
        return Traced(bool(own), self.node.origin(place))

    def _hpi_config(self, path: Path, value: Mapping[str, Any], parent: _Inherited) -> Mapping[str, Traced] | None:
        own = value.get("hpi_config")
        place = (*path, "hpi_config")
        if own is None:
            return parent.config
        if not isinstance(own, dict):
            self.node.error(
                Code.HPI_CONFIG_INVALID,
                f"`hpi_config` must be a mapping, not {own!r}",
                place,
                help="write `hpi_config: {backend: onnxruntime}`",
            )
            return parent.config
        result = dict(parent.config or {})
        for key in own:
            if key not in legal.HPI_KEYS:
                self.found.append(
                    error(
                        Code.HPI_CONFIG_UNKNOWN_KEY,
                        f"`hpi_config` has no key `{key}`; PaddleX would silently ignore it",
                        Label(self.tree.key_span((*place, key))),
                        help=did_you_mean(key, legal.HPI_KEYS),
                    )
                )
                continue
            if key == "backend_config":
                result = {name: item for name, item in result.items() if not name.startswith("backend_config.")}
                result.update(self._backend_config((*place, key), own[key]))
            result[key] = Traced(own[key], self.node.origin((*place, key)))
        return result

    def _backend_config(self, path: Path, value: Any) -> dict[str, Traced]:
        """Return the options one by one: each may come from another layer."""
        if isinstance(value, dict):
            return {
                f"backend_config.{key}": Traced(item, self.node.origin((*path, key))) for key, item in value.items()
            }
        if value is not None:
            self.node.error(Code.BACKEND_CONFIG_INVALID, f"`backend_config` must be a mapping, not `{value}`", path)
        return {}

    # -- keys and values -----------------------------------------------------------------------

    def _definition(self, path: Path, value: Mapping[str, Any]) -> Definition | None:
        name = value.get("pipeline_name")
        where = f"`{dotted(path)}`" if path else "the file"
        if name is None:
            self.node.error(
                Code.PIPELINE_UNKNOWN,
                f"{where} has no `pipeline_name`",
                path,
                help=f"known: {', '.join(definitions.names())}",
            )
            return None
        if not isinstance(name, str) or name not in definitions.names():
            self.found.append(
                error(
                    Code.PIPELINE_UNKNOWN,
                    f"there is no pipeline `{name}`",
                    Label(self.tree.span((*path, "pipeline_name"))),
                    help=did_you_mean(name, definitions.names()),
                )
            )
            return None
        return definitions.load(name)

    def _flag(self, path: Path, value: Mapping[str, Any], member: Member) -> bool:
        assert member.flag is not None
        if member.flag not in value:
            return member.flag_default
        self.node.warn_quoted((*path, member.flag), value[member.flag])
        return bool(value[member.flag])

    def _present(self, path: Path, value: Mapping[str, Any], member: Member) -> bool:
        section = value.get(member.section)
        if section is not None and not isinstance(section, dict):
            self.node.error(Code.MODULE_INVALID, f"`{member.section}` must be a mapping", (*path, member.section))
            return False
        if section is not None and member.key in section:
            return True
        where = f" in `{dotted(path)}`" if path else ""
        why = f"; `{member.flag}` is on" if member.flag else ""
        place = (*path, member.section) if section is not None else path
        self.found.append(
            error(
                Code.MODULE_MISSING,
                f"`{member.section}.{member.key}` is missing{where}{why}",
                Label(self.tree.key_span(place) if place else first_line(self.tree.span(()))),
                help=f"add it, or set `{member.flag}: false`" if member.flag else "add it",
            )
        )
        return False

    # -- reporting -----------------------------------------------------------------------------

    def _owner(self, path: Path) -> str:
        return str(self.tree.get((*path[:-2], "pipeline_name")))


def _shadowed(ir: Ir, walk: _Walk) -> list[Diagnostic]:
    """Report each override whose value reaches no module because deeper keys win everywhere."""
    reached = {origin.span.source for module in walk.modules for origin in module.origins.values() if origin.span}
    told = {label.span.source for item in (*ir.diagnostics, *walk.found) for label in item.labels}
    found: list[Diagnostic] = []
    for source, token in ir.texts.items():
        is_handed_down = "use_hpip" in token or "hpi_config" in token
        if source.startswith("override:") and is_handed_down and source not in reached | told:
            found.append(
                warning(
                    Code.OVERRIDE_SHADOWED,
                    "this override reaches no module: a deeper key wins everywhere, or the module is off",
                    Label(Span(source, 1, 1, 1, len(token) + 1)),
                )
            )
    return found
