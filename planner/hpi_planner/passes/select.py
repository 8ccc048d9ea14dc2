"""select: a backend for each module, with the reason, and a reason for each backend not chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hpi_schemas.plan.model import External
from hpi_schemas.target import Target

from hpi_planner.diagnostics.model import Code, Diagnostic, Findings, error, has_errors, note
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Ir, Module
from hpi_planner.paddlex import engine_names
from hpi_planner.select.ahead import compiled_ahead
from hpi_planner.select.choice import Choice
from hpi_planner.select.facts import TargetFacts
from hpi_planner.select.untried import note_of

if TYPE_CHECKING:
    from hpi_planner.select.profile import Evidence


@dataclass(frozen=True)
class Select:
    """Decides module by module: by the user's word, by what was measured, or by prior knowledge."""

    profile: Evidence | None = None
    name: str = "select"

    def apply(self, ir: Ir) -> Ir:
        """Fill in ``engine``, ``fallback``, ``not_chosen`` and the facts of the target that counted."""
        if ir.target is None or ir.bound_device is None:
            return ir
        modules: list[Module] = []
        choices: list[tuple[Choice, Module]] = []
        found = Findings()
        facts = TargetFacts(ir.target)
        external = dict(ir.external)
        for module in ir.modules:
            refusal = _refused_engine(module)
            if refusal is not None:
                found.append(refusal)
                modules.append(replace(module, broken=True))
                continue
            if not engine_names.ours(module.model_name):
                found.append(_note_external(module))
                place = () if module.folder is None else (module.folder.dir, module.folder.files)
                external[module.address] = External(module.module_name, module.model_name, *place)
                continue
            if module.broken or module.facts is None:
                modules.append(module)
                continue
            choice = Choice(ir, module, facts)
            decided = choice.decide()
            if ir.asked_cold is not None:
                decided = compiled_ahead(choice, decided, ir.asked_cold)
            found.extend(choice.found)
            modules.append(decided)
            choices += [] if decided.broken else [(choice, decided)]
        whole = None
        if self.profile is not None:
            from hpi_planner.select import evidence

            decision = evidence.decide(choices, self.profile)
            modules = [decision.modules.get(module.address, module) for module in modules]
            found.extend(decision.found)
            whole = decision.whole
        elif not has_errors([*ir.diagnostics, *found]):
            untried = note_of(modules, ir.target, ir.asked_cold is not None)
            found.extend([] if untried is None else [untried])
        recorded = _recorded(ir, modules, facts)
        if self.profile is not None:
            recorded = replace(recorded, cpu_features=ir.target.cpu_features)
        decided_ir = replace(ir, modules=tuple(modules), external=external, target_facts=recorded, profile=whole)
        return decided_ir.report(*found)


def _refused_engine(module: Module) -> Diagnostic | None:
    """Return why a module cannot run on the engine that it asks for, or None if it can."""
    name, able = str(module.paddlex_engine.value), engine_names.supported(module.model_name)
    labels = module.paddlex_engine.origin.labels()
    if name not in engine_names.NAMES:
        message = f"{module.address}: there is no engine `{name}`"
        return error(Code.ENGINE_UNSUPPORTED, message, *labels, help=did_you_mean(name, engine_names.NAMES))
    wanted = engine_names.STATIC if name == engine_names.PADDLE else name
    if wanted in able:
        if wanted in engine_names.OURS or not engine_names.ours(module.model_name):
            return None
        message = f"{module.address}: no backend of hpi-plan is the engine `{name}`"
        help = "leave `engine` out there, or choose `hpi`, `paddle_static` or `onnxruntime`"
        return error(Code.ENGINE_UNSUPPORTED, message, *labels, help=help)
    message = f"{module.address}: `{module.model_name}` does not run on the engine `{name}`, only on {', '.join(able)}"
    mend = "use_hpip=false" if name == engine_names.HPI and module.engine_given is None else f"engine={able[0]}"
    return error(Code.ENGINE_UNSUPPORTED, message, *labels, help=f"`-o {module.address}.{mend}`")


def _note_external(module: Module) -> Diagnostic:
    able = ", ".join(engine_names.supported(module.model_name))
    message = (
        f"{module.address}: `{module.model_name}` runs only on PaddleX's engines {able}, "
        "so the plan lists it as external"
    )
    return note(Code.EXTERNAL_MODULE, message, *module.origins["model_name"].labels())


def _recorded(ir: Ir, modules: list[Module], facts: TargetFacts) -> Target:
    """Return every fact of the target that a decision read, absences included."""
    target = facts.target
    kinds = {module.device.kind for module in modules if module.device}
    return Target(
        os=target.os,
        arch=target.arch,
        cores=target.cores,
        device=str(ir.bound_device),
        gpus=target.gpus if "gpu" in kinds else (),
        cuda=target.cuda if "gpu" in kinds else None,
        npus=target.npus if "npu" in kinds else 0,
        backends=facts.backends,
        tools=facts.tools,
        paddle_features=target.paddle_features if "paddle" in facts.backends else None,
    )
