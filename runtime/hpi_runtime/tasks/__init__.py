"""Tasks: pre- and postprocessing of each family, one file each, named as its contract in ``hpi_schemas.tasks``.

A third-party package brings one by an entry point of the group ``hpi_plan.task_classes`` that names its Task class.
"""

from __future__ import annotations

from hpi_schemas import tasks

from hpi_runtime import plugins
from hpi_runtime.tasks.base import Task

ENTRY_POINTS = "hpi_plan.task_classes"


def find(module_name: str) -> type[Task] | None:
    """Return the class of a task, or None for one that nobody here does, or has a contract for."""
    contract = tasks.find(module_name)
    if contract is None:
        return None
    found: type[Task] | None = plugins.find(__name__, contract.name, "TASK", ENTRY_POINTS)
    return found
