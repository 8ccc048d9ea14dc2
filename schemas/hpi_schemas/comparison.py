"""A comparison of two plans, as ``hpi-run --compare`` writes it: what counts of it as evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas import documents, target
from hpi_schemas.plan.model import Plan
from hpi_schemas.target import Target
from hpi_schemas.tolerances import TOLERANCES, of_results, precision_of

_MEND = "`hpi-run NEW.json --input … --compare OLD.json > FILE`"


@dataclass(frozen=True)
class Difference:
    """How one output differs.

    Attributes:
        relative: the greatest difference, as a fraction of the greatest value.
        cosine: the least cosine between the two.
        fault: why they cannot be compared, empty if they can.
    """

    relative: float
    cosine: float
    fault: str


@dataclass(frozen=True)
class Comparison:
    """What two plans answered to the same inputs.

    Attributes:
        plan, reference: digests of the two.
        agreement: the part of the results that were the same, by kind.
        outputs: how the outputs of each module differ, by its address.
        inputs, compared: how many there were, and of how many both had results.
        faults: what only one of the two could do.
        notes: what else should be known.
        machine: that both ran on.
    """

    plan: str
    reference: str
    agreement: Mapping[str, float]
    outputs: Mapping[str, tuple[Difference, ...]]
    inputs: int
    compared: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    machine: Target


def read(text: bytes, name: str) -> Comparison:
    """Read a comparison from its bytes.

    Raises:
        DocumentError: it is none.
    """
    data = documents.load(text, name, "comparison", "a comparison of two plans", _MEND)
    outputs = {
        address: tuple(map(_difference, module["outputs"].values())) for address, module in data["modules"].items()
    }
    return Comparison(
        plan=data["plan"],
        reference=data["reference"],
        agreement={kind: share for kind, share in data["agreement"].items() if kind != "tolerance"},
        outputs=outputs,
        inputs=data["inputs"],
        compared=data["compared"],
        faults=tuple(data["faults"]),
        notes=tuple(data["notes"]),
        machine=target.from_json(data["machine"]),
    )


def doubts(found: Comparison, plan: Plan) -> list[str]:
    """Return why a comparison does not show that a plan answers like the other, empty if it does.

    What the file itself says of that does not count, nor whose tolerances it names.

    Args:
        found: the comparison.
        plan: one of the two.
    """
    precisions = {address: precision_of(module.engine) for address, module in plan.modules.items()}
    needed = plan.modules if plan.graph is None else plan.graph.modules
    missing = [address for address in needed if not found.outputs.get(address) and not plan.modules[address].lazy]
    outside = [
        address
        for address, outputs in found.outputs.items()
        for tolerance in [TOLERANCES[precisions.get(address, "fp32")]]
        if any(item.fault or not tolerance.covers(item.relative, item.cosine) for item in outputs)
    ]
    least = min(found.agreement.values(), default=0.0)
    pairs = {key: (getattr(found.machine, key), getattr(plan.target, key)) for key in ("os", "arch")}
    where = [f"{key} {here}" for key, (here, wanted) in pairs.items() if here != wanted]
    return [
        *(["nothing was compared"] if not found.inputs or not found.compared else []),
        *(["some inputs failed in one of the two"] if found.faults else []),
        *(f"{address} was not compared" for address in missing),
        *(f"the numbers of {address} are outside the tolerances" for address in outside),
        *([f"results agree on {least:.2%} alone"] if least < of_results(precisions.values()).agreement else []),
        *(f"it is of another kind of machine ({item})" for item in where),
    ]


def _difference(output: Mapping[str, Any]) -> Difference:
    def number(key: str) -> float:
        value = output.get(key)
        # NaN and infinity are texts in JSON.
        return float(value) if isinstance(value, (int, float)) else math.nan

    return Difference(number("relative"), number("cosine"), str(output.get("fault", "")))
