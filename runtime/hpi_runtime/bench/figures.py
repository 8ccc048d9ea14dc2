"""From the passes of a plan to the figures that people compare."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpi_runtime.judge.truth import Accuracy

FORMAT = "1.0"
Pass = Mapping[str, Any]


@dataclass
class Measured:
    """What was measured of one plan.

    Attributes:
        name: of the plan, as it was given.
        backends: by module address.
        warnings: what the runner said when it loaded the plan.
        loaded_seconds: from the start of the process until everything was loaded.
        first_seconds: from the start of the process until the first result.
        cold: the first pass, input by input.
        single: per input that is timed, a pass of it alone in every round.
        stream: a pass of all these in every round.
        accuracy: of the first pass, where the truth is known.
    """

    name: str
    backends: Mapping[str, str]
    warnings: Sequence[str]
    loaded_seconds: float = 0.0
    first_seconds: float = 0.0
    cold: list[Pass] = field(default_factory=list)
    single: dict[str, list[Pass]] = field(default_factory=dict)
    stream: list[Pass] = field(default_factory=list)
    accuracy: Accuracy = field(default_factory=Accuracy)

    @property
    def pictures(self) -> int:
        """How many pictures or pages the timed inputs have."""
        return sum(passes[0]["pictures"] for passes in self.single.values())

    @property
    def cold_pictures(self) -> int:
        """How many those of the first pass have, in which inputs may fail."""
        return sum(item["pictures"] for item in self.cold)

    @property
    def failed(self) -> list[str]:
        """Inputs that failed, and why."""
        return [line for item in self.cold for line in item["failed"]]

    @property
    def stream_seconds(self) -> float:
        """The median time of all inputs in one go."""
        return float(statistics.median(item["seconds"] for item in self.stream))

    @property
    def latencies(self) -> list[float]:
        """The median time of each input alone, sorted, in seconds."""
        return sorted(statistics.median(item["seconds"] for item in passes) for passes in self.single.values())

    @property
    def overhead(self) -> float:
        """The part of the wall time in which no engine ran, inputs one at a time."""
        passes = [item for passes in self.single.values() for item in passes]
        wall = sum(item["seconds"] for item in passes)
        return float(1 - sum(item["busy"] for item in passes) / wall)

    @property
    def steps(self) -> dict[str, dict[str, float]]:
        """Milliseconds per picture of each kind of step, by module or operation, inputs one at a time."""
        passes = [item for passes in self.single.values() for item in passes]
        pictures = sum(item["pictures"] for item in passes)
        found: dict[str, dict[str, float]] = {}
        for item in passes:
            for name, kinds in item["steps"].items():
                own = found.setdefault(name, {})
                for kind, seconds in kinds.items():
                    own[kind] = own.get(kind, 0.0) + 1000 * seconds / pictures
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values: milliseconds, MiB, pictures per second."""
        last = self.stream[-1]
        return {
            "accuracy": self.accuracy.to_json(),
            "backends": dict(self.backends),
            "cold_ms": _rounded(1000 * sum(item["seconds"] for item in self.cold) / self.cold_pictures),
            "failed": self.failed,
            "first_result_ms": _rounded(1000 * self.first_seconds),
            "first_run_ms": {name: _rounded(1000 * seconds) for name, seconds in last["first_runs"].items()},
            "latency_ms": {
                name: _rounded(1000 * percentile(self.latencies, share))
                for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
            },
            "latency_sum_ms": _rounded(1000 * sum(self.latencies)),
            "loaded_ms": _rounded(1000 * self.loaded_seconds),
            "overhead": round(self.overhead, 4),
            "peak_mib": _rounded(last["peak_mib"]),
            "pictures": self.pictures,
            "pictures_per_second": _rounded(self.pictures / self.stream_seconds),
            "plan": self.name,
            "shapes": last["shapes"],
            "steps_ms": {
                name: {kind: _rounded(value) for kind, value in kinds.items()} for name, kinds in self.steps.items()
            },
            "stream_seconds": [_rounded(item["seconds"]) for item in self.stream],
            "warnings": list(self.warnings),
        }


@dataclass
class Ratio:
    """How a plan compares with the first one: medians over the rounds of first ÷ this, so larger is better."""

    latency: float
    throughput: float


def ratio(first: Measured, other: Measured) -> Ratio:
    """Compare two plans that were measured in the same rounds."""
    rounds = range(len(first.stream))
    alone = [_round_seconds(first, place) / _round_seconds(other, place) for place in rounds]
    stream = [one["seconds"] / two["seconds"] for one, two in zip(first.stream, other.stream, strict=True)]
    return Ratio(statistics.median(alone), statistics.median(stream))


def report(measured: Sequence[Measured], rounds: int) -> dict[str, Any]:
    """Return everything as plain JSON values."""
    plans = []
    for item in measured:
        compared = ratio(measured[0], item)
        plans.append({**item.to_json(), "ratio": {name: round(value, 4) for name, value in vars(compared).items()}})
    return {"format": FORMAT, "plans": plans, "rounds": rounds}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of sorted values that a share of them does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _round_seconds(item: Measured, place: int) -> float:
    return float(sum(passes[place]["seconds"] for passes in item.single.values()))


def _rounded(value: float) -> float:
    return round(value, 3)
