"""How far the results of two pipelines are the same: what is compared and how, the kinds of their fields know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpi_schemas.values import RECORD, Value

from hpi_runtime import kinds

_MOST_FAULTS = 20


@dataclass
class Agreement:
    """Counts over all inputs.

    Attributes:
        fields: of the results.
        inputs: how many there were.
        compared: how many of them both have a result for.
        same, all: by what is measured, how many are the same, of how many.
        faults: inputs of which not both have a result, the first of them.
    """

    fields: Mapping[str, Value]
    inputs: int = 0
    compared: int = 0
    same: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        """Take in the results of one input."""
        self.inputs += 1
        failed = [record for record in (found, expected) if "error" in record]
        if failed:
            who = "neither has a result" if len(failed) > 1 else f"{_who(found)} fails"
            if len(self.faults) < _MOST_FAULTS:
                self.faults.append(f"{failed[0]['input_path']}: {who}: {failed[0]['error']['message']}")
            return
        self.compared += 1
        for measure, same, total in self.counted(found, expected):
            self.same[measure] += same
            self.all[measure] += total

    def counted(self, found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
        """Yield what is measured of two results, how many are the same, and of how many."""
        yield from _counted(self.fields, found, expected)

    def shares(self) -> dict[str, float]:
        """Return the part that is the same, by what is measured; 1 where there was nothing to compare."""
        return {kind: self.same[kind] / total if total else 1.0 for kind, total in sorted(self.all.items())}

    @property
    def worst(self) -> float:
        """The least of the shares."""
        return min(self.shares().values(), default=1.0)


def _counted(
    fields: Mapping[str, Value], found: Mapping[str, Any], expected: Mapping[str, Any]
) -> Iterator[tuple[str, int, int]]:
    """Yield as ``Agreement.counted`` does, of a record and of those in it."""
    for name, kind in kinds.compared(fields):
        if name in expected:
            yield kind.measure, *kind.agree(found.get(name), expected[name])
    for name, value in fields.items():
        if value.kind == RECORD and name in expected:
            yield from _counted(value.fields, found.get(name) or {}, expected[name])


def _who(found: Mapping[str, Any]) -> str:
    return "the plan" if "error" in found else "the reference"
