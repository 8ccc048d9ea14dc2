"""Candidates: every engine that could run a module, with what may be varied of it, for hpi-bench to measure.

What the user gives in ``hpi_config`` stays as it is; what is left open is varied as the backends' files and the
pipelines' files say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from hpi_schemas import tasks
from hpi_schemas.backends import AHEAD, STREAMS, THREADS, Backend, load_all, option_of
from hpi_schemas.candidates import Candidate, Candidates, ModuleCandidates
from hpi_schemas.device import CPU
from hpi_schemas.plan.model import EngineRecord

from hpi_planner.ir import Ir, Module, Origin, Traced, rule
from hpi_planner.passes.freeze import model
from hpi_planner.select.choice import Choice, Variant
from hpi_planner.select.facts import TargetFacts
from hpi_planner.select.profile import COLD

# Until inputs have been recorded, nobody knows the digest of int8's samples.
UNKNOWN_CALIBRATION = f"sha256:{0:064}"
_TRIED = rule("candidates")
_BATCH_SIZES = (1, 8)
_PRECISION, _RUN_MODE, _CALIBRATION = "precision", "run_mode", "calibration"
# Some networks gain without instructions for it, for their weights are a quarter as large.
_INT8 = "int8"


@dataclass(frozen=True)
class Tried:
    """A candidate as the planner makes it.

    Attributes:
        candidate: it.
        lower: the same in lower precisions.
        origins: of the engine's options.
    """

    candidate: Candidate
    lower: tuple[Tried, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def engine(self) -> EngineRecord:
        """The backend with every option."""
        return self.candidate.engine


def of(
    choice: Choice,
    decided: Module,
    calibration: str = UNKNOWN_CALIBRATION,
    origin: Origin = _TRIED,
    is_cold: bool = False,
) -> list[Tried]:
    """Return the candidates of a module; the first is what was decided already.

    Args:
        choice: of the module.
        decided: the module with the engine that prior knowledge or the user chose.
        calibration: the digest of the samples that int8 is made with.
        origin: of options that are varied.
        is_cold: they are for programs that start often: what can be compiled ahead is, and also tried without.
    """
    assert decided.engine is not None
    names = choice.feasible()
    planned = Tried(Candidate(decided.engine, decided.batch_size or 1, {}))
    found: list[Tried] = []
    for name in sorted(names, key=lambda name: name != planned.engine.backend):
        for engines in _engines(choice, load_all()[name], calibration, origin, is_cold):
            for batch_size, settings in product(_batch_sizes(decided), _shape_policies(decided)):
                first, *lower = [
                    Tried(Candidate(engine, batch_size, settings), (), origins) for engine, origins in engines
                ]
                whole = replace(first.candidate, lower=tuple(item.engine for item in lower))
                found.append(Tried(whole, tuple(lower), first.origins))
    head = next((item for item in found if _same(item, planned)), planned)
    return [head, *(item for item in found if not _same(item, planned))]


def collect(ir: Ir) -> Candidates:
    """Return the candidates of every module of a compiled pipeline, with its plan.

    Raises:
        ValueError: the pipeline has no module, or its plan could not be made.
    """
    assert ir.plan is not None and ir.target is not None
    modules: dict[str, ModuleCandidates] = {}
    is_cold = ir.asked_cold is not None
    for module in ir.modules:
        found = of(Choice(ir, module, TargetFacts(ir.target)), module, is_cold=is_cold)
        every = [item.engine for one in found for item in (one, *one.lower)]
        record = model(module, (*every, *module.fallback))
        modules[module.address] = ModuleCandidates(record, tuple(item.candidate for item in found))
    return Candidates(ir.plan, modules, COLD if is_cold else None)


def _same(one: Tried, other: Tried) -> bool:
    return replace(one.candidate, lower=()) == replace(other.candidate, lower=())


def _engines(
    choice: Choice, backend: Backend, calibration: str, origin: Origin, is_cold: bool
) -> Iterator[list[Variant]]:
    """Yield the engines of a backend in the usual precision, each with those in lower ones behind it."""
    seen: list[EngineRecord] = []
    modes = _trials(backend, choice, _RUN_MODE) or (None,)
    varied = _parallelism(choice, backend)
    ahead = option_of(backend.name, AHEAD)
    if is_cold and ahead is not None and ahead not in choice.given():
        varied = [*({**parallel, ahead: True} for parallel in varied), {ahead: False}]
    for mode, parallel in product(modes, varied):
        run_mode = None if mode is None else Traced(mode, origin)
        tried = {key: Traced(value, origin) for key, value in parallel.items()}
        usual = choice.variant(backend, run_mode, tried)
        if usual is None or usual[0] in seen:
            continue
        seen.append(usual[0])
        lower = [
            choice.variant(backend, run_mode, {**tried, **_lowered(precision, calibration, origin)})
            for precision in _precisions(backend, choice)
        ]
        yield [usual, *(item for item in lower if item is not None)]


def _precisions(backend: Backend, choice: Choice) -> Iterator[Any]:
    """Yield the lower precisions to try: on a CPU that has no instructions for one, only what is another model."""
    features = choice.target.cpu_features
    for precision in _trials(backend, choice, _PRECISION):
        option = backend.options[_PRECISION]
        is_emulated = choice.kind == CPU.kind and features and precision in option.natively
        if not is_emulated or option.is_native(precision, features) or precision == _INT8:
            yield precision


def _lowered(precision: str, calibration: str, origin: Origin) -> dict[str, Traced]:
    tried = {_PRECISION: Traced(precision, origin)}
    return {**tried, _CALIBRATION: Traced(calibration, origin)} if precision == _INT8 else tried


def _trials(backend: Backend, choice: Choice, key: str) -> tuple[Any, ...]:
    """Return the values of an option that are worth measuring; none where the user gives it."""
    option = backend.options.get(key)
    return () if option is None or key in choice.given() else option.trials.get(choice.kind, ())


def _parallelism(choice: Choice, backend: Backend) -> list[dict[str, Any]]:
    """Return threads and streams to try: all threads, half of them, and all of them for several runs side by side."""
    plain = choice.variant(backend, None, {})
    if plain is None:
        return []
    config, given = plain[0].config, choice.given()
    name, together = option_of(backend.name, THREADS), option_of(backend.name, STREAMS)
    if name is None or name not in config:
        return [{}]
    threads = int(config[name])
    found: list[dict[str, Any]] = [{}]
    # Where there are two, one is never faster.
    if name not in given and threads > 2:
        found.append({name: threads // 2})
    if together is not None:
        found += [{together: number} for number in _trials(backend, choice, together) if 1 < number <= threads]
    return found


def _batch_sizes(module: Module) -> list[int]:
    """Return the YAML's batch size, and what is tried beside it."""
    own = module.batch_size or 1
    return list(dict.fromkeys((own, *(size for size in _BATCH_SIZES if size == 1 or own == 1))))


def _shape_policies(module: Module) -> list[Mapping[str, Any]]:
    """Return the shape policies that touch nothing that the user sets; the first changes nothing."""
    contract = tasks.find(module.module_name)
    known = () if contract is None else contract.shape_policies
    return [{}, *(policy for policy in known if all(module.settings.get(key) is None for key in policy))]
