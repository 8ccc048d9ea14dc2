"""Do two plans give the same answers? Numbers of every model on the same arrays, and the results of whole pipelines.

The tolerances are in docs/accuracy.md too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from hpi_schemas import tasks
from hpi_schemas.documents import FORMAT
from hpi_schemas.plan.model import ModuleRecord
from hpi_schemas.probe import this_machine
from hpi_schemas.tolerances import TOLERANCES, Tolerance, of_results, precision_of

from hpi_runtime import loader
from hpi_runtime.engines.base import Arrays
from hpi_runtime.errors import EngineError, PlanError
from hpi_runtime.inputs.limits import DEFAULT, Limits
from hpi_runtime.judge import agreement, records
from hpi_runtime.results.result import Result
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.pipeline import Pipeline
from hpi_runtime.run.plan import LocatedPlan


@dataclass
class Numbers:
    """What two engines answered to the same arrays, one output of a module.

    Attributes:
        absolute: the greatest difference.
        relative: the same, as a fraction of the greatest value of the output in that run.
        cosine: the least of any run.
        runs: how many batches were compared.
        fault: why they cannot be compared, empty if they can.
    """

    absolute: float = 0.0
    relative: float = 0.0
    cosine: float = 1.0
    runs: int = 0
    fault: str = ""

    def add(self, expected: np.ndarray[Any, Any], found: np.ndarray[Any, Any]) -> None:
        """Take in one run."""
        self.runs += 1
        if expected.shape != found.shape:
            self.fault = f"the shapes {expected.shape} and {found.shape} differ"
            return
        one, other = expected.astype(np.float64).ravel(), found.astype(np.float64).ravel()
        if not one.size:
            return
        difference = float(np.abs(one - other).max())
        greatest = float(np.abs(one).max())
        # numpy's maximum and minimum keep a NaN, which no tolerance covers.
        self.absolute = float(np.maximum(self.absolute, difference))
        self.relative = float(np.maximum(self.relative, difference / greatest if greatest else difference))
        self.cosine = float(np.minimum(self.cosine, _cosine(one, other)))

    def within(self, tolerance: Tolerance) -> bool:
        """Tell whether all of it is within a tolerance."""
        return not self.fault and tolerance.covers(self.relative, self.cosine)


@dataclass
class Comparison:
    """What was found; ``to_json`` has it as plain values.

    Attributes:
        plan, reference: what was compared.
        engines: the backends that really ran, by the address of the module.
        notes: what whoever reads the figures should know.
        numbers: by module and output.
        results: of the whole pipelines.
    """

    plan: LocatedPlan
    reference: LocatedPlan
    engines: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    numbers: dict[tuple[str, str], Numbers] = field(default_factory=dict)
    results: agreement.Agreement = field(default_factory=lambda: agreement.Agreement({}))

    def precision(self, address: str) -> str:
        """Return the lower precision of the two engines of a module: the one that the tolerance goes by."""
        known = list(TOLERANCES)
        found = [precision_of(plan.modules[address].engine) for plan in (self.plan, self.reference)]
        return max(found, key=known.index)

    @property
    def tolerance(self) -> Tolerance:
        """The tolerance of whole results: that of the lowest precision in any module."""
        return of_results(self.precision(address) for address, _ in self.numbers)

    @property
    def is_within(self) -> bool:
        """Whether everything is within its tolerance."""
        numbers = all(item.within(TOLERANCES[self.precision(address)]) for (address, _), item in self.numbers.items())
        agree = not self.results.faults and self.results.worst >= self.tolerance.agreement
        return numbers and agree and self.results.compared > 0

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        modules: dict[str, Any] = {}
        for address, (backend, reference) in sorted(self.engines.items()):
            precision = self.precision(address)
            modules[address] = {
                "backend": backend,
                "outputs": {},
                "precision": precision,
                "reference": reference,
                "tolerance": vars(TOLERANCES[precision]),
            }
        for (address, output), item in sorted(self.numbers.items()):
            within = item.within(TOLERANCES[self.precision(address)])
            modules[address]["outputs"][output] = {**_plain(vars(item)), "within": within}
        return {
            "agreement": {**self.results.shares(), "tolerance": self.tolerance.agreement},
            "faults": self.results.faults,
            "format": FORMAT,
            "compared": self.results.compared,
            "inputs": self.results.inputs,
            "machine": this_machine({}, {}).to_json(),
            "modules": modules,
            "notes": self.notes,
            "plan": self.plan.digest,
            "reference": self.reference.digest,
            "within": self.is_within,
        }


@dataclass(frozen=True)
class Given:
    """How both plans are run.

    Attributes:
        module: the address of one module to run alone, instead of the whole pipelines.
        strict: as for a ``Pipeline``.
        limits: what each input may cost.
        settings: arguments of ``predict``.
        secrets: credentials, as for ``loader.pipeline``.
    """

    module: str | None = None
    strict: bool = False
    limits: Limits = DEFAULT
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


def compare(plan: LocatedPlan, reference: LocatedPlan, named: Sequence[str], given: Given) -> Comparison:
    """Run two plans on the same inputs.

    Every batch that a model of the reference gets is given to the same model of the plan too, so that numbers
    are compared on equal arrays; the results are those of each pipeline by itself.

    Args:
        plan: what is to be judged.
        reference: what it is compared with.
        named: paths and URLs.
        given: how both are run.

    Raises:
        PlanError: the plans have no module in common.
        RunnerError: one of the plans cannot be run.
    """
    if not set(plan.modules) & set(reference.modules):
        raise PlanError("the two plans have no module in common; compare plans of the same pipeline")
    if loader.is_hosted(plan, given.module) != loader.is_hosted(reference, given.module):
        told = "PaddleX runs one of the two plans and hpi-run the other, and their records have other fields"
        raise PlanError(f"{told}: plan both with `--host paddlex`")
    found = Comparison(plan, reference)
    lock = threading.Lock()
    with loader.pipeline(plan, given.module, given.strict, given.secrets) as candidate:

        def observe(address: str, arrays: Arrays, outputs: Arrays) -> None:
            engine = candidate.engines.get(address)
            if engine is None:
                return
            try:
                answers: list[np.ndarray[Any, Any]] = list(engine.run(arrays).values())
            except EngineError as fault:
                with lock:
                    found.numbers.setdefault((address, "run"), Numbers()).fault = str(fault)
                return
            with lock:
                # Backends call outputs by names of their own; their order is the model's.
                for (name, expected), answer in zip(outputs.items(), answers, strict=False):
                    found.numbers.setdefault((address, name), Numbers()).add(expected, answer)

        if isinstance(candidate, NativePipeline):
            found.results = agreement.Agreement(candidate.fields)
        else:
            found.results = records.RecordAgreement()
        with loader.pipeline(reference, given.module, given.strict, given.secrets, observe) as other:
            both = (each.predict(named, limits=given.limits, **given.settings) for each in (candidate, other))
            for left, right in zip(*map(_of_each_input, both), strict=True):
                _add(found.results, left, right)
            # A host loads some engines when it first needs them.
            _introduce(found, candidate, other)
    return found


def _of_each_input(results: Iterable[Result]) -> Iterator[list[Result]]:
    """Yield the results of each input together: its pages, or its error."""
    for _, pages in groupby(results, key=lambda result: result["input_path"]):
        yield list(pages)


def _add(counts: agreement.Agreement, left: list[Result], right: list[Result]) -> None:
    """Count the results of one input; an error of the whole stands against each page of the other."""
    for place in range(max(len(left), len(right))):
        counts.add(*(side[min(place, len(side) - 1)] for side in (left, right)))


def _introduce(found: Comparison, candidate: Pipeline, other: Pipeline) -> None:
    """Note what really runs on both sides, and what the two do not share."""
    found.notes += [f"the plan: {line}" for line in candidate.warnings]
    found.notes += [f"the reference: {line}" for line in other.warnings]
    for address in sorted(set(candidate.engines) | set(other.engines)):
        if address not in candidate.engines or address not in other.engines:
            who = "plan" if address in candidate.engines else "reference"
            found.notes.append(f"{address}: only the {who} runs it")
            continue
        found.engines[address] = (candidate.engines[address].name, other.engines[address].name)
        files = [plan.modules[address].model.files for plan in (found.plan, found.reference)]
        if any(files[0][name] != files[1][name] for name in set(files[0]) & set(files[1])):
            found.notes.append(f"{address}: the two plans have other files of the model")
        found.notes += _batched_otherwise(address, *(plan.modules[address] for plan in (found.plan, found.reference)))


def _batched_otherwise(address: str, module: ModuleRecord, other: ModuleRecord) -> Iterator[str]:
    """Say that a module gets other batches or shapes from its own pipeline than from the other, and may answer so."""
    contract = tasks.find(module.module_name)
    by_itself = contract is not None and "batch" not in contract.answers_depend_on
    reason = "results may differ by that, though the numbers, which are of the same batches, do not"
    if module.batch_size != other.batch_size and not by_itself:
        sizes = f"{module.batch_size} inputs, in the reference of {other.batch_size}"
        yield f"{address}: batches of {sizes}, and its answers depend on what shares a batch: {reason}"
    policies = {key for policy in (() if contract is None else contract.shape_policies) for key in policy}
    for key in sorted(policies):
        one, another = module.settings.get(key), other.settings.get(key)
        if one != another:
            yield f"{address}: `{key}` is {one}, in the reference {another}, and pads inputs otherwise: {reason}"


def _cosine(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else float(np.array_equal(one, other))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without NaN and infinity, which JSON does not have."""
    return {
        key: str(value) if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in values.items()
    }
