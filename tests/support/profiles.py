"""Profiles made up for planner tests: every candidate of a pipeline with speeds and accuracies as a test wants them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hpi_planner.compile import Request, compile
from hpi_planner.select import candidates
from hpi_planner.select.profile import Evidence, parse
from hpi_schemas.candidates import write
from hpi_schemas.canonical import dumps

Entry = dict[str, Any]
# What a test says of a candidate: keys of its entry, or None for one that was not measured.
Measure = Callable[[Entry], Mapping[str, Any] | None]

CALIBRATION = "sha256:" + "c" * 64


def measured(ratio: float, agreement: float = 1.0, throughput: float | None = None, **more: Any) -> dict[str, Any]:
    """Return what is said of a candidate that takes ``ratio`` of the plan's own time."""
    other = ratio if throughput is None else throughput
    return {
        "agreement": {"texts": agreement},
        "milliseconds": {"latency": 10 * ratio, "throughput": 10 * other},
        "ratio": {"latency": ratio, "throughput": other},
        "rounds": 3,
        **more,
    }


def listed(request: Request) -> dict[str, Any]:
    """Return the candidates of a pipeline as plain JSON values."""
    found: dict[str, Any] = json.loads(write(candidates.collect(compile(request))))
    return found


def profile(
    request: Request, measure: Measure, accuracy: Mapping[str, float] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return a profile of a request as plain JSON values.

    Args:
        request: whose candidates were measured, on its target.
        measure: says of an entry what was measured.
        accuracy: of the plan's own engines.
        changes: of the target.
    """
    modules: dict[str, Any] = {}
    for address, module in listed(request)["modules"].items():
        entries = []
        for item in module["candidates"]:
            for engine in (item["engine"], *item["lower"]):
                entry = {"batch_size": item["batch_size"], "engine": _calibrated(engine), "settings": item["settings"]}
                found = measure(entry)
                if found is not None:
                    entries.append({**entry, **found})
        modules[address] = {
            "accuracy": dict(accuracy or {}),
            "calibration": CALIBRATION,
            "candidates": CALIBRATION,
            "entries": entries,
            "files": module["model"]["files"],
            "finished": True,
            "precision": "fp32",
        }
    inputs = {"digest": CALIBRATION, "held_back": 0, "pictures": 3, "truth": None}
    target = {**request.target().to_json(), **changes}
    return {"combinations": [], "format": "2.0", "inputs": inputs, "modules": modules, "target": target}


def read(data: Mapping[str, Any], **how: Any) -> Evidence:
    """Return a profile as the compiler takes it."""
    return parse(dumps(data).encode(), "profile.json", "profile.json", **how)


def _calibrated(engine: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(engine).replace(candidates.UNKNOWN_CALIBRATION, CALIBRATION)
    found: dict[str, Any] = json.loads(text)
    return found
