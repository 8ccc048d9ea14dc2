"""What PaddleX is given: the plan's configuration, with an engine of the plan at each module."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from hpi_runtime.errors import PlanError
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check_folder
from hpi_schemas import credentials
from hpi_schemas.feature_index import INDEX
from hpi_schemas.plan.model import ModuleRecord

_SECTIONS = ("SubModules", "SubPipelines")
# PaddleX's own key: whoever creates such a module gets the message.
_ERROR = "model_config_error"
# What PaddleX hands on to clients of services.
_OF_CLIENTS = frozenset({"client_kwargs"})
# Of the number of a class.
_DIGITS = 10
# External modules that are no models of PaddleX's, and so are never downloaded.
_SERVICES = frozenset({"chat_bot", "retriever", "prompt"})


def configuration(
    plan: LocatedPlan, folders: Mapping[str, Path], engine: str, told: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what PaddleX's ``create_pipeline`` takes.

    Args:
        plan: hosted.
        folders: of the models, by the address of their module.
        engine: the name of our engine.
        told: what its configuration says at every module, beside the address.

    Raises:
        PlanError: a module that runs elsewhere has no folder, and PaddleX would download its model.
        PreflightError: its folder is not there, or has other files.
    """
    assert plan.plan.host is not None
    found: dict[str, Any] = with_numbers(copy.deepcopy(dict(plan.plan.host.pipeline)))
    for address, node in modules(dict(plan.plan.host.pipeline)):
        if address in plan.modules:
            _check_same(address, node, plan.modules[address])
    for address, node in modules(found):
        if address in plan.modules:
            node.update(engine=engine, engine_config={**told, "address": address}, model_dir=str(folders[address]))
        elif address in plan.plan.external:
            folder = check_folder(plan, address)
            if folder is not None:
                node["model_dir"] = str(folder)
            _check_external(address, plan.plan.external[address].kind, node)
        else:
            node[_ERROR] = f"PaddleX creates {address}, which the plan does not have: plan again"
    for address, item in plan.plan.external.items():
        if item.kind == INDEX:
            found[address] = str(check_folder(plan, address))
    return found


def check_secrets(pipeline: Mapping[str, Any], secrets: Mapping[str, str], external: Collection[str]) -> None:
    """Look whether credentials belong where they are to go.

    Args:
        pipeline: the configuration in a plan's host.
        secrets: by the dotted path of their key.
        external: the addresses of what runs elsewhere; nothing else asks a service.

    Raises:
        PlanError: a path leads into no such module, to no credential, or to something that the plan has.
    """
    with_secrets(copy.deepcopy(dict(pipeline)), secrets, external)


def with_secrets(found: dict[str, Any], secrets: Mapping[str, str], external: Collection[str]) -> None:
    """Put credentials where a configuration is to have them.

    Args:
        found: the configuration.
        secrets: by the dotted path of their key.
        external: the addresses of what runs elsewhere; nothing else asks a service.

    Raises:
        PlanError: the path leads into no such module, to no credential, or to something that the plan has.
    """
    for path, secret in secrets.items():
        owner = next((address for address in external if path.startswith(f"{address}.")), None)
        if owner is None:
            known = ", ".join(external) or "none"
            raise PlanError(f"--secret {path}: it must begin with a module that runs elsewhere; the plan has: {known}")
        *keys, last = path.split(".")
        if not credentials.is_name(last):
            raise PlanError(f"--secret {path}: `{last}` is no name of a credential, such as api_key")
        node: Any = found
        for depth, key in enumerate(keys):
            if key not in node and (depth < len(keys) - 1 or key not in _OF_CLIENTS):
                raise PlanError(f"--secret {path}: there is no {'.'.join(keys[: depth + 1])} in the plan's host")
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise PlanError(f"--secret {path}: {'.'.join(keys[: depth + 1])} holds no keys")
        if node.get(last) is not None:
            raise PlanError(f"--secret {path}: the plan has a value there")
        node[last] = secret


def modules(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every module of a configuration with its address."""
    for section in _SECTIONS:
        members = node.get(section)
        # Of an edited plan it may be anything; PaddleX says what is wrong with it.
        for key, child in members.items() if isinstance(members, dict) else ():
            if isinstance(child, dict):
                address = f"{prefix}{section}.{key}"
                if "model_name" in child:
                    yield address, child
                yield from modules(child, f"{address}.")


def with_numbers(value: Any) -> Any:
    """Return a value with the numbers of classes as keys again: JSON has texts for them."""
    if isinstance(value, dict):
        return {
            int(key) if key.isdecimal() and len(key) < _DIGITS else key: with_numbers(item)
            for key, item in value.items()
        }
    return [with_numbers(item) for item in value] if isinstance(value, list) else value


def _check_same(address: str, node: Mapping[str, Any], record: ModuleRecord) -> None:
    """Look whether a module's node says what its record does: people may have edited the one and not the other.

    Raises:
        PlanError: it does not.
    """
    said = {**record.settings, "model_name": record.model.name, "batch_size": record.batch_size}
    for key, value in said.items():
        if key in node and node[key] != value and not (key == "batch_size" and node[key] is None):
            raise PlanError(
                f"{address}.{key} is {node[key]!r} in the plan's host and {value!r} in its module: plan again"
            )


def _check_external(address: str, kind: str, node: Mapping[str, Any]) -> None:
    if kind in _SERVICES or node.get("model_dir") or (node.get("genai_config") or {}).get("server_url"):
        return
    raise PlanError(
        f"{address} runs on PaddleX's own engine, and PaddleX would download its model: name its folder as "
        f"`{address}.model_dir`, or a server as `{address}.genai_config`, and plan again"
    )
