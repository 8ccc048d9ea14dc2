"""What PaddleX is given: the plan's configuration, with a session of the plan at each module."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hpi_runtime.errors import PlanError
from hpi_runtime.run.plan import LocatedPlan

_SECTIONS = ("SubModules", "SubPipelines")
# PaddleX's own key: whoever creates such a module gets the message.
_ERROR = "model_config_error"
# External modules that are no models of PaddleX's, and so are never downloaded.
_SERVICES = frozenset({"chat_bot", "retriever", "prompt"})


def configuration(
    plan: LocatedPlan, folders: Mapping[str, Path], engine: str, session: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what PaddleX's ``create_pipeline`` takes.

    Args:
        plan: hosted.
        folders: of the models, by the address of their module.
        engine: the name of our engine.
        session: what its configuration says at every module, beside the address.

    Raises:
        PlanError: a module that runs elsewhere has no folder, and PaddleX would download its model.
    """
    assert plan.plan.host is not None
    found: dict[str, Any] = with_numbers(copy.deepcopy(dict(plan.plan.host.pipeline)))
    for address, node in modules(found):
        if address in plan.modules:
            node.update(engine=engine, engine_config={**session, "address": address}, model_dir=str(folders[address]))
        elif address in plan.plan.external:
            _check_external(address, plan.plan.external[address].kind, node)
        else:
            node[_ERROR] = f"PaddleX creates {address}, which the plan does not have: plan again"
    return found


def with_secrets(found: dict[str, Any], secrets: Mapping[str, str]) -> None:
    """Put credentials where a configuration is to have them.

    Args:
        found: the configuration.
        secrets: by the dotted path of their key.

    Raises:
        PlanError: the configuration has no such module.
    """
    for path, secret in secrets.items():
        *keys, last = path.split(".")
        node = found
        for depth, key in enumerate(keys):
            # The module must be there; what lies in it may be new.
            if depth % 2 and key not in node and keys[depth - 1] in _SECTIONS:
                raise PlanError(f"--secret: there is no {'.'.join(keys[: depth + 1])} in the plan's host")
            below = node.setdefault(key, {})
            if not isinstance(below, dict):
                raise PlanError(f"--secret: {'.'.join(keys[: depth + 1])} holds no keys")
            node = below
        node[last] = secret


def modules(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every module of a configuration with its address."""
    for section in _SECTIONS:
        for key, child in (node.get(section) or {}).items():
            if isinstance(child, dict):
                address = f"{prefix}{section}.{key}"
                if "model_name" in child:
                    yield address, child
                yield from modules(child, f"{address}.")


def with_numbers(value: Any) -> Any:
    """Return a value with the numbers of classes as keys again: JSON has texts for them."""
    if isinstance(value, dict):
        return {int(key) if key.isdecimal() else key: with_numbers(item) for key, item in value.items()}
    return [with_numbers(item) for item in value] if isinstance(value, list) else value


def _check_external(address: str, kind: str, node: Mapping[str, Any]) -> None:
    if kind in _SERVICES or node.get("model_dir") or (node.get("genai_config") or {}).get("server_url"):
        return
    raise PlanError(
        f"{address} runs on PaddleX's own engine, and PaddleX would download its model: name its folder as "
        f"`{address}.model_dir`, or a server as `{address}.genai_config`, and plan again"
    )
