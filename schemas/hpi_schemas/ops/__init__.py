"""Contracts of ops: what each takes and gives, as the planner checks it; ``hpi_runtime.ops`` does it.

A contract is a file ``NAME.yaml`` here. A third-party package brings one by an entry point of the group
``hpi_plan.ops`` whose value is the package that holds ``NAME.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hpi_schemas import packaged, values, yaml_data
from hpi_schemas.packages import Needs, needs_of
from hpi_schemas.values import Value

ENTRY_POINTS = "hpi_plan.ops"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class OpContract:
    """What an op takes and gives.

    Attributes:
        name: of the op, and of its file.
        help: what it does, for people.
        effect: what is done to what, with "are", so that a review can say that it is no longer done; empty for what
            nobody would miss.
        takes: its inputs, by port.
        params: the types of its parameters, as for settings; all must be given.
        gives: its outputs, by port.
        needs: the package that it needs beside the runner's own, None for none.
        folder: the parameter that names what of the plan's ``external`` it reads the folder of; empty for none.
    """

    name: str
    help: str
    effect: str
    takes: Mapping[str, Value]
    params: Mapping[str, str]
    gives: Mapping[str, Value]
    needs: Needs | None = None
    folder: str = ""


@cache
def find(name: str) -> OpContract | None:
    """Return the contract of an op, None if nobody here knows it; other packages are looked at if it is not ours."""
    path = packaged.file(ENTRY_POINTS, _FOLDER, name)
    if path is None:
        return None
    data = yaml_data.load(path.read_text(encoding="utf-8"))
    return OpContract(
        name=name,
        help=data["help"],
        effect=data.get("effect", ""),
        takes=values.read_all(data.get("takes", {})),
        params=data.get("params", {}),
        gives=values.read_all(data["gives"]),
        needs=needs_of(data.get("package")),
        folder=data.get("folder", ""),
    )


def names() -> tuple[str, ...]:
    """Return the names of all ops.

    Raises:
        packaged.PackageError: two packages bring one op.
    """
    return tuple(packaged.files(ENTRY_POINTS, _FOLDER))
