"""scores: numbers from 0 to 1, one for each of what stands beside them."""

from __future__ import annotations

from hpi_runtime.kinds.base import Kind

KIND = Kind()
