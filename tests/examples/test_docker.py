"""Images: what their Dockerfiles say, carried out where that can be; and that the others say the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from hpi_runtime.bundle.packages import versions
from support import images
from support.classifying import ROOT, lay_out, run

DOCKER = ROOT / "examples/docker"


def _can_mount(folder: Path) -> bool:
    """Tell whether file systems can be laid over each other here."""
    if os.getuid() != 0 or shutil.which("chroot") is None:
        return False
    layers = "lowerdir=/,upperdir=$0/u,workdir=$0/w"
    script = f"mount -t tmpfs x $0 && mkdir $0/u $0/w $0/m && mount -t overlay -o {layers} x $0/m"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, str(folder)], capture_output=True, check=False)
    return done.returncode == 0


def _lock(folder: Path) -> None:
    """Lock what is installed here, with the hashes of its files, as pip tells them."""
    wanted = [f"{name}=={version}" for name, version in versions({"run", "cpu", "serve"}).items() if name != "hpi-plan"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
    done = subprocess.run([*command, "--report", "-", *wanted], capture_output=True, text=True, check=True)
    lines = []
    for item in json.loads(done.stdout)["install"]:
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{item['metadata']['name']}=={item['metadata']['version']} --hash=sha256:{digest}")
    (folder / "lock.txt").write_text("\n".join(lines))


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_image_serves_its_plan_as_nobody_and_ends_when_it_is_told(tmp_path: Path) -> None:
    if not _can_mount(tmp_path):
        pytest.skip("file systems cannot be mounted here")
    lay_out(tmp_path)
    (tmp_path / "images").mkdir()
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "images", str(ROOT)]
    subprocess.run(pip, cwd=tmp_path, check=True)
    _lock(tmp_path)
    made = ["plan.json", "--extra", "serve", "--lock", "lock.txt", "--output", "images/bundle.tar"]
    assert run(tmp_path, "hpi-bundle", "make", *made).returncode == 0
    with images.built(DOCKER / "cpu.Dockerfile", tmp_path / "images", tmp_path / "mnt") as image:
        image.environment["HPI_SERVE_PORT"] = "18080"
        server = image.start(image.entrypoint, stdout=subprocess.PIPE)
        try:
            _wait("http://127.0.0.1:18080/ready")
            check = [part.replace(":8080", ":18080") for part in image.healthcheck]
            assert image.start(check).wait(20) == 0
            # Nothing that it came with can be changed by it.
            assert image.start(["sh", "-c", "touch /srv/plan/x || touch /opt/hpi/x"]).wait(20) != 0
            assert image.start(["id", "-u"], stdout=subprocess.PIPE).communicate()[0].strip() == "10001"
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
        finally:
            server.kill()
    assert not list((tmp_path / "mnt").iterdir())


def _wait(address: str) -> None:
    for _ in range(150):
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{address} never answered")


@pytest.mark.parametrize("name", ["gpu", "paddlex"])
def test_the_other_images_are_made_in_the_same_steps(name: str) -> None:
    own, other = (
        [item for item in images.instructions(DOCKER / f"{kind}.Dockerfile") if item[0] in ("RUN", "FROM", "USER")]
        for kind in ("cpu", name)
    )
    # Without a GPU, or PaddleX, nothing is prepared while an image is built.
    assert [item for item in own if "--prepare-only" not in item[1]] == other


def test_what_orchestrates_them_waits_longer_than_the_server_takes_to_end() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert service["read_only"] and service["build"]["dockerfile"] == "cpu.Dockerfile"
    deployment, _ = yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (request,) = re.findall(r"HPI_SERVE_REQUEST_SECONDS=(\d+)", (DOCKER / "gpu.Dockerfile").read_text())
    # What hpi-serve drains for unless told.
    seconds = int(request) + 5
    assert pod["terminationGracePeriodSeconds"] > seconds
    assert int(service["stop_grace_period"].removesuffix("s")) > seconds
    container = pod["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    images_used = {item["image"] for item in (*pod["initContainers"], container)}
    assert len(images_used) == 1
