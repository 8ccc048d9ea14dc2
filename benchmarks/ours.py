"""Our own commands, run as people type them, and profiles made with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def command(program: str) -> str:
    """Return the path of one of our commands."""
    return str(Path(sys.executable).parent / program)


def run(program: str, *arguments: object) -> None:
    """Run one of our commands; what it prints is not shown.

    Raises:
        subprocess.CalledProcessError: it failed, and said on stderr why.
    """
    subprocess.run([command(program), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def overrides(values: Iterable[str]) -> list[str]:
    """Return the options of ``hpi-plan`` that set values."""
    return [token for value in values for token in ("-o", value)]


def profile(pipeline: Path, sets: Sequence[str], pictures: Path, budget: int, folder: Path) -> Path:
    """Measure the candidates of a pipeline, and return the profile's path.

    Args:
        pipeline: the YAML.
        sets: options of ``hpi-plan``.
        pictures: a folder of them.
        budget: seconds.
        folder: of the profile; what an earlier run measured is in it and not measured again.
    """
    folder.mkdir(exist_ok=True)
    listed, found = folder / "candidates.json", folder / "profile.json"
    run("hpi-plan", pipeline, *sets, "--candidates", listed)
    run("hpi-bench", "--candidates", listed, "--profile", found, "--input", pictures, "--budget", budget)
    return found
