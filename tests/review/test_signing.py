"""The recipe of docs/review.md: a plan and its models signed together, and any changed byte found out."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-signing/bin"
RECIPE = re.findall(r"^```console\n(.*?model_signing.*?)^```", (ROOT / "docs/review.md").read_text(), re.M | re.S)

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        not (BIN / "model_signing").exists(), reason="model-signing is not here; `make test-full` has it"
    ),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl, which makes the keys"),
]


def _commands(verb: str) -> list[str]:
    return [line[2:] for block in RECIPE for line in block.splitlines() if line.startswith("$ ") and verb in line]


def _run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_signed_release_is_verified_and_a_changed_one_is_not(models: Path, tmp_path: Path) -> None:
    release = tmp_path / "release"
    (release / "models").mkdir(parents=True)
    shutil.copy(ROOT / "examples/ocr/plan.json", release)
    for model in models.iterdir():
        if model.is_dir():
            shutil.copytree(model, release / "models" / model.name)
    (verify,) = _commands("model_signing verify")
    for command in (*_commands("openssl"), *_commands("model_signing sign")):
        done = _run(tmp_path, command)
        assert done.returncode == 0, done.stderr
    assert _run(tmp_path, verify).returncode == 0
    plan = release / "plan.json"
    plan.write_text(plan.read_text().replace('"batch_size": 6', '"batch_size": 7', 1))
    assert _run(tmp_path, verify).returncode != 0
