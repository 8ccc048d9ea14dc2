"""plain: JSON that only stands in a record, such as the settings that were used."""

from __future__ import annotations

from hpi_runtime.kinds.base import Kind

KIND = Kind()
