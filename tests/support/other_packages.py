"""Installing the packages of ``tests/third_party`` where only some commands see them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_SOURCE = Path(__file__).parents[1] / "third_party"
_PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]


def install(folder: Path) -> dict[str, str]:
    """Install them below a folder; return the environment of a machine that has them."""
    # Building leaves files beside the sources.
    source, target = shutil.copytree(_SOURCE, folder / "source"), folder / "site"
    subprocess.run([*_PIP, str(target), str(source)], check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": str(target)}
