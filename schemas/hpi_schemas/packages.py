"""How to install what is missing: the packages of an extra, as our own metadata names them."""

from __future__ import annotations

_OURS = "hpi-plan"
RUN = "run"


def install(extra: str) -> str:
    """Return the command that installs the packages of an extra; hpi-plan itself is on no index.

    What the runner itself needs is left out of all other extras: whoever is told has it, or is told of it first.
    """
    packages = _requirements(extra)
    if extra != RUN:
        packages = [item for item in packages if item not in _requirements(RUN)]
    return f"pip install {' '.join(packages) or extra}"


def missing(name: str) -> str:
    """Return what to say where a package is not there that this command needs."""
    return f"this needs {name}, which is not installed: {install(RUN)}"


def _requirements(extra: str) -> list[str]:
    from importlib import metadata

    from packaging.requirements import Requirement

    found = []
    for line in metadata.requires(_OURS) or ():
        item = Requirement(line)
        if item.marker is None or item.name == _OURS:
            continue
        if item.marker.evaluate({"extra": extra}) and not item.marker.evaluate({"extra": ""}):
            found.append(f"'{item.name}{item.specifier}'" if item.specifier else item.name)
    return found
