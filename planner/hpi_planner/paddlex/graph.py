"""The stage graph of a pipeline, from its definition.

The stages of a sub-pipeline are written into those of its parent, under the name of the stage
that stands for it; a stage that is switched off disappears, and who used its output gets what
the definition says instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas.plan.graph import READ
from hpi_schemas.plan.model import INPUT, Graph, Stage

from hpi_planner.ir import Module, Pipeline
from hpi_planner.paddlex import definitions
from hpi_planner.syntax.tree import Path, dotted


def build(pipeline: Pipeline, modules: Iterable[Module], external: Collection[str]) -> Builder:
    """Build the graph of a pipeline; ``missing`` says which part has none, empty if all have one.

    Args:
        pipeline: with what it contains.
        modules: those that exist.
        external: the addresses of what it uses beside them.
    """
    builder = Builder({module.path: module.settings for module in modules}, external)
    builder.inline(pipeline, "", {port: f"{INPUT}.{port}" for port in READ})
    return builder


@dataclass
class Builder:
    """Collects the stages of a pipeline and its sub-pipelines."""

    settings: Mapping[Path, Mapping[str, Any]]
    external: Collection[str]
    stages: dict[str, Stage] = field(default_factory=dict)
    outputs: dict[str, str | None] = field(default_factory=dict)
    missing: str = ""

    def inline(self, pipeline: Pipeline, prefix: str, inputs: Mapping[str, str]) -> bool:
        """Add the stages of ``pipeline``; False if it, or a part of it, has no graph."""
        graph = definitions.load(pipeline.name).graph
        if graph is None:
            self.missing = f"`{pipeline.name}`"
            return False
        for setting, value in graph.get("when", {}).items():
            found = self._setting(pipeline, setting)
            if found != value and graph.get("instead", {}).get(setting) not in inputs:
                self.missing = f"`{pipeline.name}` with `{setting}: {_written(found)}`"
                return False
        for settings in graph.get("lacks", ()):
            if self._all_are(pipeline, settings):
                told = " and ".join(f"`{setting}: {_written(value)}`" for setting, value in settings.items())
                self.missing = f"`{pipeline.name}` with {told}"
                return False
        return self._wire(pipeline, graph, prefix, inputs)

    def _wire(self, pipeline: Pipeline, graph: Mapping[str, Any], prefix: str, inputs: Mapping[str, str]) -> bool:
        """Add the stages of a graph of ``pipeline``."""
        # For each stage of it: port → reference to a real stage, None where it is gone.
        ports: dict[str, Mapping[str, str | None] | None] = {INPUT: dict(inputs)}
        for name, stage in graph["stages"].items():
            wired = {port: _follow(ports, ref, prefix) for port, ref in stage.get("inputs", {}).items()}
            here = {port: ref for port, ref in wired.items() if ref is not None}
            if not self._runs(pipeline, stage, ports):
                ports[name] = {
                    port: _follow(ports, ref, prefix) for port, ref in stage.get("otherwise", {}).items()
                } | {"": None}
            elif "sub_pipeline" in stage:
                child = Builder(self.settings, self.external, self.stages)
                if not child.inline(pipeline.pipelines[stage["sub_pipeline"]], f"{prefix}{name}/", here):
                    self.missing = child.missing
                    return False
                ports[name] = child.outputs | {"": None}
            elif "each" in stage:
                inner = Builder(self.settings, self.external)
                if not inner._wire(pipeline, stage["each"], "", {port: f"{INPUT}.{port}" for port in here}):
                    self.missing = inner.missing
                    return False
                ports[name] = None
                self.stages[prefix + name] = Stage(here, each=inner.graph())
            else:
                ports[name] = None
                self.stages[prefix + name] = self._stage(pipeline, stage, here)
        self.outputs = {port: _follow(ports, ref, prefix) for port, ref in graph["outputs"].items()}
        return True

    def graph(self, drawing: str = "") -> Graph:
        """Return what was collected as a graph."""
        outputs = {name: ref for name, ref in self.outputs.items() if ref is not None}
        return Graph(self.stages, tuple(_topological(self.stages)), outputs, drawing)

    def _runs(self, pipeline: Pipeline, stage: Mapping[str, Any], ports: Mapping[str, Any]) -> bool:
        if "module" in stage and _module(pipeline, stage["module"]) is None:
            return False
        if "sub_pipeline" in stage and stage["sub_pipeline"] not in pipeline.pipelines:
            return False
        asked = {name: self._all_are(pipeline, stage[name]) for name in ("when", "unless") if name in stage}
        if not asked.get("when", True) or asked.get("unless", False):
            return False
        needed = all(_is_there(ports, need) for need in stage.get("needs", ()))
        return needed and not any(_is_there(ports, other) for other in stage.get("without", ()))

    def _all_are(self, pipeline: Pipeline, wanted: Mapping[str, Any]) -> bool:
        return all(self._setting(pipeline, setting) == value for setting, value in wanted.items())

    def _setting(self, pipeline: Pipeline, name: str) -> Any:
        return pipeline.flags[name] if name in pipeline.flags else self._param(pipeline, {"setting": name})

    def _stage(self, pipeline: Pipeline, stage: Mapping[str, Any], inputs: Mapping[str, str]) -> Stage:
        if "module" in stage:
            path = _module(pipeline, stage["module"])
            assert path is not None
            return Stage(inputs, module=dotted(path), many=stage.get("many", False))
        params = {key: self._param(pipeline, item) for key, item in stage.get("params", {}).items()}
        return Stage(inputs, op=stage["op"], params=params)

    def _param(self, pipeline: Pipeline, item: Mapping[str, Any]) -> Any:
        if "value" in item:
            return item["value"]
        if "flag" in item:
            return pipeline.flags[item["flag"]]
        if "member" in item:
            return item["member"] in pipeline.modules or item["member"] in pipeline.pipelines
        if "index" in item:
            address = dotted((*pipeline.path, item["index"]))
            return address if address in self.external else None
        if "settings" in item:
            settings = self._module_settings(pipeline, item["settings"])
            return {key: settings.get(key) for key in item["keys"]}
        owner, _, key = item["setting"].rpartition(".")
        value = (self._module_settings(pipeline, owner) if owner else pipeline.settings).get(key)
        # Whoever writes null has said nothing.
        return _default(pipeline, owner, key) if value is None else value

    def _module_settings(self, pipeline: Pipeline, key: str) -> Mapping[str, Any]:
        path = _module(pipeline, key)
        return {} if path is None else self.settings.get(path, {})


def _written(value: Any) -> str:
    """Return a setting as a YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _module(pipeline: Pipeline, key: str) -> Path | None:
    """Return the path of a module by its key, with those of the sub-pipelines that it is in; None if there is none."""
    *owners, own = key.split(".")
    for owner in owners:
        if owner not in pipeline.pipelines:
            return None
        pipeline = pipeline.pipelines[owner]
    return pipeline.modules.get(own)


def _default(pipeline: Pipeline, owner: str, key: str) -> Any:
    """Return what a setting of a pipeline, or of a module by its key, is where nobody says it."""
    definition = definitions.load(pipeline.name)
    known = definition.settings
    for name in filter(None, owner.split(".")):
        member = next(member for member in definition.members if member.key == name)
        definition = definition if member.pipeline is None else definitions.load(member.pipeline)
        known = member.settings
    return known[key].default


def _is_there(ports: Mapping[str, Mapping[str, str | None] | None], need: str) -> bool:
    """Tell whether a stage runs, or something flows behind a reference."""
    # A stage that runs is known by itself, and not by what stands for its ports.
    return _follow(ports, need, "") is not None if "." in need else ports[need] is None


def _follow(ports: Mapping[str, Mapping[str, str | None] | None], ref: str, prefix: str) -> str | None:
    """Return the real stage output behind a reference, None if it is switched off."""
    stage, _, port = ref.partition(".")
    known = ports.get(stage)
    return f"{prefix}{ref}" if known is None and stage in ports else (known or {}).get(port)


def _topological(stages: Mapping[str, Stage]) -> list[str]:
    import networkx

    graph: Any = networkx.DiGraph()
    graph.add_nodes_from(stages)
    for name, stage in stages.items():
        graph.add_edges_from((source, name) for source in stage.sources if source != INPUT)
    return list(networkx.lexicographical_topological_sort(graph))


def drawing(pipeline: Pipeline) -> str:
    """Return what PaddleX calls the picture drawn of the pipeline's result."""
    graph = definitions.load(pipeline.name).graph
    assert graph is not None
    return str(graph["drawing"])
