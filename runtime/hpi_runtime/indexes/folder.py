"""The folder in which PaddleX keeps an index: read, and written whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from hpi_schemas import yaml_data
from hpi_schemas.feature_index import LABELS, METRICS, VECTORS
from hpi_schemas.files import OutputError, ReadError, is_folder, read_bounded

from hpi_runtime.errors import PlanError
from hpi_runtime.indexes.index import Index

_METRIC, _TYPE, _IDS = "metric_type", "index_type", "id_map"


def read(folder: Path) -> Index:
    """Return the index in a folder.

    Raises:
        PlanError: there is none, it cannot be read, or it has a metric that features of numbers have not.
    """
    import faiss

    told = _told(folder / LABELS)
    if told[_METRIC] not in METRICS:
        known = " and ".join(METRICS)
        raise PlanError(f"{folder / LABELS}: features are compared by {known} here, not by {str(told[_METRIC])[:40]!r}")
    path = folder / VECTORS
    if not path.is_file():
        raise PlanError(f"{folder} is no index: it has no {VECTORS}")
    try:
        vectors = faiss.read_index(str(path))
    except (RuntimeError, MemoryError) as fault:
        raise PlanError(f"{path} cannot be read by faiss {faiss.__version__}: {_reason(fault)}") from None
    labels = {int(number): str(label) for number, label in told[_IDS].items()}
    if vectors.ntotal != len(labels):
        raise PlanError(
            f"{folder} is no whole index: {VECTORS} has {vectors.ntotal:,} vectors, and {LABELS} {len(labels):,}"
        )
    return Index(vectors, told[_METRIC], str(told[_TYPE]), labels)


def check_new(folder: Path) -> None:
    """Look whether an index can be written there: plans name one by its digests, so none is ever changed.

    Raises:
        OutputError: something is there, or it cannot be made.
    """
    parent = folder.absolute().parent
    if not is_folder(parent):
        raise OutputError(f"{folder} cannot be written: {parent} is no folder")
    if not os.access(parent, os.W_OK):
        raise OutputError(f"{folder} cannot be written: {parent} is not writable")
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise OutputError(f"{folder} is there; an index is not changed, for plans name it: name another folder")


def write(index: Index, folder: Path) -> None:
    """Write an index into a new folder, whole or not at all.

    Raises:
        OutputError: something is there, or it cannot be written.
    """
    import faiss
    import yaml

    check_new(folder)
    told = {_TYPE: index.type, _METRIC: index.metric, _IDS: index.labels}
    temporary = folder.absolute().with_name(f".hpi-{os.urandom(16).hex()}.tmp")
    try:
        temporary.mkdir()
        (temporary / VECTORS).write_bytes(faiss.serialize_index(index.vectors).tobytes())
        dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text = yaml.dump(told, Dumper=dumper, allow_unicode=True, sort_keys=False)
        (temporary / LABELS).write_text(text, encoding="utf-8")
        temporary.rename(folder)
    except OSError as fault:
        raise OutputError(f"{folder} cannot be written: {fault.strerror or fault}") from fault
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _told(path: Path) -> dict[str, Any]:
    """Return what stands beside the vectors."""
    import yaml

    try:
        found = yaml_data.load(read_bounded(path).decode("utf-8-sig"))
    except ReadError as fault:
        raise PlanError(str(fault)) from None
    except (yaml.YAMLError, ValueError, LookupError, RecursionError, ArithmeticError, TypeError) as fault:
        raise PlanError(f"{path} cannot be read: {_reason(fault)}") from None
    if not isinstance(found, dict) or not {_METRIC, _TYPE, _IDS} <= found.keys():
        raise PlanError(f"{path} does not say whose vectors they are: it needs {_IDS}, {_METRIC} and {_TYPE}")
    if not isinstance(found[_IDS], dict) or not all(isinstance(key, int) for key in found[_IDS]):
        raise PlanError(f"{path}: {_IDS} must give a label for each number")
    return found


def _reason(fault: BaseException) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0]
