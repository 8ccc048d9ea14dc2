"""``python -m hpi_runtime`` is ``hpi-run``."""

from hpi_schemas.commands import hpi_run

hpi_run()
