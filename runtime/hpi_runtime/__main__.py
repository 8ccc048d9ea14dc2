"""``python -m hpi_runtime`` is ``hpi-run``."""

from hpi_runtime.commands import hpi_run

hpi_run()
