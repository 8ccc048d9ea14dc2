"""What people hand over in the place of a plan."""

from __future__ import annotations


def no_plan(name: str, reason: str) -> str:
    """Return why a file is no plan, and what makes one of it.

    Args:
        name: of the file.
        reason: why it cannot be read as one.
    """
    if name.endswith((".yaml", ".yml")):
        return f"it is a YAML; `hpi-plan {name} --output plan.json` makes a plan of it"
    return reason
