"""The two forms of PaddleX's files, a pipeline and a single module, behind one interface.

``read`` decides which one a file has; the passes after it ask, and know neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from hpi_planner.syntax.tree import Path, Tree

if TYPE_CHECKING:
    from hpi_planner.ir import Pipeline
    from hpi_planner.paddlex.walk import Walk


class Document(Protocol):
    """The form of a file.

    Attributes:
        root: the node on which a flag such as ``--use_hpip`` is laid.
        device: the key that names the device, None where the file has no say.
        unread: what to say of a key that nothing reads; ``{}`` stands for it.
    """

    root: ClassVar[Path]
    device: ClassVar[Path | None]
    unread: ClassVar[str]

    def keys_at(self, tree: Tree, path: Path) -> frozenset[str] | None:
        """Return the keys that are legal in the mapping at ``path``; None means any."""

    def expand(self, walk: Walk) -> Pipeline | None:
        """Add every module that exists to a walk; the top pipeline, None for a module alone."""
