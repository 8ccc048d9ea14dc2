from pathlib import Path

import pytest
from hpi_schemas import probe
from hpi_schemas.target import from_json


def test_this_machine_describes_itself() -> None:
    target = probe.this_machine({"onnxruntime": ("onnxruntime",), "nothing": ("no-such-package",)}, {})
    assert target.backends["nothing"] is None
    assert target.backends["onnxruntime"]
    assert target.cores >= 1
    assert from_json(target.to_json()) == target


@pytest.mark.parametrize(("quota", "cores"), [("200000 100000", 2.0), ("max 100000", None), ("50000 100000", 0.5)])
def test_the_cgroup_quota_is_read(tmp_path: Path, quota: str, cores: float | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert probe._cgroup_quota(tmp_path) == cores


def test_the_older_cgroup_quota_is_read(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("300000")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert probe._cgroup_quota(tmp_path) == 3.0
