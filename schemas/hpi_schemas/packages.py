"""How to install what is missing: the packages of an extra, as our own metadata names them."""

from __future__ import annotations

_OURS = "hpi-plan"


def install(extra: str) -> str:
    """Return the command that installs the packages of an extra; hpi-plan itself is on no index."""
    return f"pip install {' '.join(_requirements(extra)) or extra}"


def _requirements(extra: str) -> list[str]:
    from importlib import metadata

    from packaging.requirements import Requirement

    found = []
    for line in metadata.requires(_OURS) or ():
        item = Requirement(line)
        if (
            item.marker is not None
            and item.marker.evaluate({"extra": extra})
            and not item.marker.evaluate({"extra": ""})
        ):
            found.append(f"'{item.name}{item.specifier}'" if item.specifier else item.name)
    return found
