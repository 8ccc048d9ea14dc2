"""Environments of their own, with what pip installs into them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


def wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a project into a folder, and return it."""
    command = [*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def make(folder: Path, *arguments: str) -> Path:
    """Make an environment, have pip install into it, and return the folder of its commands."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    command = [*PIP, "--python", str(folder / "bin/python"), "install", *arguments]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "bin"
