"""record: named values; what each of them is, its fields say."""

from __future__ import annotations

from hpi_runtime.kinds.base import Kind

KIND = Kind()
