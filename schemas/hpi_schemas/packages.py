"""How to install what is missing: the packages of an extra, as our own metadata names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_OURS = "hpi-plan"
RUN = "run"


@dataclass(frozen=True)
class Needs:
    """A package that an op or a task needs.

    Attributes:
        distributions: any of which holds it.
        extra: of hpi-plan that brings it.
    """

    distributions: tuple[str, ...]
    extra: str


def needs_of(data: Mapping[str, Any] | None) -> Needs | None:
    """Return the package that a contract names, None for none."""
    return None if data is None else Needs(tuple(data["distributions"]), data["extra"])


def install(extra: str) -> str:
    """Return the command that installs the packages of an extra; hpi-plan itself is on no index.

    What the runner itself needs is left out of all other extras: whoever is told has it, or is told of it first.
    """
    packages = _requirements(extra)
    if extra != RUN:
        packages = [item for item in packages if item not in _requirements(RUN)]
    return f"pip install {' '.join(packages) or extra}"


def missing(name: str) -> str:
    """Return what to say where a package is not there that this command needs, by the name that is imported."""
    return f"this needs {name}, which is not installed: {install(_extra_of(name))}"


def _extra_of(name: str) -> str:
    """Return the extra that brings a package: the runner's own, or the first of those that do."""
    from importlib import metadata

    project = name.replace("_", "-").lower()
    extras = [RUN, *(metadata.metadata(_OURS).get_all("Provides-Extra") or ())]
    brings = (extra for extra in extras if any(_named(item) == project for item in _requirements(extra)))
    return next(brings, RUN)


def _named(requirement: str) -> str:
    """Return the name in what pip is told to install."""
    from packaging.requirements import Requirement

    return Requirement(requirement.strip("'")).name.replace("_", "-").lower()


def _requirements(extra: str) -> list[str]:
    from importlib import metadata

    from packaging.requirements import Requirement

    found = []
    for line in metadata.requires(_OURS) or ():
        item = Requirement(line)
        if item.marker is None or item.name == _OURS:
            continue
        if item.marker.evaluate({"extra": extra}) and not item.marker.evaluate({"extra": ""}):
            name = f"{item.name}[{','.join(sorted(item.extras))}]" if item.extras else item.name
            found.append(f"'{name}{item.specifier}'" if item.specifier or item.extras else name)
    return found
