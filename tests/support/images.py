"""Dockerfiles carried out without a daemon: each stage is this machine's file system with a layer of its own above it.

What a base image brings, Python, is this machine's own. Mounting needs root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KNOWN = frozenset({"ARG", "FROM", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"})
_NAME = re.compile(r"\$\{(\w+)\}|\$(\w+)")


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, each with what follows it."""
    lines = [line for line in dockerfile.read_text().splitlines() if line.strip() and not line.startswith("#")]
    found = [line.partition(" ")[::2] for line in "\n".join(lines).replace("\\\n", " ").splitlines()]
    assert {word for word, _ in found} <= _KNOWN, found
    return [(word, rest.strip()) for word, rest in found]


@dataclass
class Stage:
    """A stage of an image.

    Attributes:
        root: its file system.
        environment: of its processes.
        user: that they run as.
        entrypoint, healthcheck: the commands.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        """Start a command in it."""
        user, _, group = self.user.partition(":")
        line = ["chroot", f"--userspec={user}:{group or user}", str(self.root), *command]
        # Where pip finds packages is this machine's business.
        names = [name for name in os.environ if name.startswith("PIP_") or "proxy" in name.lower()]
        inherited = {name: os.environ[name] for name in names}
        return subprocess.Popen(
            line, env={**inherited, **self.environment}, cwd="/", text=True, **{"stderr": subprocess.PIPE, **options}
        )


@contextmanager
def built(dockerfile: Path, context: Path, folder: Path) -> Iterator[Stage]:
    """Carry out a Dockerfile and give its last stage.

    Args:
        dockerfile: what to do.
        context: the folder that it copies from.
        folder: where file systems are mounted.
    """
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    with ExitStack() as mounts:
        _mount(mounts, folder, "-t", "tmpfs", "-o", "size=8g", "tmpfs")
        for word, rest in instructions(dockerfile):
            known = {**arguments, **(stage.environment if stage is not None else {})}
            text = _NAME.sub(lambda name, known=known: known.get(name[1] or name[2], ""), rest)  # type: ignore[misc]
            if word == "ARG":
                arguments[text.partition("=")[0]] = text.partition("=")[2]
            elif word == "FROM":
                named = text.split(" AS ")
                stage = Stage(_layer(mounts, folder / str(len(stages))), {"PATH": os.environ["PATH"]})
                stages[named[1] if len(named) > 1 else str(len(stages))] = stage
            else:
                assert stage is not None
                _do(word, text, stage, stages, context)
        assert stage is not None
        yield stage


def _do(word: str, text: str, stage: Stage, stages: Mapping[str, Stage], context: Path) -> None:
    if word == "RUN":
        done = stage.start(["sh", "-ec", text])
        said = done.communicate()[1]
        assert done.returncode == 0, (text, said)
    elif word == "COPY":
        *sources, target = text.split()
        source = context
        if sources[0].startswith("--from="):
            source = stages[sources.pop(0).removeprefix("--from=")].root
        for pattern in sources:
            found = list(source.glob(pattern.lstrip("/")))
            assert found, text
            for item in found:
                _copy(item, stage.root / target.lstrip("/"), target.endswith("/"))
    elif word == "ENV":
        stage.environment.update(dict(item.split("=", 1) for item in text.split()))
    elif word == "USER":
        stage.user = text
    elif word == "HEALTHCHECK":
        stage.healthcheck = json.loads(text.partition(" CMD ")[2])
    elif word == "ENTRYPOINT":
        stage.entrypoint = json.loads(text)


def _copy(item: Path, target: Path, is_folder: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if item.is_dir():
        shutil.copytree(item, target, symlinks=True)
    else:
        if is_folder:
            target.mkdir(parents=True, exist_ok=True)
        shutil.copy(item, target)


def _layer(mounts: ExitStack, place: Path) -> Path:
    """Mount this machine's file system with a layer above it, in which everybody may read it."""
    for name in ("above", "work", "root"):
        (place / name).mkdir(parents=True)
    options = f"lowerdir=/,upperdir={place}/above,workdir={place}/work"
    _mount(mounts, place / "root", "-t", "overlay", "-o", options, "overlay")
    root = place / "root"
    # This machine's Python may lie where only root looks.
    (root / "root").chmod(0o755)
    shutil.rmtree(root / "tmp")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    for name in ("proc", "dev"):
        _mount(mounts, root / name, "--rbind", f"/{name}")
    return root


def _mount(mounts: ExitStack, place: Path, *how: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *how, str(place)], check=True, capture_output=True)
    mounts.callback(subprocess.run, ["umount", "--recursive", "--lazy", str(place)], check=False)
