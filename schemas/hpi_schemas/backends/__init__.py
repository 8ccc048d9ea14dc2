"""What is known of each backend: the files ``NAME.yaml`` in this folder.

The planner plans by them, and the runner refuses engines that do not follow them.
A third-party package brings one by an entry point of the group ``hpi_plan.backends`` whose value
is the package that holds ``NAME.yaml``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hpi_schemas import packaged, yaml_data
from hpi_schemas.impact import Impact

ENTRY_POINTS = "hpi_plan.backends"
_FOLDER = Path(__file__).parent
# What code asks for by role; the others are for people.
THREADS, STREAMS, PRECISION, AHEAD = "threads", "streams", "precision", "ahead"
ROLES = (
    *(THREADS, STREAMS, PRECISION, AHEAD, "arithmetic", "device", "provider"),
    *("kernels", "graph", "shapes", "memory", "build", "calibration", "waiting"),
)


@dataclass(frozen=True)
class Option:
    """A key of ``backend_config``.

    Attributes:
        type: ``boolean``, ``integer``, ``number``, ``string``, ``list`` or ``mapping``.
        role: what it is about, one of ``ROLES``: ``threads`` of a run; ``streams``, runs side by side; ``precision`` of
            the model; the ``arithmetic`` of single operations; the ``device``; the ``provider`` that runs it; the
            choice of ``kernels``; what is done to the ``graph``; ``shapes`` that are prepared for; ``memory``; what
            only the ``build`` of an engine reads; ``calibration``; what is done ``ahead`` of loading; how threads
            are ``waiting`` for work.
        impact: what another value of it risks. A package that does not say so risks the worst.
        items: what a list or mapping holds: ``string``; ``shapes``, per input the least, best and
            greatest shape; ``values``, per input the values of a sample of each of them; ``provider``, options of
            the provider that runs the model, see ``keys``. For a string: ``name``, a file name that leads nowhere
            else; ``digest``.
        default: the value that an absent key means.
        rule: the name of the rule that finds the default instead; empty without one.
        one_of: the values it may have; empty means any.
        minimum, maximum: the least and the greatest number.
        devices: where it counts; empty means everywhere.
        model_default: where the model's ``Hpi.backend_configs`` may hold a default, dotted.
        keys: of a mapping of ``provider``: what each provider takes, by its name; nothing else is passed on, least of
            all what loads code, takes a pointer or names a path.
        trials: the values worth measuring where the user leaves it open, by device kind.
        natively: CPU features, as in ``/proc/cpuinfo``, of which a CPU has to have one to run a value natively, by the
            value; without any it emulates it, or refuses.
    """

    type: str
    role: str = ""
    impact: Impact = Impact.NUMERICS
    items: str = ""
    default: Any = None
    rule: str = ""
    one_of: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    devices: tuple[str, ...] = ()
    model_default: str = ""
    keys: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    trials: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    natively: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)

    def is_native(self, value: Any, features: Collection[str]) -> bool:
        """Tell whether a CPU with these features runs a value natively, where there is anything to run natively."""
        return value in self.natively and not set(features).isdisjoint(self.natively[value])


@dataclass(frozen=True)
class Preparation:
    """A prepare step that makes what the backend loads.

    Attributes:
        step: its name.
        tool: the package that it needs.
        produces: the file that it makes.
        reads: the options of the engine that it depends on.
    """

    step: str
    tool: str
    produces: str
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backend:
    """One inference backend.

    Attributes:
        name: as in ``hpi_config.backend``.
        title: as people call it.
        devices: the device kinds it runs on.
        formats: the model formats it loads, preferred first.
        converts: it also takes a Paddle model converted to ONNX.
        builds: the prepare step that makes its engine file, empty without one.
        int8: the prepare step that quantises a model for ``precision: int8``, None where there is none.
        ahead: the prepare step that does once what loading a model does every time, None where there is none.
        fp16_model_since: the version from which on ``precision: fp16`` needs a model converted to
            fp16; empty where the backend has a switch of its own.
        distributions: the packages that bring it, per device kind where that matters.
        extra: the extra of hpi-plan that installs it.
        options: the keys of ``backend_config``.
    """

    name: str
    title: str
    devices: tuple[str, ...]
    formats: tuple[str, ...]
    converts: bool
    builds: str
    int8: Preparation | None
    ahead: Preparation | None
    fp16_model_since: str
    distributions: tuple[str, ...]
    extra: str
    options: Mapping[str, Option]


@cache
def find(name: str) -> Backend | None:
    """Return a backend, None if nobody here knows it; those of other packages are looked at if it is not ours."""
    path = packaged.file(ENTRY_POINTS, _FOLDER, name)
    return None if path is None else _read(name, path)


@cache
def load_all() -> Mapping[str, Backend]:
    """Return every backend by name, sorted.

    Raises:
        packaged.PackageError: two packages bring one backend.
    """
    return {name: _read(name, path) for name, path in packaged.files(ENTRY_POINTS, _FOLDER).items()}


def option_of(backend: str, role: str) -> str | None:
    """Return the option of a backend that has a role, None if it has none, or nobody here knows the backend."""
    known = find(backend)
    options = {} if known is None else known.options
    return next((key for key, option in options.items() if option.role == role), None)


def value_of(backend: str, config: Mapping[str, Any], role: str) -> Any:
    """Return what an engine's configuration has for the option with a role, None if nothing."""
    key = option_of(backend, role)
    return None if key is None else config.get(key)


def tuning() -> frozenset[str]:
    """Return the options of all backends that change neither numbers nor the device."""
    return frozenset(
        key
        for backend in load_all().values()
        for key, option in backend.options.items()
        if option.role in (THREADS, STREAMS)
    )


def packages() -> dict[str, tuple[str, ...]]:
    """Return the distributions that bring each backend."""
    return {name: backend.distributions for name, backend in load_all().items()}


# The tools of prepare steps and the distributions that bring them.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "nncf": ("nncf",),
    "onnx": ("onnx",),
    "onnxconverter-common": ("onnxconverter-common",),
    "paddle2onnx": ("paddle2onnx",),
}


def _read(name: str, path: Path) -> Backend:
    data = yaml_data.load(path.read_text(encoding="utf-8"))
    return Backend(
        name=name,
        title=data["title"],
        devices=tuple(data["devices"]),
        formats=tuple(data["formats"]),
        converts=data.get("converts", False),
        builds=data.get("builds", ""),
        int8=_preparation(data.get("int8")),
        ahead=_preparation(data.get("ahead")),
        fp16_model_since=data.get("fp16_model_since", ""),
        distributions=tuple(data["distributions"]),
        extra=data["extra"],
        options={key: _option(item) for key, item in data["options"].items()},
    )


def _preparation(data: dict[str, Any] | None) -> Preparation | None:
    return None if data is None else Preparation(**{**data, "reads": tuple(data.get("reads", ()))})


def _option(data: dict[str, Any]) -> Option:
    listed = data.get("keys", {}).items()
    data["keys"] = {name: {key: _option(item) for key, item in known.items()} for name, known in listed}
    for key in ("one_of", "devices"):
        data[key] = tuple(data.get(key, ()))
    if "impact" in data:
        data["impact"] = Impact.of(data["impact"])
    data["natively"] = {value: tuple(features) for value, features in data.get("natively", {}).items()}
    data["trials"] = {kind: tuple(values) for kind, values in data.get("trials", {}).items()}
    return Option(**data)
