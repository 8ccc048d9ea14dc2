"""Runs a plan once and keeps what its modules get: ``python -m hpi_runtime.bench.recorder OPTIONS``.

OPTIONS is a JSON object with ``plan``, ``root``, ``models``, ``inputs``, ``modules`` (addresses), ``calibrate``
(those of them whose inputs are also kept for quantisation) and ``folder``. It answers one line: how many pictures there
were, what failed, the digests of the samples, and for how many seconds each module's engine ran.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hpi_schemas.console import DONE, data_stream

from hpi_runtime import loader
from hpi_runtime.bench import hosted, replay
from hpi_runtime.bench.meter import Meter
from hpi_runtime.cli.telling import told
from hpi_runtime.engines.base import Arrays
from hpi_runtime.prepare import calibration
from hpi_runtime.run.native import NativePipeline
from hpi_runtime.run.plan import LocatedPlan, load
from hpi_runtime.run.runner import INFERENCE

# Every process that is measured holds one module's.
_MOST_BYTES = 128 << 20
# NNCF looks at 300 samples by default; a detector's are large.
_MOST_SAMPLES, _MOST_SAMPLE_BYTES = 300, 64 << 20


class Samples:
    """Inputs of an engine, evenly spread over the run however many there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[np.ndarray[Any, Any]] = []
        self._step, self._seen = 1, 0

    def add(self, array: np.ndarray[Any, Any]) -> None:
        """Take in an input; every so many-th is kept, and ever fewer as they become too many."""
        with self._lock:
            if self._seen % self._step == 0:
                self._kept.append(array.copy())
            self._seen += 1
            while len(self._kept) > _MOST_SAMPLES or sum(item.nbytes for item in self._kept) > _MOST_SAMPLE_BYTES:
                if len(self._kept) == 1:
                    break
                self._kept = self._kept[::2]
                self._step *= 2

    @property
    def kept(self) -> Sequence[np.ndarray[Any, Any]]:
        """The samples, in order."""
        return self._kept


def main(text: str) -> int:
    """Record; the exit code is the return value."""
    options = json.loads(text)
    return told("hpi-bench", lambda: _record(options))


def _record(options: Mapping[str, Any]) -> int:
    with data_stream() as answers:
        answers.write(json.dumps(_recorded(options)).encode() + b"\n")
    return DONE


def _recorded(options: Mapping[str, Any]) -> dict[str, Any]:
    plan = load(Path(options["plan"]), Path(options["root"]), [Path(folder) for folder in options["models"]])
    return _of_host(plan, options) if loader.is_hosted(plan) else _of_native(plan, options)


def _of_host(plan: LocatedPlan, options: Mapping[str, Any]) -> dict[str, Any]:
    meter = Meter()
    addresses, folder = options["modules"], Path(options["folder"])
    pictures, failed = hosted.record(plan, options["inputs"], addresses, folder, _MOST_BYTES, meter.measure)
    return {"calibration": {}, "failed": failed, "pictures": pictures, "seconds": _seconds(meter)}


def _seconds(meter: Meter) -> dict[str, float]:
    """Return for how many seconds each module's engine ran."""
    return {name: found.get(INFERENCE, 0.0) for name, found in meter.to_json()["steps"].items()}


def _of_native(plan: LocatedPlan, options: Mapping[str, Any]) -> dict[str, Any]:
    parts = {address: replay.part(plan, address) for address in options["modules"]}
    samples = {address: Samples() for address in options["calibrate"]}
    sizes = dict.fromkeys(parts, 0)
    pictures, failed, meter = 0, [], Meter()

    def observe(address: str, arrays: Arrays, outputs: Arrays) -> None:
        if address in samples:
            samples[address].add(next(iter(arrays.values())))

    keep = {ref for part in parts.values() for ref in part.refs}
    with NativePipeline(plan, observe=observe, measure=meter.measure, keep=keep) as pipeline:
        for item in pipeline.items(options["inputs"]):
            name = str(item.source.path)
            if item.error is not None:
                failed.append(f"{name}: {item.error}")
                continue
            for address, part in parts.items():
                if sizes[address] < _MOST_BYTES:
                    folder = Path(options["folder"]) / address
                    folder.mkdir(exist_ok=True)
                    sizes[address] += replay.save(item, part.refs, name, folder / f"{pictures:06}{replay.SUFFIX}")
            pictures += 1
    kept = {
        address: calibration.store(plan.store.resolve(plan.modules[address].model.dir), found.kept)
        for address, found in samples.items()
        if found.kept
    }
    return {"calibration": kept, "failed": failed, "pictures": pictures, "seconds": _seconds(meter)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
