"""What a difference between two plans risks."""

from __future__ import annotations

from enum import IntEnum


class Impact(IntEnum):
    """What a change risks, least first."""

    COSMETIC = 0
    PERFORMANCE = 1
    REBUILD = 2
    DEVICE = 3
    # Other kernels may round otherwise, or do not.
    NUMERICS_POSSIBLE = 4
    NUMERICS = 5

    @property
    def label(self) -> str:
        """The name as people, options and data files write it."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, label: str) -> Impact:
        """Return the impact with a label.

        Raises:
            ValueError: there is none.
        """
        found = next((impact for impact in cls if impact.label == label), None)
        if found is None:
            raise ValueError(f"`{label}` is no impact; known: {', '.join(impact.label for impact in cls)}")
        return found
