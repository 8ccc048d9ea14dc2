"""Reading a model's ``inference.yml``, which somebody else wrote."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

from hpi_schemas.files import LFS, LFS_POINTER
from hpi_schemas.yaml_data import load

# The largest recogniser's has 0.4 MB.
_LARGEST = 16 << 20
_DEEPEST = 5000
_COMPACT = re.compile(r"(?:[-?][ \t]+){1000}")


class ModelConfigError(ValueError):
    """An ``inference.yml`` that cannot be read; the message begins behind its name."""


def read_config(path: Path) -> dict[Any, Any]:
    """Return the configuration of a model.

    Args:
        path: the file.

    Raises:
        ModelConfigError: it is too large, too deep, no YAML, or no mapping of the sections that models have.
        OSError: it cannot be read.
    """
    import yaml

    if path.stat().st_size > _LARGEST:
        raise ModelConfigError("is larger than any model's configuration")
    collecting = gc.isenabled()
    # Building 18,000 entries and more makes many small objects and frees none.
    gc.disable()
    try:
        data = path.read_bytes()
        if data.startswith(LFS_POINTER):
            raise ModelConfigError(LFS)
        text = data.decode("utf-8-sig")
        if _is_deep(text):
            raise ModelConfigError("is nested deeper than any model's configuration")
        config = load(text)
    except yaml.MarkedYAMLError as fault:
        place = "" if fault.problem_mark is None else f"line {fault.problem_mark.line + 1}: "
        raise ModelConfigError(f"cannot be read: {place}{fault.problem or fault.context}") from None
    except (yaml.YAMLError, ValueError, LookupError, RecursionError, ArithmeticError, TypeError) as fault:
        # YAML's constructors raise more than YAMLError: `!!int x` a ValueError, `!!bool x` a KeyError.
        if isinstance(fault, ModelConfigError):
            raise
        reason = (str(fault).splitlines() or [type(fault).__name__])[0]
        raise ModelConfigError(f"cannot be read: {reason}") from None
    finally:
        if collecting:
            gc.enable()
    if not isinstance(config, dict):
        raise ModelConfigError("is not a mapping")
    for section in ("Global", "Hpi"):
        if not isinstance(config.get(section), (dict, type(None))):
            raise ModelConfigError(f"has a `{section}` that is not a mapping")
    return config


def _is_deep(text: str) -> bool:
    """Tell whether a YAML may be nested so deep that libyaml, which is recursive, would exhaust the stack.

    Without looking at every event: flow collections need a bracket a level, compact block ones a mark, and others
    an indentation, whose sum the size of the file bounds.
    """
    return text.count("[") + text.count("{") > _DEEPEST or _COMPACT.search(text) is not None
