"""A comparison of two plans, as ``hpi-run --compare`` writes it: what counts of it as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hpi_schemas import documents, target
from hpi_schemas.target import Target

_MEND = "`hpi-run NEW.json --input … --compare OLD.json > FILE`"


@dataclass(frozen=True)
class Comparison:
    """What two plans answered to the same inputs.

    Attributes:
        plan, reference: digests of the two.
        within: everything was within its tolerance.
        agreement: the part of the results that were the same, by kind.
        outside: addresses of the modules whose numbers were not.
        inputs: how many there were.
        notes: what else should be known.
        machine: that both ran on.
    """

    plan: str
    reference: str
    within: bool
    agreement: Mapping[str, float]
    outside: tuple[str, ...]
    inputs: int
    notes: tuple[str, ...]
    machine: Target


def read(text: bytes, name: str) -> Comparison:
    """Read a comparison from its bytes.

    Raises:
        DocumentError: it is none.
    """
    data = documents.load(text, name, "comparison", "a comparison of two plans", _MEND)
    outside = [
        address
        for address, module in data["modules"].items()
        if not all(output["within"] for output in module["outputs"].values())
    ]
    return Comparison(
        plan=data["plan"],
        reference=data["reference"],
        within=data["within"],
        agreement={kind: share for kind, share in data["agreement"].items() if kind != "tolerance"},
        outside=tuple(outside),
        inputs=data["inputs"],
        notes=tuple(data["notes"]),
        machine=target.from_json(data["machine"]),
    )
