"""The installed commands of the runner."""

from __future__ import annotations

from typing import NoReturn

from hpi_schemas.console import start


def hpi_bench() -> NoReturn:
    """Measure plans side by side."""
    start("hpi-bench", "hpi_runtime.bench.cli")


def hpi_cache() -> NoReturn:
    """Look at prepared artefacts."""
    start("hpi-cache", "hpi_runtime.cache_cli")


def hpi_doctor() -> NoReturn:
    """Look for what keeps backends from running."""
    start("hpi-doctor", "hpi_runtime.doctor_cli")


def hpi_run() -> NoReturn:
    """Execute a plan."""
    start("hpi-run", "hpi_runtime.cli")
