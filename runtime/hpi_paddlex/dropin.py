"""PaddleX's ``use_hpip`` and PaddleOCR's ``enable_hpi`` without ultra-infer: their models run on our engines.

With ``HPI_PLAN=plan.json`` each model gets the engine that a plan has for it, found by its name and the digests of its
files. Without it, each is planned on the spot, as ``hpi-plan`` would.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpi_runtime.api import plan_model, read_plan
from hpi_runtime.errors import PlanError
from hpi_runtime.progress import LOG
from hpi_runtime.run import loading
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check
from hpi_schemas import hosts, probe
from hpi_schemas.canonical import digest_file
from hpi_schemas.model_store import STORE_PREFIX
from hpi_schemas.plan.model import ModuleRecord

from hpi_paddlex import choices, guard

if TYPE_CHECKING:
    from hpi_paddlex.paddlex_engine import PlanRunner

PLAN = "HPI_PLAN"
# What PaddleX's configuration of high-performance inference says of a model, and a YAML too.
_KEYS = ("auto_config", "auto_paddle2onnx", "backend", "backend_config", "hpi_info")


def install(tell: bool = True) -> None:
    """Let PaddleX's high-performance inference run on our engines, in this process, from now on.

    This changes three methods of PaddleX's class for it; nothing else of PaddleX is touched.

    Args:
        tell: say on stderr what runs each model; else it goes to the logger ``hpi_runtime`` alone.

    Raises:
        PreflightError: PaddleX is not installed, or of a version that was never tested.
    """
    guard.check_version(probe.installed(hosts.PACKAGES[hosts.PADDLEX]) or hosts.newest(hosts.PADDLEX))
    guard.load(is_quiet=False)
    from paddlex.inference.models.engines.hpi import HPIEngine

    HPIEngine.ensure_environment = lambda self: None
    HPIEngine.get_default_runner_builder = lambda self: _runner
    HPIEngine.validate_runner = lambda self, runner: None
    if tell and not LOG.handlers:
        LOG.addHandler(logging.StreamHandler(sys.stderr))
        LOG.setLevel(logging.INFO)
    if PLAN not in os.environ:
        LOG.info("models are planned when they are created; hpi_paddlex.plan(pipeline) gives their plan, for %s", PLAN)


def _runner(*, model_name: str, model_dir: Path | None, engine_config: Mapping[str, Any], **_: Any) -> PlanRunner:
    """Make what PaddleX calls a runner, of a model that it creates."""
    from hpi_paddlex.paddlex_engine import PlanRunner

    if model_dir is None:
        raise PlanError(f"{model_name}: high-performance inference needs the folder of the model")
    folder = Path(model_dir)
    named = os.environ.get(PLAN)
    plan, address = _chosen(model_name, folder, engine_config) if named is None else _planned(named, model_name, folder)
    record = plan.modules[address]
    check(plan, [address])
    engine, failure = loading.with_fallback(plan, address, record, folder, strict=False)
    if named is None:
        choices.remember(folder, record)
    why = f"its fallback, because {failure}" if failure else str(record.origins.get("engine.backend", "as planned"))
    LOG.info("%s runs on %s (%s)", model_name, engine.name, why)
    return PlanRunner(model_name, engine, is_owner=True)


def _chosen(model_name: str, folder: Path, config: Mapping[str, Any]) -> tuple[LocatedPlan, str]:
    """Plan a model on the spot, for the device that PaddleX chose."""
    number = config.get("device_id")
    device = config["device_type"] + ("" if number is None else f":{number}")
    given = {key: config[key] for key in _KEYS if config.get(key) is not None}
    plan = plan_model(model_name, folder, device=device, use_hpip=True, hpi_config=given or None)
    return plan, next(iter(plan.modules))


def _planned(path: str, model_name: str, folder: Path) -> tuple[LocatedPlan, str]:
    """Find a model in a plan.

    Raises:
        PlanError: the plan does not have it, or has it on several engines: PaddleX does not tell which it creates.
    """
    plan = _read(path, str(folder.absolute().parent))
    named = {address: item for address, item in plan.modules.items() if item.model.name == model_name}
    # Where all are of the same files, the check looks whether the folder has them, and says which differ.
    is_one = len({tuple(sorted(item.model.files.items())) for item in named.values()}) == 1
    fitting = {address: item for address, item in named.items() if is_one or _is(item, folder)}
    if not fitting:
        raise PlanError(f"{path} has no module with the model {model_name} and the files of {folder}")
    first = next(iter(fitting))
    if any((item.engines, item.device) != (fitting[first].engines, fitting[first].device) for item in fitting.values()):
        raise PlanError(f"{path} runs {model_name} on different engines: {', '.join(fitting)}; name one model for each")
    return _at(plan, first, folder), first


def _at(plan: LocatedPlan, address: str, folder: Path) -> LocatedPlan:
    """Return a plan whose module has its model in a folder, wherever the plan's own lies."""
    record = plan.modules[address]
    model = replace(record.model, dir=f"{STORE_PREFIX}{folder.name}")
    modules = {**plan.modules, address: replace(record, model=model)}
    store = replace(plan.store, folders=(folder.absolute().parent,))
    return replace(plan, plan=replace(plan.plan, modules=modules), store=store)


@cache
def _read(path: str, models: str) -> LocatedPlan:
    return read_plan(path, models=[models])


def _is(record: ModuleRecord, folder: Path) -> bool:
    """Tell whether a folder holds the files of a module."""
    files = record.model.files
    return all((folder / name).is_file() and digest_file(folder / name) == planned for name, planned in files.items())
