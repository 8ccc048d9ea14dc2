"""conform: does each model do what its task demands? A contradiction would be found picture by picture, or never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hpi_schemas import ops, tasks

from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, Label, error, note, warning
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
        """Report contradictions; a module with one is broken, unless the runner does not run the pipeline anyhow.

        Raises:
            packaged.PackageError: two packages bring one contract.
        """
        if ir.tree is None:
            return ir
        # Lookups by name stop at ours, and a plan must not depend on what they pass over.
        tasks.load_all()
        ops.names()
        is_run = schedule.is_native(ir)
        modules: list[Module] = []
        found = Findings()
        for module in ir.modules:
            told, idle = _contradictions(module)
            # People plan for elsewhere too: there, it keeps nothing but `hpi-run --module` from running.
            made = error if is_run else note
            found.extend(_diagnostic(ir.tree, module, item, Code.MODEL_CONTRACT, made) for item in told)
            found.extend(_diagnostic(ir.tree, module, item, Code.SETTING_IDLE, warning) for item in idle)
            modules.append(replace(module, broken=True) if told and is_run else module)
        return replace(ir, modules=tuple(modules)).report(*found)


def _contradictions(module: Module) -> tuple[list[Contradiction], list[Contradiction]]:
    """Return what keeps a model from doing its task, and which settings change nothing with it."""
    if module.broken or module.facts is None or module.engine is None:
        return [], []
    # Planning up to `inherit` does without.
    from hpi_schemas.tasks.check import contradictions, idle_settings
    from hpi_schemas.tasks.contradiction import Facts

    facts = module.facts
    forms = dict.fromkeys(engine.format for engine in (module.engine, *module.fallback))
    known = [
        Facts(
            facts.inputs.get(form, {}),
            facts.outputs.get(form, {}),
            facts.processing,
            module.settings,
            module.batch_size or 1,
            facts.files.get(form) or None,
        )
        for form in forms
    ]
    told = dict.fromkeys(item for one in known for item in contradictions(module.module_name, one))
    return list(told), idle_settings(module.module_name, known[0])


def _diagnostic(
    tree: Tree, module: Module, item: Contradiction, code: Code, made: Callable[..., Diagnostic]
) -> Diagnostic:
    from hpi_schemas.tasks.contradiction import BATCH, MODEL

    message = f"{module.address}: {item.message}"
    if item.where != MODEL:
        key = item.where if item.where == BATCH else f"settings.{item.where}"
        if key in module.origins and (labels := module.origins[key].labels()):
            return made(code, message, *labels, help=item.help)
    # What nobody wrote stands for the folder, or else for the name.
    origin = module.origins.get("model_dir") or module.origins["model_name"]
    labels = origin.labels() or (Label(tree.span(module.path)),)
    return made(code, message, *labels, help=item.help)
