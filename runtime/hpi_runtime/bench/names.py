"""What candidates are called, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpi_schemas.backends import AHEAD, STREAMS, THREADS, value_of
from hpi_schemas.plan.model import EngineRecord
from hpi_schemas.profile import Entry


def name(engine: EngineRecord, batch_size: int, settings: Mapping[str, Any]) -> str:
    """Return a short name of a candidate, for people."""
    config = engine.config
    words = [engine.backend]
    words += [str(config[key]) for key in ("precision", "run_mode") if key in config]
    threads, streams = (value_of(engine.backend, config, role) for role in (THREADS, STREAMS))
    words += [f"{threads} threads"] if threads is not None else []
    words += [f"{streams} streams"] if (streams or 1) > 1 else []
    words += ["compiled ahead"] if value_of(engine.backend, config, AHEAD) else []
    words.append(f"batch_size {batch_size}")
    return ", ".join([*words, *(f"{key} {value}" for key, value in settings.items())])


def name_of(entry: Entry) -> str:
    """Return a short name of a candidate that was measured."""
    return name(entry.engine, entry.batch_size, entry.settings)
