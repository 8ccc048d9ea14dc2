"""series: a table of pandas, as it was read. No JSON: what is found in it is drawn over it."""

from __future__ import annotations

from hpi_runtime.kinds.base import Kind


class Series(Kind):
    """Stands in no record."""

    is_json = False


KIND = Series()
