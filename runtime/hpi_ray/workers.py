"""What runs in Ray's processes: a plan that is loaded once, and batches that go through it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hpi_runtime import loader
from hpi_runtime.results import parts
from hpi_runtime.results.parts import Folder, Part, Row
from hpi_runtime.run import plan as plans
from hpi_runtime.run.plan import LocatedPlan
from hpi_schemas.backends import load_all
from hpi_schemas.device import CPU
from hpi_schemas.files import Outputs
from hpi_schemas.plan.model import EngineRecord


class Asked(NamedTuple):
    """Which plan, and how.

    Attributes:
        plan: its path, or that of a bundle, on every machine.
        root: where its relative folders start; None for beside its YAML.
        models: folders with official models.
        module: the address of the one module that runs, None for the whole pipeline.
        settings: arguments of ``predict``.
        folder: where relative names of inputs start; empty for where a worker is.
    """

    plan: str
    root: str | None = None
    models: Sequence[str] = ()
    module: str | None = None
    settings: Mapping[str, Any] = {}
    folder: str = ""

    def read(self) -> LocatedPlan:
        """Read the plan.

        Raises:
            PlanError: it is none, or has no such module.
        """
        root = None if self.root is None else Path(self.root)
        found = plans.load(Path(self.plan), root, list(map(Path, self.models)))
        if self.module is not None:
            found.module(self.module)
        return found


class Needed(NamedTuple):
    """What of a machine a worker keeps busy."""

    cpus: float
    gpus: float


def needed(plan: LocatedPlan) -> Needed:
    """Return what a plan keeps busy: as many cores as the largest of its engines has threads, and the GPU of one."""
    records = plan.modules.values()
    threads = [_threads(record.engine) for record in records if record.device == CPU]
    return Needed(max(threads, default=1), 1 if any(record.device.kind == "gpu" for record in records) else 0)


def _threads(engine: EngineRecord) -> int:
    backend = load_all().get(engine.backend)
    names = [] if backend is None else [name for name, option in backend.options.items() if option.role == "threads"]
    found = [engine.config.get(name) for name in names]
    return max((item for item in found if isinstance(item, int)), default=1)


class Mapper:
    """Makes rows of results of rows with inputs."""

    def __init__(self, asked: Asked, path: str, data: str | None) -> None:
        """Load the plan.

        Args:
            asked: which.
            path: the column with the names of inputs.
            data: the column with their bytes; None reads what the names name.
        """
        self._pipeline = loader.pipeline(asked.read(), asked.module)
        self._settings = dict(asked.settings)
        self._path = path
        self._data = data

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Return a row for each picture or page."""
        found = [parts.row(result) for result in self._pipeline.predict(self._inputs(batch), **self._settings)]
        return columns(found)

    def _inputs(self, batch: Mapping[str, Sequence[Any]]) -> list[Any]:
        names = [str(name) for name in batch[self._path]] if self._path in batch else None
        if self._data is None:
            return names or []
        contents = list(batch[self._data])
        named: list[str] | list[None] = names or [None] * len(contents)
        return [_Named(bytes(content), name) for content, name in zip(contents, named, strict=True)]


class _Named(io.BytesIO):
    """The bytes of an input, with what it is called."""

    def __init__(self, content: bytes, name: str | None) -> None:
        super().__init__(content)
        self.name = name


def columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return rows by column, as parts in Parquet have them."""
    names = {"input_path": "path", "page_index": "page", "plan": "plan", "error": "error"}
    found = {name: [getattr(item, key) for item in rows] for name, key in names.items()}
    return {**found, "result": [item.line.decode() for item in rows]}


class Maker:
    """Writes parts, as ``hpi-run --output-format`` does."""

    def __init__(self, asked: Asked, output: str, form: str) -> None:
        """Load the plan.

        Args:
            asked: which.
            output: the folder, which every machine sees.
            form: of the parts.
        """
        if asked.folder:
            # Of this process alone; so that names are those that were given, and stand so in records.
            os.chdir(asked.folder)
        plan = asked.read()
        self._pipeline = loader.pipeline(plan, asked.module)
        self._settings = dict(asked.settings)
        self._folder = Folder(Path(output), form, Outputs(list(plan.files()), overwrite=True))

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Write the parts in a batch, and return what became of each."""
        found = list(self._made(batch))
        return {"inputs": [len(names) for names, _ in found], "errors": [errors for _, errors in found]}

    def _made(self, batch: Mapping[str, Sequence[Any]]) -> Iterator[tuple[Sequence[str], list[str]]]:
        for number, names, file in zip(batch["number"], batch["names"], batch["file"], strict=True):
            part = Part(int(number), [str(name) for name in names], str(file))
            rows: list[Row] = []
            errors = []
            for result in self._pipeline.predict(list(part.names), **self._settings):
                rows.append(parts.row(result))
                if result.is_failed:
                    errors.append(f"{result['error']['code']}: {result['error']['message']}")
            self._folder.write(part, rows)
            yield part.names, errors
