"""``python -m hpi_planner`` is ``hpi-plan``."""

from hpi_planner.commands import hpi_plan

hpi_plan()
