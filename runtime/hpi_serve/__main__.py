"""``python -m hpi_serve`` is hpi-serve."""

from hpi_schemas.commands import hpi_serve

hpi_serve()
