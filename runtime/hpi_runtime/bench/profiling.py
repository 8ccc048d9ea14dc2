"""From a file of candidates to a profile: what is measured, on what, and where an earlier run left off."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpi_schemas import candidates, probe, profile
from hpi_schemas.candidates import Candidates, ModuleCandidates
from hpi_schemas.canonical import digest, digest_file, dumps
from hpi_schemas.documents import DocumentError
from hpi_schemas.files import PROFILE, Outputs, ReadError, read_bounded
from hpi_schemas.plan.read import PlanReadError
from hpi_schemas.plan.write import write
from hpi_schemas.profile import Inputs, Profile
from hpi_schemas.target import Target

from hpi_runtime import engines, loader
from hpi_runtime.bench import replay
from hpi_runtime.bench.confirming import Confirmation, divided
from hpi_runtime.bench.process import EndedError, Process
from hpi_runtime.bench.trial import Report, Trial
from hpi_runtime.errors import PlanError, RunnerError
from hpi_runtime.judge import truth
from hpi_runtime.progress import LOG
from hpi_runtime.run.plan import LocatedPlan, parse

# The part of the budget that is kept for whole pipelines.
_TOGETHER = 0.25


@dataclass(frozen=True)
class Setting:
    """What to measure, and on what.

    Attributes:
        candidates: the file.
        inputs: paths and URLs.
        root, models: where models are found, as for ``hpi-run``.
        truth: a ``truth.json``, None without.
        module: the address of the one module to measure, None for all.
        budget: seconds, None for as long as it takes.
    """

    candidates: Path
    inputs: Sequence[str]
    root: str | None = None
    models: Sequence[str] = ()
    truth: str | None = None
    module: str | None = None
    budget: float | None = None


def load(path: Path, root: str | None, models: Sequence[str]) -> tuple[Candidates, LocatedPlan]:
    """Read a candidates file and the plan in it.

    Raises:
        PlanError: it is none.
    """
    try:
        found = candidates.read(read_bounded(path), str(path))
    except (ReadError, DocumentError, PlanReadError) as fault:
        raise PlanError(str(fault)) from None
    if found.plan.graph is None and found.plan.host is None:
        raise PlanError(f"{path}: nobody runs this pipeline as a whole; plan its modules by YAMLs of their own")
    folder = None if root is None else Path(root)
    text = write(found.plan).encode()
    plan = parse(text, path.parent, folder, [Path(item) for item in models], f"{path}: plan")
    return found, plan


def measure(setting: Setting, file: Path, outputs: Outputs, report: Report) -> tuple[Profile, list[str]]:
    """Measure what there is to measure, and write it as it comes.

    Returns:
        The whole profile, and of the inputs that cannot be processed the reason for each.

    Args:
        setting: what to measure.
        file: the profile; what it holds already of the same inputs is not measured again.
        outputs: decides what may be written over.
        report: is told what is being done.

    Raises:
        OutputError: the profile must not be written there.
        PlanError: the candidates, the inputs or an existing profile cannot be used.
        RunnerError: the plan itself cannot be run; its process has said why on stderr.
    """
    began = time.monotonic()
    outputs.check(file, PROFILE)
    listed, plan = load(setting.candidates, setting.root, setting.models)
    addresses = [address for address in listed.modules if setting.module in (None, address)]
    if not addresses:
        raise PlanError(f"there is no module {setting.module}; there are: {', '.join(listed.modules)}")
    known = {} if setting.truth is None else truth.load(Path(setting.truth))
    with tempfile.TemporaryDirectory(prefix="hpi-bench-") as place:
        folder = Path(place)
        report("running the plan once")
        seen, held_back = divided(setting.inputs)
        recorded = _record(replace(setting, inputs=seen), listed, plan, addresses, folder)
        fresh = Profile(
            _inputs(setting, recorded["pictures"], len(held_back)), _this_machine(), optimize=listed.optimize
        )
        found = _begun(file, fresh)

        def keep() -> None:
            outputs.write(file, profile.write(found).encode(), PROFILE)

        until = math.inf if setting.budget is None else began + setting.budget
        trials = {
            address: _trial(setting, listed, plan, address, folder, known, recorded["calibration"], report)
            for address in addresses
            if (folder / address).is_dir() and _is_used(address, recorded["seconds"])
        }
        costs = {}
        for address, trial in trials.items():
            trial.resume(found.modules.get(address))
            if not trial.record.entries:
                # What was measured together began with other entries.
                found.combinations.clear()
            costs[address] = trial.cost(recorded["seconds"].get(address, 0.0) / recorded["pictures"])
        for address, trial in trials.items():
            found.modules[address] = trial.record
            left = max(0.0, began + (1 - _TOGETHER) * (until - began) - time.monotonic())
            # What a module leaves over is there for those after it.
            trial.run(left * costs[address] / (sum(costs.values()) or 1.0), keep)
            del costs[address]
        options = {**_places(setting, plan), "inputs": held_back or seen}
        confirmation = Confirmation(plan, listed, options, known, report)
        confirmation.run(found, until, keep)
    return found, list(dict.fromkeys([*recorded["failed"], *confirmation.failed]))


def _is_used(address: str, seconds: Mapping[str, float]) -> bool:
    """Tell whether a model ran at all: of one that did not, nothing can be learned."""
    if seconds.get(address, 0.0) > 0.0:
        return True
    LOG.info("%s: no input comes to this model; its engine stays the plan's own", address)
    return False


def _trial(
    setting: Setting,
    listed: Candidates,
    plan: LocatedPlan,
    address: str,
    folder: Path,
    known: truth.Truth,
    calibration: Mapping[str, str],
    report: Report,
) -> Trial:
    options = {**_places(setting, plan), "folder": str(folder / address), "module": address}
    samples = calibration.get(address)
    return Trial(plan, listed.modules[address], options, known, samples, report, profile.ways(listed.optimize))


# -- what is measured on -------------------------------------------------------------------------


def _record(
    setting: Setting, listed: Candidates, plan: LocatedPlan, addresses: Sequence[str], folder: Path
) -> dict[str, Any]:
    """Run the plan once, in a process of its own, and keep what its modules get."""
    (folder / "plan.json").write_text(write(plan.plan), encoding="utf-8")
    alone = [address for address in addresses if loader.is_hosted(plan) or replay.is_alone(plan, address)]
    options = {
        **_places(setting, plan),
        "calibrate": [address for address in alone if _quantises(listed.modules[address])],
        "folder": str(folder),
        "inputs": list(setting.inputs),
        "modules": alone,
        "plan": str(folder / "plan.json"),
    }
    with Process("hpi_runtime.bench.recorder", options) as process:
        try:
            recorded = process.answer()
        except EndedError as fault:
            failed = RunnerError(f"the plan in {setting.candidates} cannot be run")
            failed.exit_code = fault.code if fault.code > 0 else RunnerError.exit_code
            raise failed from None
    if not recorded["pictures"]:
        raise PlanError(f"no input can be processed: {'; '.join(recorded['failed'][:3])}")
    return recorded


def _places(setting: Setting, plan: LocatedPlan) -> dict[str, Any]:
    """Return where a process finds models."""
    return {"models": list(setting.models), "root": str(plan.store.root)}


def _quantises(listed: ModuleCandidates) -> bool:
    engines = (engine for item in listed.listed for engine in (item.engine, *item.lower))
    return any("calibration" in step.options for engine in engines for step in engine.prepare)


def _inputs(setting: Setting, pictures: int, held_back: int) -> Inputs:
    """Return what tells these inputs from others."""
    names = [name if "://" in name else digest_file(Path(name)) for name in setting.inputs]
    known = None if setting.truth is None else digest_file(Path(setting.truth))
    return Inputs(digest(dumps(names).encode()), pictures, known, held_back)


def _this_machine() -> Target:
    kinds = {name: engines.find(name) for name in engines.names()}
    packages = {name: kind.distributions for name, kind in kinds.items() if kind is not None}
    return probe.this_machine(packages, {})


def _begun(path: Path, fresh: Profile) -> Profile:
    """Return the profile that is there, if it is of the same inputs, machine and aim, or the fresh one."""
    if not path.exists():
        return fresh
    try:
        found = profile.read(read_bounded(path), str(path))
    except (ReadError, DocumentError) as fault:
        raise PlanError(f"{path} is there and is no profile ({fault}); name another file") from None
    for other, now, what in (
        (found.inputs, fresh.inputs, "other inputs, or another truth"),
        (found.target.to_json(), fresh.target.to_json(), "another machine, or other packages"),
        (found.optimize, fresh.optimize, "candidates that are measured for something else (--optimize)"),
    ):
        if other != now:
            raise PlanError(f"{path} is of {what}; remove it to begin anew, or name another")
    return found
