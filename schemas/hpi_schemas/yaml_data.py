"""Reading YAML that came with us, or whose size was looked at."""

from __future__ import annotations

from functools import cache
from typing import Any

_TEXT = "tag:yaml.org,2002:str"


@cache
def loader() -> Any:
    """Return a loader that builds what PyYAML's safe one does, in C if it is there; long lists take half the time."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def resolve(self, kind: Any, value: str, implicit: Any) -> Any:
            # Most characters cannot begin anything but a text.
            if kind is yaml.ScalarNode and implicit[0] and value and value[0] not in self.yaml_implicit_resolvers:
                return _TEXT
            return super().resolve(kind, value, implicit)

        def construct_sequence(self, node: Any, deep: bool = False) -> Any:
            if not isinstance(node, yaml.SequenceNode):
                return super().construct_sequence(node, deep)
            return [item.value if _is_text(item) else self.construct_object(item, deep) for item in node.value]

    return Loader


def load(text: str) -> Any:
    """Return the plain values of a YAML text.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    import yaml

    return yaml.load(text, Loader=loader())  # noqa: S506 (a safe one)


def _is_text(node: Any) -> bool:
    return bool(node.tag == _TEXT and isinstance(node.value, str))
