"""The installed commands of the planner."""

from __future__ import annotations

from typing import NoReturn

from hpi_schemas.console import start


def hpi_plan() -> NoReturn:
    """Compile a pipeline YAML into a plan."""
    start("hpi-plan", "hpi_planner.cli")


def hpi_review() -> NoReturn:
    """Read plans, compare them, and ask why."""
    start("hpi-review", "hpi_planner.review.cli")


def hpi_target() -> NoReturn:
    """Describe this machine."""
    start("hpi-target", "hpi_planner.target_cli")
