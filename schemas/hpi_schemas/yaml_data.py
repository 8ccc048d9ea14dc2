"""Reading YAML that came with us, or whose size was looked at."""

from __future__ import annotations

from typing import Any


def loader() -> Any:
    """Return PyYAML's safe loader, in C where it is there."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """Return the plain values of a YAML text.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    import yaml

    return yaml.load(text, Loader=loader())  # noqa: S506 (a safe one)
