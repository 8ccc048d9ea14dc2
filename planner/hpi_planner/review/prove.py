"""Proving that a plan depends on its inputs alone: compiling again where nothing else is the same."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hpi_schemas import children

from hpi_planner.compile import Request, compile
from hpi_planner.request import Measured, make
from hpi_planner.syntax.compose import Loader
from hpi_planner.syntax.overrides import from_token

_PERMUTATIONS = 3
# In Turkish the lower case of I is not i; in Tokyo it is another day.
_MACHINES: Mapping[str, Mapping[str, str]] = {
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 1": {"PYTHONHASHSEED": "1"},
    "time zone": {"TZ": "Asia/Tokyo"},
    "locale C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"},
    "Turkish locale": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
}


class Outcome(NamedTuple):
    """One more compilation.

    Attributes:
        what: what was different this time.
        difference: where the plan differs, None if it is the same to the byte.
    """

    what: str
    difference: str | None


class Arguments(NamedTuple):
    """The arguments of ``request.make``, with absolute paths and the overrides as a plan records them."""

    pipeline: str
    overrides: tuple[str, ...]
    target: str | None
    models: tuple[str, ...]
    root: str | None
    plan_folder: str | None
    measured: tuple[str, str, float | None] | None = None

    def request(self) -> Request:
        """Make the request."""
        layers = tuple(from_token(token) for token in self.overrides)
        folder = None if self.plan_folder is None else Path(self.plan_folder)
        measured = None if self.measured is None else Measured(Path(self.measured[0]), *self.measured[1:])
        return make(self.pipeline, layers, self.target, self.models, self.root, folder, measured)


def prove(arguments: Arguments, plan: str) -> Iterator[Outcome]:
    """Compile again with permuted keys, and in processes with other settings of the machine.

    Args:
        arguments: what the plan was made from.
        plan: its canonical JSON.
    """
    request = arguments.request()
    for seed in range(_PERMUTATIONS):
        again = compile(replace(request, data=permuted(request.data, seed))).text
        yield Outcome(f"keys in another order ({seed + 1})", difference(plan, again or ""))
    for what, settings in _MACHINES.items():
        yield Outcome(what, difference(plan, _elsewhere(arguments, settings, str(Path.cwd()))))
    with tempfile.TemporaryDirectory() as folder:
        yield Outcome("working directory", difference(plan, _elsewhere(arguments, {}, folder)))


def permuted(data: bytes, seed: int) -> bytes:
    """Return a YAML with the keys of every mapping in another order."""
    rng = random.Random(seed)  # noqa: S311 (any order will do)
    node = yaml.compose(data.decode("utf-8-sig"), Loader=Loader)
    seen: set[int] = set()

    def shuffle(item: Any) -> None:
        if id(item) in seen or isinstance(item, yaml.ScalarNode):
            return
        seen.add(id(item))
        if isinstance(item, yaml.MappingNode):
            rng.shuffle(item.value)
            for _, value in item.value:
                shuffle(value)
        else:
            for value in item.value:
                shuffle(value)

    shuffle(node)
    text: str = yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True)
    return text.encode()


def difference(plan: str, other: str) -> str | None:
    """Return where two plans first differ, None if they do not."""
    if plan == other:
        return None
    for number, (ours, theirs) in enumerate(zip(plan.splitlines(), other.splitlines(), strict=False), 1):
        if ours != theirs:
            return f"line {number} is `{theirs.strip()}`, not `{ours.strip()}`"
    return f"one has {len(plan)} characters, the other {len(other)}"


def _elsewhere(arguments: Arguments, settings: Mapping[str, str], folder: str) -> str:
    done = subprocess.run(  # noqa: S603 (ours)
        children.command("hpi_planner.review.prove"),
        input=json.dumps(arguments).encode(),
        env={**os.environ, **settings},
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return done.stdout.decode("utf-8", "backslashreplace") or done.stderr.decode("utf-8", "backslashreplace")


if __name__ == "__main__":
    given = Arguments(*json.load(sys.stdin))
    sys.stdout.buffer.write((compile(given.request()).text or "").encode())
