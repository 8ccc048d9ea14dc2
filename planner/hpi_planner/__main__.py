"""``python -m hpi_planner`` is ``hpi-plan``."""

from hpi_schemas.commands import hpi_plan

hpi_plan()
