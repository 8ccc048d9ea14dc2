"""Are the options of an engine what its backend takes?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hpi_schemas.backends import Backend, Option
from hpi_schemas.value_types import described, is_of, out_of_bounds

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[\w-][\w.-]*")
_PROVIDER = "provider"


def faults(backend: Backend, config: Mapping[str, Any], device: str) -> list[str]:
    """Return what is wrong with the full configuration of an engine, a line each.

    Args:
        backend: of the engine.
        config: every option.
        device: the kind of device that it runs on.
    """
    return list(_faults(backend, config, device))


def _faults(backend: Backend, config: Mapping[str, Any], device: str) -> Iterator[str]:
    for key, value in config.items():
        option = backend.options.get(key)
        if option is None:
            yield f"{backend.name} has no option `{key}`"
        elif (problem := fault(key, option, value, provider(backend, config, device))) is not None:
            yield problem


def provider(backend: Backend, config: Mapping[str, Any], device: str) -> str:
    """Return the name of the provider whose options an engine takes: ``cpu``, or what it is asked for on a GPU."""
    chosen = config.get("execution_provider")
    option = backend.options.get("execution_provider")
    return device if option is None or device not in option.devices else str(chosen or option.default)


def fault(key: str, option: Option, value: Any, provider: str = "") -> str | None:
    """Return what is wrong with the value of an option by itself, or None.

    Args:
        key: its name.
        option: what it may be.
        value: what it is.
        provider: whose options it holds, for an option that holds some.
    """
    if value is None:
        return None
    if not is_of(value, option.type):
        return f"`{key}` must be of type {described(option.type)}, not `{value}`"
    if option.one_of and value not in option.one_of:
        return f"`{key}` must be one of {', '.join(map(str, option.one_of))}, not `{value}`"
    bound = out_of_bounds(value, option.minimum, option.maximum) if isinstance(value, (int, float)) else None
    if bound is not None:
        return f"`{key}` must be {bound}, not {value}"
    if option.items == "string" and not all(isinstance(item, str) for item in value):
        return f"`{key}` must be a list of names, not `{value}`"
    if option.items == "digest" and not _DIGEST.fullmatch(value):
        return f"`{key}` must be a digest, sha256: and 64 hexadecimal digits, not `{value}`"
    if option.items == "name" and not _FILE_NAME.fullmatch(value):
        return f"`{key}` must be the name of a file without folders, not `{value}`"
    return _of_provider(key, option, value, provider) if option.items == _PROVIDER else None


def _of_provider(key: str, option: Option, value: Mapping[str, Any], provider: str) -> str | None:
    known = option.keys.get(provider, {})
    for name, item in value.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            return f"`{key}` passes `{name}` on to nobody; options of the provider {provider}: {listed}"
        problem = fault(f"{key}.{name}", known[name], item)
        if problem is not None:
            return problem
    return None
