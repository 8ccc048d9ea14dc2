from importlib import metadata
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


def test_versions_are_those_that_python_itself_finds() -> None:
    names = sorted({str(item.metadata["Name"]) for item in metadata.distributions()})
    assert len(names) > 20
    assert {name: probe.installed([name]) for name in names} == {name: metadata.version(name) for name in names}


def test_a_package_is_found_however_its_name_is_written() -> None:
    version = metadata.version("opencv-python-headless")
    assert [probe.installed([name]) for name in ("OpenCV_Python.headless", "nothing")] == [version, None]


def test_of_a_package_that_left_no_folder_of_the_usual_name_the_version_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "older.egg-info").mkdir()
    (tmp_path / "older.egg-info/PKG-INFO").write_text("Metadata-Version: 2.1\nName: older\nVersion: 0.7\n")
    monkeypatch.syspath_prepend(tmp_path)
    probe._recorded.cache_clear()
    assert probe.installed(["older"]) == "0.7"


@pytest.mark.parametrize(("quota", "cores"), [("200000 100000", 2.0), ("max 100000", None), ("50000 100000", 0.5)])
def test_the_cgroup_quota_is_read(tmp_path: Path, quota: str, cores: float | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert probe._cgroup_quota(tmp_path) == cores


def test_the_older_cgroup_quota_is_read(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("300000")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert probe._cgroup_quota(tmp_path) == 3.0
