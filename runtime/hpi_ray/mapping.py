"""A plan over a dataset of Ray Data."""

from __future__ import annotations

from collections.abc import Sequence
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hpi_ray.workers import Asked, Mapper, Needed, needed

if TYPE_CHECKING:
    from ray.data import Dataset

# Inputs that go through a plan together.
_BATCH = 20
# Of a machine's cores: what reads and writes starves where workers have all of them.
_LEFT_FREE = 1


def map(
    dataset: Dataset,
    plan: str | Path,
    *,
    path: str = "path",
    data: str | None = None,
    module: str | None = None,
    root: str | Path | None = None,
    models: Sequence[str | Path] = (),
    batch_size: int = _BATCH,
    workers: int | None = None,
    **settings: Any,
) -> Dataset:
    """Run a plan on every row of a dataset.

    Args:
        dataset: its rows name inputs, or hold them.
        plan: the path of a plan or a bundle, which every machine sees.
        path: the column with paths or URLs; beside bytes, what they are called, where there is such a column.
        data: the column with the bytes of inputs, such as ``bytes`` of ``ray.data.read_binary_files``.
        module: the address of one module to run alone.
        root: where relative model folders start; by default beside the plan's YAML.
        models: folders with official models.
        batch_size: rows that go through the plan together; batches of its models are as large as it says.
        workers: processes that load the plan; by default as many as there is room for, with a core left free.
        settings: arguments of ``predict``.

    Returns:
        A row for each picture or page: ``input_path``, ``page_index``, ``plan`` (its digest), ``error`` (JSON, or
        null) and ``result`` (the record as JSON). A bad input is a row with an error.

    Raises:
        PlanError: the plan is none, or has no such module.
    """
    from ray.data import ActorPoolStrategy

    start = None if root is None else fspath(root)
    asked = Asked(fspath(plan), start, [fspath(item) for item in models], module, settings)
    place = placed(needed(asked.read()))
    return dataset.map_batches(
        Mapper,
        fn_constructor_args=(asked, path, data),
        batch_size=batch_size,
        batch_format="numpy",
        compute=ActorPoolStrategy(size=workers or place.workers),
        num_cpus=place.cpus,
        num_gpus=place.gpus or None,
    )


class Placed(NamedTuple):
    """Where workers go.

    Attributes:
        cpus, gpus: that each holds.
        workers: how many there is room for, at least one.
    """

    cpus: float
    gpus: float
    workers: int


def placed(need: Needed) -> Placed:
    """Return how workers share the machines of the cluster, on each of which a core is left free."""
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    free = [max(there.get("CPU", 0) - _LEFT_FREE, there.get("CPU", 0) / 2) for there in alive]
    # A worker that wants all cores of the largest machine takes what is free there.
    cpus = min(need.cpus, max(free, default=1)) or 1
    fits = [cores // cpus for cores in free]
    if need.gpus:
        fits = [min(many, there.get("GPU", 0) // need.gpus) for many, there in zip(fits, alive, strict=True)]
    return Placed(cpus, need.gpus, max(1, int(sum(fits))))
