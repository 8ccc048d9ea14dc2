"""The facts of a target, as decisions read them: what was asked is recorded, absences included."""

from __future__ import annotations

from hpi_schemas.target import Target


class TargetFacts:
    """A target, and what decisions asked of it.

    Attributes:
        target: it.
        backends, tools: the version of each that was asked for, None where the target does not have it.
    """

    def __init__(self, target: Target) -> None:
        """Take a target of which nothing was asked yet."""
        self.target = target
        self.backends: dict[str, str | None] = {}
        self.tools: dict[str, str | None] = {}

    def backend(self, name: str) -> str | None:
        """Return the version of a backend, None if it is not there."""
        self.backends[name] = self.target.backends.get(name)
        return self.backends[name]

    def tool(self, name: str) -> str | None:
        """Return the version of a tool, None if it is not there."""
        self.tools[name] = self.target.tools.get(name)
        return self.tools[name]

    def paddle_can(self, feature: str) -> bool:
        """Tell whether Paddle was built with a feature; for ``tensorrt``, the target must have that too."""
        if feature == "tensorrt":
            self.backend("tensorrt")
        return self.target.paddle_can(feature)
