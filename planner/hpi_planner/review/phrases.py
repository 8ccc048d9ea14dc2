"""What changed, and because of what, in a few words each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpi_schemas.backends import PRECISION, STREAMS, THREADS, load_all
from hpi_schemas.feature_index import FILES

from hpi_planner.review import exchanges, wording
from hpi_planner.review.differences import Change
from hpi_planner.review.exchanges import InputChange
from hpi_planner.review.names import Names
from hpi_planner.review.paths import ABSENT
from hpi_planner.review.wording import clean, listed, value

# Facts of a target as people say them.
_FACTS = {"cuda": "CUDA", "driver": "the driver", "arch": "the architecture", "os": "the operating system"}
_TITLES = {"paddlex": "PaddleX"}
_MOST_INPUTS = 3
# What is longer stands in the answers alone, once.
_LONG_TOKEN = 80


def of_module(change: Change, names: Names) -> str:
    """Say what changed in a module."""
    key, old, new = change.key, change.old, change.new
    arrow = wording.arrow(old, new)
    option = key.removeprefix("engine.config.")
    if key == "engine.backend":
        return arrow
    if key == "device" or is_precision(key):
        return f"{option} {arrow}"
    if key == "batch_size":
        return f"batches of {arrow}"
    if key == "model.name":
        return f"model {arrow}"
    if key == "model.format":
        return f"its files are {new} now instead of {old}"
    if key.startswith("model.files.") and ABSENT in (old, new):
        return f"`{key.removeprefix('model.files.')}` is {'read too' if old is ABSENT else 'no longer read'}"
    if key.startswith("model.files."):
        return f"another `{key.removeprefix('model.files.')}`"
    if key.startswith("model.processing"):
        return "another `inference.yml`"
    if key == "engine.fallback":
        return f"falls back on {_backends(new)} (before: {_backends(old)})"
    if key == "engine.prepare":
        if _steps(new) == _steps(old):
            return f"{_steps(new)} with other options"
        return f"prepared by {_steps(new)} (before: {_steps(old)})"
    if key == "session":
        whose = names.short(new) if isinstance(new, str) else None
        return "has a session of its own" if whose is None else f"shares the session of {whose}"
    if option != key and "." not in option and ABSENT not in (old, new):
        roles = {each.options[option].role for each in load_all().values() if option in each.options}
        counted = {THREADS: "threads", STREAMS: "runs side by side"}
        said = next((counted[role] for role in roles if role in counted), None)
        if said is not None:
            return f"{arrow} {said}"
    return f"`{option.removeprefix('settings.')}` {arrow}"


def is_precision(key: str) -> bool:
    """Tell whether a key of a module is its engine's precision."""
    option = key.removeprefix("engine.config.")
    return any(option in each.options and each.options[option].role == PRECISION for each in load_all().values())


def of_target(change: Change, concerned: Sequence[str]) -> str:
    """Say what changed in a target, and whom it concerns: ``OpenVINO 2026.4.1 → 2026.6.0, which runs A and B``."""
    path = change.path[1:]
    arrow = f"{_said(path, change.old)} → {_said(path, change.new)}"
    told = f"{arrow} cores" if path[0] == "cores" else f"{_fact(path)} {arrow}"
    if not concerned:
        return told
    verbs = {"backends": "which runs", "tools": "which prepares", "hosts": "which runs the pipeline around"}
    return f"{told}, {verbs.get(path[0], 'under')} {listed(concerned)}"


def because(told: Sequence[InputChange]) -> str:
    """Say which inputs made a change: what is there now, or is gone."""
    reasons = list(dict.fromkeys(map(_because, told)))
    more = len(reasons) - _MOST_INPUTS
    shown = reasons if more <= 1 else [*reasons[:_MOST_INPUTS], f"{more} more"]
    return listed(shown)


def of_causes(kinds: Sequence[str]) -> str:
    """Say which kinds of inputs made a change, where no more is known."""
    known = {
        exchanges.SOURCE: "of the YAML",
        exchanges.OVERRIDE: "of the command line",
        exchanges.TARGET: "of the target",
        exchanges.MODEL: "the model was exported again",
        exchanges.PROFILE: "the profile was measured again",
        exchanges.RULES: "of hpi-plan's rules, which are others by now",
    }
    return listed([known[kind] for kind in kinds if kind in known])


def _because(told: InputChange) -> str:
    if told.kind == exchanges.SOURCE and told.spot is not None:
        where = f"{told.spot.file}:{told.spot.line}"
        return f"{where} (`{told.what}`) is gone" if told.new is ABSENT else f"{where} says so"
    if told.kind == exchanges.OVERRIDE:
        token = told.what if len(told.what) <= _LONG_TOKEN else told.what.partition("=")[0]
        return f"`{token}` {'is gone' if told.new is ABSENT else 'says so'}"
    if told.kind == exchanges.TARGET:
        return _of_target(told, told.what.split("."))
    if told.kind == exchanges.MODEL:
        return "the index was made again" if set(told.new) == set(FILES) else "the model was exported again"
    if told.kind == exchanges.PROFILE:
        if told.what.startswith("--"):
            return f"`{told.what}` is {value(told.new)} instead of {value(told.old)}"
        if told.new == told.old:
            return f"the profile {told.new} was measured again"
        return "there is no profile any more" if told.new is None else f"the profile {told.new} says so"
    return f"{told.what} is another"


def _of_target(told: InputChange, path: Sequence[str]) -> str:
    if path == ["cores"]:
        return f"the target has {told.new} cores instead of {told.old}"
    if told.new is None:
        return f"the target no longer has {_fact(path)}"
    if told.old is None:
        return f"the target has {_fact(path)} {_said(path, told.new)} now"
    return f"the target has {_fact(path)} {_said(path, told.new)} instead of {_said(path, told.old)}"


def _fact(path: Sequence[str]) -> str:
    if path[0] in ("backends", "tools", "hosts") and len(path) > 1:
        known = load_all().get(path[1])
        return known.title if known is not None else _TITLES.get(path[1], path[1])
    return _FACTS.get(path[0], path[0])


def _said(path: Sequence[str], item: Any) -> str:
    if item is None:
        return "not there" if path[0] in ("backends", "tools", "hosts") else "none"
    if isinstance(item, str):
        return clean(item)
    if path[0] == "gpus" and isinstance(item, list):
        return listed([str(gpu.get("name", "?")) if isinstance(gpu, Mapping) else str(gpu) for gpu in item])
    return value(item)


def _backends(engines: Any) -> str:
    found = [str(item.get("backend")) for item in engines] if isinstance(engines, list) else []
    return listed(found) or "nothing"


def _steps(steps: Any) -> str:
    found = [str(item.get("step")) for item in steps] if isinstance(steps, list) else []
    return listed(found) or "nothing"
