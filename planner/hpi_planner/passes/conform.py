"""conform: does each model do what its task demands? A contradiction would be found picture by picture, or never."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, Label, error, note
from hpi_planner.ir import Ir, Module
from hpi_planner.passes import schedule
from hpi_planner.syntax.tree import Tree

if TYPE_CHECKING:
    from hpi_schemas.tasks.contradiction import Contradiction


@dataclass(frozen=True)
class Conform:
    """Compares the facts of each model with its task's contract."""

    name: str = "conform"

    def apply(self, ir: Ir) -> Ir:
        """Report contradictions; a module with one is broken, unless the runner does not run the pipeline anyhow."""
        if ir.tree is None:
            return ir
        is_run = schedule.has_graph(ir)
        modules: list[Module] = []
        found = Findings()
        for module in ir.modules:
            told = _contradictions(module)
            found.extend(_diagnostic(ir.tree, module, item, is_run) for item in told)
            modules.append(replace(module, broken=True) if told and is_run else module)
        return replace(ir, modules=tuple(modules)).report(*found)


def _contradictions(module: Module) -> list[Contradiction]:
    if module.broken or module.facts is None or module.engine is None:
        return []
    # Planning up to `inherit` does without.
    from hpi_schemas.tasks.check import contradictions
    from hpi_schemas.tasks.contradiction import Facts

    facts = module.facts
    forms = dict.fromkeys(engine.format for engine in (module.engine, *module.fallback))
    found = (
        contradictions(
            module.module_name,
            Facts(
                facts.inputs.get(form, {}),
                facts.outputs.get(form, {}),
                facts.processing,
                module.settings,
                module.batch_size or 1,
            ),
        )
        for form in forms
    )
    return list(dict.fromkeys(item for told in found for item in told))


def _diagnostic(tree: Tree, module: Module, item: Contradiction, is_run: bool) -> Diagnostic:
    from hpi_schemas.tasks.contradiction import BATCH, MODEL

    # People plan for elsewhere too: there, it keeps nothing but `hpi-run --module` from running.
    made = error if is_run else note
    message = f"{module.address}: {item.message}"
    if item.where != MODEL:
        key = item.where if item.where == BATCH else f"settings.{item.where}"
        if key in module.origins and (labels := module.origins[key].labels()):
            return made(Code.MODEL_CONTRACT, message, *labels, help=item.help)
    # What nobody wrote stands for the folder, or else for the name.
    origin = module.origins.get("model_dir") or module.origins["model_name"]
    labels = origin.labels() or (Label(tree.span(module.path)),)
    return made(Code.MODEL_CONTRACT, message, *labels, help=item.help)
