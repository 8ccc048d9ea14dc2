"""The service: plans over HTTP, as PaddleX's server has it, and their models by the Open Inference Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from hpi_serve.options import Options

__all__ = ["app"]


def app(*plans: str | Path, options: Options | None = None) -> Starlette:
    """Return an ASGI application that serves plans.

    It loads them when it starts; ``/ready`` says when that is done.

    Args:
        plans: paths of plan.json files; requests that name none are for the first.
        options: how requests are answered.
    """
    from hpi_serve.options import Options
    from hpi_serve.server import Server

    return Server([Path(plan) for plan in plans], options or Options()).app()
