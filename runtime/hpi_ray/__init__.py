"""Plans on Ray Data: ``hpi_ray.map`` over a dataset, and ``python -m hpi_ray`` over files, on one machine or many."""

from __future__ import annotations

from hpi_ray.mapping import map

__all__ = ["map"]
