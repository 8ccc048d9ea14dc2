"""inherit: the tree → the modules that exist, each with its merged ``use_hpip`` and ``hpi_config``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hpi_schemas import device

from hpi_planner.diagnostics.model import Code, Diagnostic, Label, Span, error, warning
from hpi_planner.ir import Ir, Module
from hpi_planner.paddlex import engine_names, legal_keys
from hpi_planner.paddlex.walk import Walk
from hpi_planner.syntax.overrides import REGULAR, Override, from_token
from hpi_planner.syntax.tree import Path, dotted


@dataclass(frozen=True)
class Inherit:
    """Walks the tree from the top."""

    name: str = "inherit"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``pipeline``, ``modules`` and the parsed device."""
        if ir.tree is None or ir.document is None:
            return ir
        walk = Walk(ir.tree, ir.document)
        pipeline = ir.document.expand(walk)
        given = ir.device or walk.device()
        ir = replace(ir, device=given)
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


def _shadowed(ir: Ir, walk: Walk) -> list[Diagnostic]:
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
