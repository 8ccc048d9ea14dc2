"""inherit: the tree → the modules that exist, each with its merged ``use_hpip`` and ``hpi_config``.

The deepest level wins. This is the one and only merge of the compiler, and where every
value comes from is its output as much as the values are. The rules are PaddleX 3.7.2's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hpi_schemas import device
from hpi_schemas.plan import model as plan

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, Label, Span, error, note, warning
from hpi_planner.diagnostics.suggest import closest, did_you_mean
from hpi_planner.ir import Ir, Module, Pipeline, Traced
from hpi_planner.paddlex import definitions, engine_names, inheritance, legal_keys
from hpi_planner.paddlex.definitions import Definition, External, Member
from hpi_planner.paddlex.inheritance import Inherited
from hpi_planner.paddlex.node_reader import NodeReader, first_line
from hpi_planner.syntax.overrides import REGULAR, Override, from_token
from hpi_planner.syntax.tree import Path, Tree, dotted


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
        if legal_keys.is_module_config(ir.tree.value):
            ir = walk.module_config(ir)
        else:
            pipeline = walk.pipeline((), Inherited())
        given = ir.device
        if given is not None:
            try:
                ir = replace(ir, parsed_device=device.parse(given.value))
            except ValueError as fault:
                walk.found.append(error(Code.DEVICE_INVALID, str(fault), *given.origin.labels()))
        # What PaddleX creates later comes later.
        modules = sorted(walk.modules, key=lambda module: module.lazy)
        ir = replace(ir, pipeline=pipeline, modules=tuple(modules), external=walk.external)
        if any(layer.flag == REGULAR for layer in _layers(ir).values()):
            # It is meant to shadow everything.
            return ir.report(*walk.found)
        return ir.report(*walk.found, *_shadowed(ir, walk), *_unused(walk.modules))


@dataclass
class _Walk:
    tree: Tree
    modules: list[Module] = field(default_factory=list)
    external: dict[str, plan.External] = field(default_factory=dict)
    found: Findings = field(default_factory=Findings)
    visited: set[Path] = field(default_factory=set)

    @property
    def node(self) -> NodeReader:
        """Reads the keys of nodes."""
        return NodeReader(self.tree, self.found)

    # -- nodes ---------------------------------------------------------------------------------

    def pipeline(self, path: Path, parent: Inherited, lazy: int = 0) -> Pipeline | None:
        """Expand one pipeline, members in creation order; None if it cannot be."""
        value = self.tree.get(path)
        if not isinstance(value, dict):
            self.node.error(Code.MODULE_INVALID, f"`{dotted(path)}` must be a mapping with a `pipeline_name`", path)
            return None
        definition = self._definition(path, value)
        if definition is None:
            return None
        self.visited.add(path)
        self.node.check_keys(path, value)
        inherited = inheritance.pipeline(self.node, path, value, parent)
        settings = self.node.settings(path, value, definition.settings, {}, definition.name)
        modules: dict[str, Path] = {}
        pipelines: dict[str, Pipeline] = {}
        for member in definition.members:
            late = self._late(path, value, member)
            if late is None or not self._present(path, value, member):
                continue
            place = (*path, member.section, member.key)
            if member.pipeline is not None:
                child = self.pipeline(place, inherited, lazy + late)
                if child is not None:
                    pipelines[member.key] = child
            elif self._module(place, member, settings, inherited, lazy + late):
                modules[member.key] = place
        for item in definition.external:
            self._external(path, value, item)
        plain = {key: traced.value for key, traced in settings.items()}
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
            if not isinstance(top.get(section), dict):
                self.node.error(Code.MODULE_INVALID, f"`{section}` must be a mapping", (section,))
                return ir
        predict = top["Predict"]
        model_name = top["Global"].get("model")
        if not isinstance(model_name, str):
            self.node.error(Code.MODULE_INVALID, "`Global.model` must name the model", ("Global",))
            return ir
        module_name = legal_keys.task_of(self.tree)
        if module_name is None:
            self.node.error(
                Code.MODEL_UNKNOWN,
                f"no PaddleX module has a model `{model_name}`",
                ("Global", "model"),
                help="name its task in the same section, for example `module: text_detection`",
            )
            return ir
        self.node.check_keys(("Predict",), predict)
        inherited = inheritance.module(self.node, ("Predict",), predict, Inherited())
        # Where the file is silent, the model's own inference.yml speaks.
        known_settings = {key: item for key, item in definitions.settings_of(module_name).items() if key in predict}
        settings = self.node.settings(("Predict",), predict, known_settings, {}, module_name)
        self._add(("Predict",), predict, module_name, model_name, settings, inherited, 0)
        self._kernel_option(predict)
        given = self.tree.get(("Global", "device"))
        if ir.device is None and given is not None:
            return replace(ir, device=Traced(str(given), self.node.origin(("Global", "device"))))
        return ir

    def _kernel_option(self, predict: Mapping[str, Any]) -> None:
        """Take what a module file says of Paddle's regular inference."""
        own = predict.get("kernel_option")
        place = ("Predict", "kernel_option")
        if own is None:
            return
        if not isinstance(own, dict):
            self.node.error(Code.MODULE_INVALID, f"`kernel_option` must be a mapping, not `{own}`", place)
            return
        section = Traced(own, self.node.origin(place))
        keys = inheritance.traced(self.node, place, own, 3)
        kernel = {"backend_config": section} | {f"backend_config.{key}": item for key, item in keys.items()}
        self.modules[-1] = replace(self.modules[-1], kernel_option=kernel)

    def _module(self, path: Path, member: Member, pipeline: Mapping[str, Traced], parent: Inherited, lazy: int) -> bool:
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
        task, usual = knowledge.module_of(name), knowledge.module_of(member.model or "")
        if member.tasks and task is not None and task not in member.tasks:
            self.node.warning(
                Code.MODEL_TASK, f"`{name}` is a model for {task}, and this is {usual}", (*path, "model_name")
            )
        if member.models and name not in member.models:
            choices = " or ".join(f"`{item}`" for item in member.models)
            self.node.error(
                Code.SETTING_INVALID, f"`model_name` must be {choices} here, not `{name}`", (*path, "model_name")
            )
        if member.batch_size_required and "batch_size" not in value:
            self.node.error(
                Code.SETTING_INVALID,
                f"`{dotted(path)}` has no `batch_size`, and PaddleX needs it here",
                path,
                help=f"add `batch_size: {member.batch_size}`",
            )
        defaults: Mapping[str, Any] = {}
        if member.defaults_by is not None:
            setting, by_value = member.defaults_by
            defaults = by_value.get(str(pipeline[setting].value), {})
        settings = self.node.settings(path, value, member.settings, defaults, f"{self._owner(path)}.{member.key}")
        inherited = inheritance.module(self.node, path, value, parent)
        assert member.module_name is not None
        # -1 stands for no limit where PaddleX's own default is that.
        least_batch = min(1, member.batch_size or 1)
        self._add(path, value, member.module_name, name, settings, inherited, lazy, least_batch)
        return True

    def _add(
        self,
        path: Path,
        value: Mapping[str, Any],
        module_name: str,
        model_name: str,
        settings: Mapping[str, Traced],
        inherited: Inherited,
        lazy: int,
        least_batch: int = 1,
    ) -> None:
        self.visited.add(path)
        asked = engine_names.asked(self.node, model_name, inherited)
        name_place = ("Global", "model") if path == ("Predict",) else (*path, "model_name")
        origins = {"model_name": self.node.origin(name_place), "use_hpip": inherited.use_hpip.origin}
        if inherited.engine.value is not None:
            origins["engine"] = inherited.engine.origin
        for name, config in (("hpi_config", inherited.hpi_config), ("engine_config", inherited.engine_config)):
            shown = {key: item for key, item in (config or {}).items() if key.count(".") < 2}
            origins.update({f"{name}.{key}": item.origin for key, item in shown.items()})
        origins.update({f"settings.{key}": item.origin for key, item in settings.items()})
        for key in ("batch_size", "model_dir"):
            if value.get(key) is not None:
                origins[key] = self.node.origin((*path, key))
        model_dir = self.node.typed(path, value, "model_dir", (str,), "a path or null")
        self.modules.append(
            Module(
                path=path,
                address=dotted(path),
                module_name=module_name,
                model_name=model_name,
                model_dir=model_dir,
                batch_size=self.node.batch_size(path, value, least_batch),
                use_hpip=bool(inherited.use_hpip.value),
                hpi_config=inheritance.plain(inherited.hpi_config),
                engine_given=inherited.engine.value,
                engine_config=inheritance.plain(inherited.engine_config),
                paddlex_engine=asked.engine,
                keys=asked.keys,
                settings={key: item.value for key, item in settings.items()},
                origins=origins,
                lazy=lazy,
                broken=model_dir is None and value.get("model_dir") is not None,
            )
        )

    def _external(self, path: Path, value: Mapping[str, Any], item: External) -> None:
        if item.flag is not None and not self._flag(path, value, item.flag, True):
            return
        place = (*path, "SubModules", *item.key.split("."))
        found = self.tree.get(place)
        self.visited.update(place[:end] for end in range(len(path) + 2, len(place) + 1))
        if isinstance(found, dict):
            self.external[dotted(place)] = plan.External(item.kind, found.get("model_name"))
        elif item.required or found is not None:
            self.node.error(
                Code.MODULE_MISSING if found is None else Code.MODULE_INVALID,
                f"`{dotted(place)}` is missing" if found is None else f"`{dotted(place)}` must be a mapping",
                place if found is not None else path,
                help=f"it is a {item.kind.replace('_', ' ')} that the pipeline uses beside its models",
            )

    # -- keys and values -----------------------------------------------------------------------

    def _definition(self, path: Path, value: Mapping[str, Any]) -> Definition | None:
        name = value.get("pipeline_name")
        where = f"`{dotted(path)}`" if path else "the file"
        if name is None:
            self._report_unnamed(path, value, where)
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

    def _report_unnamed(self, path: Path, value: Mapping[str, Any], where: str) -> None:
        if "pipeline_name" in value:
            self.node.error(Code.PIPELINE_UNKNOWN, f"the `pipeline_name` of {where} is null", (*path, "pipeline_name"))
            return
        near = closest("pipeline_name", (key for key in value if isinstance(key, str)))
        if near is None:
            help = f"known: {', '.join(definitions.names())}"
            self.node.error(Code.PIPELINE_UNKNOWN, f"{where} has no `pipeline_name`", path, help=help)
            return
        place = Label(self.tree.key_span((*path, near)))
        message = f"{where} has no `pipeline_name`, but a `{near}`"
        self.found.append(error(Code.PIPELINE_UNKNOWN, message, place, help="did you mean `pipeline_name`?"))

    def _late(self, path: Path, value: Mapping[str, Any], member: Member) -> int | None:
        """Return 0 for a member that PaddleX makes at once, 1 for one that it makes later, None for none."""
        flags = [self._flag(path, value, flag, member.flag_default) for flag in member.flags]
        if not flags or any(flags):
            return int(member.lazy)
        section = value.get(member.section)
        # A section that is there and no mapping stops PaddleX here too.
        configured = section.get(member.key) is not None if isinstance(section, dict) else member.section in value
        return 1 if member.when_off == "lazy" and configured else None

    def _flag(self, path: Path, value: Mapping[str, Any], flag: str, default: bool) -> bool:
        if flag not in value:
            return default
        self.node.warn_quoted((*path, flag), value[flag])
        return bool(value[flag])

    def _present(self, path: Path, value: Mapping[str, Any], member: Member) -> bool:
        section = value.get(member.section)
        if section is not None and not isinstance(section, dict):
            self.node.error(Code.MODULE_INVALID, f"`{member.section}` must be a mapping", (*path, member.section))
            return False
        if section is not None and member.key in section:
            return not (member.optional and section[member.key] is None)
        if member.optional:
            return False
        flag = member.flags[0] if member.flags else None
        where = f" in `{dotted(path)}`" if path else ""
        why = f"; `{flag}` is on" if flag else ""
        place = (*path, member.section) if section is not None else path
        self.found.append(
            error(
                Code.MODULE_MISSING,
                f"`{member.section}.{member.key}` is missing{where}{why}",
                Label(self.tree.key_span(place) if place else first_line(self.tree.span(()))),
                help=f"add it, or set `{'`, `'.join(f'{item}: false' for item in member.flags)}`" if flag else "add it",
            )
        )
        return False

    # -- reporting -----------------------------------------------------------------------------

    def _owner(self, path: Path) -> str:
        return str(self.tree.get((*path[:-2], "pipeline_name")))


def _shadowed(ir: Ir, walk: _Walk) -> list[Diagnostic]:
    """Report each override that reaches no module: something else wins everywhere, or what it changes is off."""
    reached = {origin.span.source for module in walk.modules for origin in module.origins.values() if origin.span}
    told = {label.span.source for item in (*ir.diagnostics, *walk.found) for label in item.labels}
    layers = _layers(ir)
    found: list[Diagnostic] = []
    for index, (source, layer) in enumerate(layers.items()):
        if source in reached | told:
            continue
        off = _off(layer.path, walk.visited)
        said = layer.text.partition("=")[2] if layer.flag is None else layer.text
        if said.strip() in ("{}", "null", ""):
            # It takes keys away, and leaves nothing to reach a module.
            continue
        later = [item for item in list(layers.values())[index + 1 :] if item.path == layer.path[: len(item.path)]]
        if off is not None or not set(legal_keys.INHERITED).isdisjoint(layer.path):
            why = "a deeper key wins everywhere"
            if off is not None:
                why = f"the pipeline does not use `{dotted(off)}`"
            elif later:
                why = f"`{later[-1].token}` wins"
            place = Label(Span(source, 1, 1, 1, len(layer.token) + 1))
            found.append(warning(Code.OVERRIDE_SHADOWED, f"this override reaches no module: {why}", place))
    return found


def _layers(ir: Ir) -> dict[str, Override]:
    return {source: from_token(token) for source, token in ir.texts.items() if source.startswith("override:")}


def _unused(modules: list[Module]) -> list[Diagnostic]:
    """Report each ``hpi_config`` that reaches only modules for which it does not count."""
    counts: dict[Span, bool] = {}
    labels: dict[Span, tuple[Label, ...]] = {}
    for module in modules:
        is_on = module.paddlex_engine.value == engine_names.HPI
        for key, origin in module.origins.items():
            if origin.span is not None and key.startswith("hpi_config.") and key.count(".") == 1:
                counts[origin.span] = counts.get(origin.span, False) or is_on
                labels[origin.span] = origin.key_labels()
    return [
        warning(
            Code.HPI_CONFIG_HIDDEN,
            "this has no effect: high-performance inference is off in every module that it reaches",
            *labels[span],
            help="turn it on with `use_hpip: true`, or `--use_hpip`",
        )
        for span, is_used in counts.items()
        if not is_used
    ]


def _off(path: Path, visited: set[Path]) -> Path | None:
    """Return the module or sub-pipeline on a path that the walk did not come to, None if it came to all."""
    for end, key in enumerate(path):
        if key in ("SubModules", "SubPipelines") and end + 1 < len(path) and path[: end + 2] not in visited:
            return path[: end + 2]
    return None
