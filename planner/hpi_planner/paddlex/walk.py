"""The walk through a pipeline's tree: the modules that exist, in PaddleX's order, each with what it inherits.

The deepest level wins. This is the one and only merge of the compiler, and where every
value comes from is its output as much as the values are. The rules are PaddleX 3.7.2's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hpi_schemas.feature_index import INDEX
from hpi_schemas.plan import model as plan

from hpi_planner import knowledge
from hpi_planner.diagnostics.model import Code, Findings, Label, error
from hpi_planner.diagnostics.suggest import closest, did_you_mean
from hpi_planner.ir import Module, Pipeline, Traced
from hpi_planner.paddlex import definitions, engine_names, inheritance
from hpi_planner.paddlex.definitions import Definition, External, Member
from hpi_planner.paddlex.document import Document
from hpi_planner.paddlex.inheritance import Inherited
from hpi_planner.paddlex.node_reader import NodeReader, first_line
from hpi_planner.syntax.tree import Path, Tree, dotted


@dataclass
class Walk:
    """Collects what it comes to.

    Attributes:
        tree: the YAML.
        document: its form.
        modules: those that exist, in the order in which PaddleX creates them.
        external: what runs elsewhere, by address.
        found: what there is to tell.
        visited: the nodes that it came to.
    """

    tree: Tree
    document: Document
    modules: list[Module] = field(default_factory=list)
    external: dict[str, plan.External] = field(default_factory=dict)
    found: Findings = field(default_factory=Findings)
    visited: set[Path] = field(default_factory=set)

    @property
    def node(self) -> NodeReader:
        """Reads the keys of nodes."""
        return NodeReader(self.tree, self.found, self.document)

    def device(self) -> Traced | None:
        """Return the device that the file names, None if it names none."""
        place = self.document.device
        named = None if place is None else self.tree.get(place)
        return None if named is None or place is None else Traced(str(named), self.node.origin(place))

    # -- nodes ---------------------------------------------------------------------------------

    def pipeline(
        self, path: Path, parent: Inherited, lazy: int = 0, defaults: Mapping[str, Any] = MappingProxyType({})
    ) -> Pipeline | None:
        """Expand one pipeline, members in creation order; None if it cannot be.

        Args:
            path: its address.
            parent: what it inherits.
            lazy: how late PaddleX creates it.
            defaults: settings that default to something else here.
        """
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
        settings = self.node.settings(path, value, definition.settings, defaults, definition.name)
        modules: dict[str, Path] = {}
        pipelines: dict[str, Pipeline] = {}
        for member in definition.members:
            late = self._late(path, value, member)
            if late is None or not self._present(path, value, member):
                continue
            place = (*path, member.section, member.key)
            if member.pipeline is not None:
                child = self.pipeline(place, inherited, lazy + late, member.defaults)
                if child is not None:
                    pipelines[member.key] = child
            elif self._module(place, member, settings, inherited, lazy + late):
                modules[member.key] = place
        for item in definition.external:
            self._external(path, value, item)
        plain = {key: traced.value for key, traced in settings.items()}
        for key, folder in definition.index_folders(plain):
            self.external[dotted((*path, key))] = plan.External(INDEX, None, dir=folder)
        flags = {flag: bool(value.get(flag, default)) for flag, default in definition.flags.items()}
        return Pipeline(path, definition.name, plain, modules, pipelines, flags)

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
        settings |= {key: pipeline[own] for key, own in member.given.items()}
        inherited = inheritance.module(self.node, path, value, parent)
        module_name = member.task({key: traced.value for key, traced in pipeline.items()})
        # -1 stands for no limit where PaddleX's own default is that.
        least_batch = min(1, member.batch_size or 1)
        model_name = Traced(name, self.node.origin((*path, "model_name")))
        self.add(path, value, module_name, model_name, settings, inherited, lazy, least_batch)
        return True

    def add(
        self,
        path: Path,
        value: Mapping[str, Any],
        module_name: str,
        model_name: Traced,
        settings: Mapping[str, Traced],
        inherited: Inherited,
        lazy: int,
        least_batch: int = 1,
    ) -> None:
        """Add a module that exists.

        Args:
            path: its address.
            value: its node.
            module_name, model_name: its task and model.
            settings: of its task.
            inherited: what it inherits.
            lazy: how late PaddleX creates it.
            least_batch: the least number that its batch size may be.
        """
        self.visited.add(path)
        asked = engine_names.asked(self.node, model_name.value, inherited)
        origins = {"model_name": model_name.origin, "use_hpip": inherited.use_hpip.origin}
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
                model_name=model_name.value,
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

    def _owner(self, path: Path) -> str:
        return str(self.tree.get((*path[:-2], "pipeline_name")))
