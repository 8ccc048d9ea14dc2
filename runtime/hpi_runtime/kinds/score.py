"""score: a number from 0 to 1."""

from __future__ import annotations

from hpi_runtime.kinds.base import Kind

KIND = Kind()
