"""From a file of candidates to a profile: what is measured, on what, and where an earlier run left off."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpi_schemas import probe
from hpi_schemas.canonical import JsonError, digest, digest_file, dumps, loads
from hpi_schemas.files import PROFILE, Outputs, ReadError, read_bounded
from hpi_schemas.plan.write import write
from hpi_schemas.validate import faults

from hpi_runtime import engines
from hpi_runtime.bench import replay
from hpi_runtime.bench.process import EndedError, Process
from hpi_runtime.bench.trial import Report, Trial
from hpi_runtime.errors import PlanError, RunnerError
from hpi_runtime.judge import truth
from hpi_runtime.run.plan import LocatedPlan, parse

FORMAT = "2.0"


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


def load(path: Path, root: str | None, models: Sequence[str]) -> tuple[dict[str, Any], LocatedPlan]:
    """Read a candidates file and the plan in it.

    Raises:
        PlanError: it is none.
    """
    try:
        data = loads(read_bounded(path))
    except ReadError as fault:
        raise PlanError(str(fault)) from None
    except JsonError as fault:
        raise PlanError(f"{path} holds no candidates: {fault}") from None
    found = faults("candidates", data)
    if found:
        raise PlanError(
            f"{path} holds no candidates, which `hpi-plan --candidates` writes:\n"
            + "\n".join(f"  {line}" for line in found)
        )
    folder = None if root is None else Path(root)
    plan = parse(dumps(data["plan"]).encode(), path.parent, folder, [Path(item) for item in models], f"{path}: plan")
    if plan.plan.graph is None:
        raise PlanError(f"{path}: this pipeline has no stage graph; plan its modules by YAMLs of their own")
    return data, plan


def measure(setting: Setting, profile: Path, outputs: Outputs, report: Report) -> tuple[dict[str, Any], list[str]]:
    """Measure what there is to measure, and write it as it comes.

    Returns:
        The whole profile, and of the inputs that cannot be processed the reason for each.

    Args:
        setting: what to measure.
        profile: the file; what it holds already of the same inputs is not measured again.
        outputs: decides what may be written over.
        report: is told what is being done.

    Raises:
        OutputError: the profile must not be written there.
        PlanError: the candidates, the inputs or an existing profile cannot be used.
        RunnerError: the plan itself cannot be run; its process has said why on stderr.
    """
    began = time.monotonic()
    outputs.check(profile, PROFILE)
    data, plan = load(setting.candidates, setting.root, setting.models)
    addresses = [address for address in data["modules"] if setting.module in (None, address)]
    if not addresses:
        raise PlanError(f"there is no module {setting.module}; there are: {', '.join(data['modules'])}")
    known = {} if setting.truth is None else truth.load(Path(setting.truth))
    with tempfile.TemporaryDirectory(prefix="hpi-bench-") as place:
        folder = Path(place)
        report("running the plan once")
        recorded = _record(setting, data, plan, addresses, folder)
        found = _begun(profile, _inputs(setting, recorded["pictures"]), _this_machine())
        trials, costs = {}, {}
        for address in (address for address in addresses if (folder / address).is_dir()):
            calibration = recorded["calibration"].get(address)
            options = {**_places(setting, plan), "folder": str(folder / address), "module": address}
            trial = Trial(plan, data["modules"][address], options, known, calibration, report)
            trial.resume(found["modules"].get(address))
            trials[address] = trial
            costs[address] = trial.cost(recorded["seconds"].get(address, 0.0) / recorded["pictures"])
        for address, trial in trials.items():
            found["modules"][address] = trial.record
            left = math.inf if setting.budget is None else max(0.0, setting.budget - (time.monotonic() - began))
            # What a module leaves over is there for those after it.
            share = costs[address] / (sum(costs.values()) or 1.0)
            trial.run(left * share, lambda: outputs.write(profile, dumps(found).encode(), PROFILE))
            del costs[address]
    return found, recorded["failed"]


# -- what is measured on -------------------------------------------------------------------------


def _record(
    setting: Setting, data: Mapping[str, Any], plan: LocatedPlan, addresses: Sequence[str], folder: Path
) -> dict[str, Any]:
    """Run the plan once, in a process of its own, and keep what its modules get."""
    (folder / "plan.json").write_text(write(plan.plan), encoding="utf-8")
    options = {
        **_places(setting, plan),
        "calibrate": [address for address in addresses if _quantises(data["modules"][address])],
        "folder": str(folder),
        "inputs": list(setting.inputs),
        "modules": [address for address in addresses if replay.is_alone(plan, address)],
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


def _quantises(listed: Mapping[str, Any]) -> bool:
    engines = [engine for item in listed["candidates"] for engine in (item["engine"], *item["lower"])]
    return any("calibration" in step["options"] for engine in engines for step in engine["prepare"])


def _inputs(setting: Setting, pictures: int) -> dict[str, Any]:
    """Return what tells these inputs from others."""
    names = [name if "://" in name else digest_file(Path(name)) for name in setting.inputs]
    known = None if setting.truth is None else digest_file(Path(setting.truth))
    return {"digest": digest(dumps(names).encode()), "pictures": pictures, "truth": known}


def _this_machine() -> dict[str, Any]:
    kinds = {name: engines.find(name) for name in engines.names()}
    packages = {name: kind.distributions for name, kind in kinds.items() if kind is not None}
    found: dict[str, Any] = loads(dumps(probe.this_machine(packages, {}).to_json()))
    return found


def _begun(profile: Path, inputs: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile that is there, if it is of the same inputs and machine, or an empty one."""
    empty: dict[str, Any] = {"format": FORMAT, "inputs": inputs, "modules": {}, "target": target}
    if not profile.exists():
        return empty
    try:
        found = loads(read_bounded(profile))
    except (ReadError, JsonError) as fault:
        raise PlanError(f"{profile} is there and is no profile ({fault}); name another file") from None
    wrong = faults("profile", found)
    if wrong:
        raise PlanError(f"{profile} is there and is no profile: {wrong[0]}; name another file")
    for what, now in (("inputs", inputs), ("target", target)):
        if found[what] != now:
            other = "other inputs, or another truth" if what == "inputs" else "another machine, or other packages"
            raise PlanError(f"{profile} is of {other}; remove it to begin anew, or name another")
    resumed: dict[str, Any] = found
    return resumed
