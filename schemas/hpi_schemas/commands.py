"""The ten installed commands. Importing this imports nothing else: an interruption finds little to disturb."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]

# What Python does by default, a traceback, is for programmers; `console.start` takes interruptions over.
if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def hpi_bench() -> None:
    """Measure plans side by side."""
    _start("hpi-bench", "hpi_runtime.cli.bench")


def hpi_bundle() -> None:
    """Put a plan with everything that it needs into one archive."""
    _start("hpi-bundle", "hpi_runtime.cli.bundle")


def hpi_cache() -> None:
    """Look at prepared artefacts."""
    _start("hpi-cache", "hpi_runtime.cli.cache")


def hpi_doctor() -> None:
    """Look for what keeps backends from running."""
    _start("hpi-doctor", "hpi_runtime.cli.doctor")


def hpi_index() -> None:
    """Make indexes of features of known things."""
    _start("hpi-index", "hpi_runtime.cli.index")


def hpi_plan() -> None:
    """Compile a pipeline YAML into a plan."""
    _start("hpi-plan", "hpi_planner.cli.plan")


def hpi_review() -> None:
    """Read plans, compare them, and ask why."""
    _start("hpi-review", "hpi_planner.cli.review")


def hpi_run() -> None:
    """Execute a plan."""
    _start("hpi-run", "hpi_runtime.cli.run")


def hpi_serve() -> None:
    """Answer requests with plans over HTTP."""
    _start("hpi-serve", "hpi_serve.cli")


def hpi_target() -> None:
    """Describe this machine."""
    _start("hpi-target", "hpi_planner.cli.target")


def _start(name: str, module: str) -> None:
    from hpi_schemas.console import start

    start(name, module)
