"""Pipeline files (``pipeline_name:``): a tree of sub-pipelines and modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hpi_planner.ir import Pipeline
from hpi_planner.paddlex import definitions
from hpi_planner.paddlex.inheritance import Inherited
from hpi_planner.paddlex.legal_keys import HPI_KEYS, INHERITED, SHARE
from hpi_planner.paddlex.walk import Walk
from hpi_planner.syntax.tree import Path, Tree

_MODULE_KEYS = frozenset({*INHERITED, "module_name", "model_name", "model_dir", "batch_size", "genai_config"})
_PIPELINE_KEYS = frozenset({*INHERITED, "pipeline_name", "SubModules", "SubPipelines", "device", "Serving"})


@dataclass(frozen=True)
class PipelineFile:
    """A file that configures a pipeline."""

    root: ClassVar[Path] = ()
    device: ClassVar[Path | None] = None
    unread: ClassVar[str] = "nothing reads the key `{}` here"

    def keys_at(self, tree: Tree, path: Path) -> frozenset[str] | None:
        """Return the keys that are legal in the mapping at ``path``; None means any.

        A path below an unknown pipeline, or inside ``backend_config``, is not constrained.
        """
        if not path or path[-2:-1] == ("SubPipelines",):
            return _pipeline_keys(tree, path)
        if path[-2:-1] == ("SubModules",):
            return _module_keys(tree, path)
        if path[-1] == "hpi_config":
            return frozenset(HPI_KEYS)
        if path[-1] in ("SubModules", "SubPipelines"):
            return _member_keys(tree, path)
        return None

    def expand(self, walk: Walk) -> Pipeline | None:
        """Walk the pipeline from the top."""
        return walk.pipeline((), Inherited())


def _definition(tree: Tree, path: Path) -> definitions.Definition | None:
    name = tree.get((*path, "pipeline_name"))
    return definitions.load(name) if isinstance(name, str) and name in definitions.names() else None


def _pipeline_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    found = _definition(tree, path)
    if found is None:
        return None
    return _PIPELINE_KEYS | set(found.settings) | set(found.flags) | ({SHARE} if path == () else set())


def _module_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    found = _definition(tree, path[:-2])
    if found is None:
        return None
    for member in found.members:
        if member.key == path[-1] and member.module_name is not None:
            return _MODULE_KEYS | set(member.settings)
    return None


def _member_keys(tree: Tree, path: Path) -> frozenset[str] | None:
    found = _definition(tree, path[:-1])
    if found is None:
        return None
    external = {item.key.partition(".")[0] for item in found.external} if path[-1] == "SubModules" else set()
    return frozenset(external | {member.key for member in found.members if member.section == path[-1]})
