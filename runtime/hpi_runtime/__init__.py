"""The runner: executes a plan and decides nothing.

``create_pipeline``, ``create_model`` and ``load_plan`` work as in PaddleX.
"""

from __future__ import annotations

from typing import Any

__all__ = ["create_model", "create_pipeline", "load_plan"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: importing hpi_runtime alone stays light.
    if name in __all__:
        from hpi_runtime import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
