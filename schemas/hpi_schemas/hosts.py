"""Hosts: programs that run a pipeline's own code around the engines of a plan, and their versions that were tested."""

from __future__ import annotations

PADDLEX = "paddlex"
NAMES = (PADDLEX,)
# Newest last. Of others nobody knows whether their pipelines still take our engines.
TESTED = {PADDLEX: ("3.5.2", "3.6.1", "3.7.2")}
# What whoever executes a hosted plan must understand.
FEATURE = "host"
# The distributions that bring each.
PACKAGES = {PADDLEX: (PADDLEX,)}


def newest(name: str) -> str:
    """Return the newest tested version of a host."""
    return TESTED[name][-1]
