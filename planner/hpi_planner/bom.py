"""An inventory of what a plan runs: models, files, packages; CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hpi_schemas.backends import TOOLS, load_all
from hpi_schemas.canonical import dumps, loads
from hpi_schemas.packages import install
from hpi_schemas.plan.model import ModuleRecord, Plan

from hpi_planner.request import RequestError

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_ROOT = "plan"
# Brings no package of Python's index.
_ELSEWHERE = frozenset({"cann"})


def inventory(plan: Plan, digest: str, name: str) -> str:
    """Return the inventory as JSON; the same plan gives the same bytes.

    Args:
        plan: what runs.
        digest: of the plan's bytes.
        name: of the plan, for people.

    Raises:
        RequestError: the library that writes it is not installed.
    """
    try:
        from cyclonedx.model.bom import Bom
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
    except ImportError:
        raise RequestError(f"an inventory needs CycloneDX's library: {install('bom')}") from None
    serial = uuid.uuid5(uuid.NAMESPACE_URL, digest)
    root = Component(
        name=plan.pipeline.name or name,
        type=ComponentType.APPLICATION,
        bom_ref=_ROOT,
        hashes=_hashes(digest),
        properties=_properties({"plan": name, "source": plan.source.file or plan.source.builtin or ""}),
    )
    bom = Bom(serial_number=serial)
    bom.metadata.component = root
    packages = dict(_packages(plan))
    models = dict(_models(plan))
    for item in (*packages.values(), *models.values()):
        bom.components.add(item)
    bom.register_dependency(root, [*models.values(), *packages.values()])
    for address, module in plan.modules.items():
        used = [packages[key] for key in _used(module) if key in packages]
        bom.register_dependency(models[address], used)
    document = loads(JsonV1Dot6(bom).output_as_string())
    # When it was written says nothing of the plan.
    del document["metadata"]["timestamp"]
    return dumps(document)


def _models(plan: Plan) -> Iterator[tuple[str, Component]]:
    for address, module in plan.modules.items():
        facts = {
            "backend": module.engine.backend,
            "device": str(module.device),
            "folder": module.model.dir,
            "precision": str(module.engine.config.get("precision", "")),
            "task": module.module_name,
        }
        yield address, _model(address, module.model.name, module.model.files, facts)
    for address, item in plan.external.items():
        if item.dir is not None:
            yield (
                address,
                _model(address, str(item.model_name or item.kind), item.files, {"folder": item.dir, "task": item.kind}),
            )


def _model(address: str, name: str, files: Mapping[str, str], facts: Mapping[str, str]) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    parts = [
        Component(name=file, type=ComponentType.FILE, bom_ref=f"{address}#{file}", hashes=_hashes(digest))
        for file, digest in files.items()
    ]
    return Component(
        name=name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{address}",
        components=parts,
        properties=_properties({"address": address, **facts}),
    )


def _packages(plan: Plan) -> Iterator[tuple[str, Component]]:
    """Yield the packages that the plan uses, by backend, tool or host, in the versions of its target."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    used = {key for module in plan.modules.values() for key in _used(module)}
    if plan.host is not None:
        used.add(plan.host.name)
    versions = {**plan.target.tools, **plan.target.backends}
    for key in sorted(used):
        version = plan.host.version if plan.host is not None and key == plan.host.name else versions.get(key)
        name = _distribution(key, any(module.device.kind == "gpu" for module in plan.modules.values()))
        purl = None if name in _ELSEWHERE or not name else PackageURL("pypi", name=name, version=version)
        yield (
            key,
            Component(name=name, type=ComponentType.LIBRARY, version=version, bom_ref=f"package:{key}", purl=purl),
        )


def _distribution(key: str, on_gpu: bool) -> str:
    """Return the package that brings a backend or a tool: of several that for the device."""
    backend = load_all().get(key)
    names = backend.distributions if backend is not None else TOOLS.get(key, (key,))
    return next((name for name in names if on_gpu and name.endswith("-gpu")), names[0])


def _used(module: ModuleRecord) -> list[str]:
    names = (name for item in module.engines for name in (item.backend, *(step.tool for step in item.prepare)))
    return sorted(set(names))


def _hashes(digest: str) -> list[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))]


def _properties(facts: Mapping[str, str]) -> list[Any]:
    from cyclonedx.model import Property

    return [Property(name=f"hpi-plan:{key}", value=value) for key, value in facts.items() if value]
