import os
import stat
import threading
from pathlib import Path

import pytest
from hpi_schemas import files
from hpi_schemas.files import ReadError, read_bounded, write_atomic


def test_a_file_is_written_with_the_usual_rights_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"data")
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"data"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_symbolic_link_is_followed_and_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_what_is_no_regular_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, b"through")
    reader.join(10)
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space") as raised:
        write_atomic(tmp_path / "a", b"new")
    assert raised.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_a_pipe_gives_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"through"))
    writer.start()
    assert read_bounded(pipe) == b"through"
    writer.join(10)


def test_a_file_of_just_the_bound_is_read_and_one_byte_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 2 << 20)
    (tmp_path / "a").write_bytes(bytes(2 << 20))
    assert len(read_bounded(tmp_path / "a")) == 2 << 20
    (tmp_path / "a").write_bytes(bytes((2 << 20) + 1))
    with pytest.raises(ReadError, match="a has more than 2 MiB"):
        read_bounded(tmp_path / "a")


def test_a_device_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 1 << 20)
    with pytest.raises(ReadError, match="/dev/zero has more than 1 MiB"):
        read_bounded(Path("/dev/zero"))


def test_what_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="nothing cannot be read: No such file"):
        read_bounded(tmp_path / "nothing")
