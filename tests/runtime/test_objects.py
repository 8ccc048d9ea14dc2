"""Inputs in object stores: in one of this process, and in an imitation of S3."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hpi_runtime import load_plan, object_store
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs import named
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.inputs.reading import read
from hpi_runtime.results.naming import stem
from support.classifying import records, run
from support.stores import BUCKET, fill, imitated_s3


def png(shade: int) -> bytes:
    return bytes(cv2.imencode(".png", np.full((8, 8, 3), shade, np.uint8))[1].tobytes())


OBJECTS = {
    "in/b.png": png(1),
    "in/a b#1?.png": png(2),
    "in/deep/c[1].png": png(3),
    "in/.hidden/d.png": png(4),
    "in/notes.txt": b"words",
    "in/truth.json": b"{}",
    "bad/no.png": b"no picture",
    "bad/empty.png": b"",
}


@pytest.fixture
def memory() -> Iterator[None]:
    import fsspec

    store = fsspec.filesystem("memory")
    for key, data in OBJECTS.items():
        store.pipe_file(f"/{BUCKET}/{key}", data)
    yield
    store.rm("/", recursive=True)


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with imitated_s3() as environment:
        fill(environment, OBJECTS)
        yield environment


@pytest.fixture
def here(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in s3.items():
        monkeypatch.setenv(key, value)


def expanded(*items: str) -> tuple[list[str], list[str]]:
    found = named.expand(items)
    return [name.partition(f"{BUCKET}/")[2] for name in found.names], found.notes


@pytest.mark.parametrize("scheme", ["memory", pytest.param("s3", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("memory", "here")
class TestNames:
    def test_a_name_is_that_object(self, scheme: str) -> None:
        assert expanded(f"{scheme}://{BUCKET}/in/deep/c[1].png") == (["in/deep/c[1].png"], [])

    @pytest.mark.parametrize("end", ["", "/"])
    def test_a_folder_is_the_pictures_below_it_without_hidden_ones(self, scheme: str, end: str) -> None:
        names, notes = expanded(f"{scheme}://{BUCKET}/in{end}")
        assert names == ["in/a b#1?.png", "in/b.png", "in/deep/c[1].png"]
        assert notes == [
            f"{scheme}://{BUCKET}/in{end}: 1 file passed over: no pictures or PDFs by their names, or drawn here"
        ]

    def test_a_pattern_is_what_it_matches(self, scheme: str) -> None:
        assert expanded(f"{scheme}://{BUCKET}/*/*.png")[0] == [
            "bad/empty.png",
            "bad/no.png",
            "in/a b#1?.png",
            "in/b.png",
        ]

    def test_nothing_behind_a_name_is_said(self, scheme: str) -> None:
        with pytest.raises(PlanError, match="there is no such object, none below it, and none matches it"):
            expanded(f"{scheme}://{BUCKET}/nothing")
        with pytest.raises(PlanError, match="the folder holds no pictures or PDFs, only 1 file of other kinds"):
            fill_notes(scheme)
            expanded(f"{scheme}://{BUCKET}/words")

    def test_objects_are_read_and_what_is_wrong_with_one_is_its_own(self, scheme: str) -> None:
        keys = ["in/b.png", "bad/no.png", "bad/empty.png", "in/missing.png", "in", "in/a b#1?.png"]
        found = list(read([f"{scheme}://{BUCKET}/{key}" for key in keys]))
        assert [item.path for item in found] == [f"{scheme}://{BUCKET}/{key}" for key in keys]
        codes = [item.error.code if item.error else "" for item in found]
        assert codes == ["", "IMAGE_UNREADABLE", "IMAGE_UNREADABLE", "URL_UNREADABLE", "URL_UNREADABLE", ""]
        assert [int(item.values["image"][0, 0, 0]) for item in found if not item.error] == [1, 2]
        assert str(found[3].error) == f"{scheme}://{BUCKET}/in/missing.png is not there"

    def test_limits_hold(self, scheme: str) -> None:
        (item,) = read([f"{scheme}://{BUCKET}/in/b.png"], Limits(bytes=10))
        assert item.error is not None and item.error.code == "INPUT_TOO_LARGE"

    def test_large_objects_come_in_pieces(self, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(object_store, "_PIECE", 7)
        assert object_store.read(f"{scheme}://{BUCKET}/in/b.png", 1000, 30) == OBJECTS["in/b.png"]


def fill_notes(scheme: str) -> None:
    object_store.write(f"{scheme}://{BUCKET}/words/a.txt", b"words")


@pytest.mark.parametrize(
    "name",
    ["s3://key:secret@bucket/a.png", "s3://bucket/a.zip::memory://b", "s3://", "s3:///a.png", "zip://a::s3://b/c"],
)
def test_credentials_chains_and_names_without_a_bucket_are_refused(name: str) -> None:
    (item,) = read([name])
    assert item.error is not None
    assert "is no name of an object" in str(item.error) or "No such file" in str(item.error)
    with pytest.raises(PlanError):
        named.expand([name])


@pytest.mark.parametrize("name", ["ssh://host/a.png", "file:///etc/passwd", "github://a:b@c/d", "sftp://h/a.png"])
def test_other_schemes_of_fsspec_are_names_of_files_that_are_not_there(name: str) -> None:
    (item,) = read([name])
    assert item.error is not None and item.error.code == "INPUT_UNREADABLE"


@pytest.mark.slow
def test_a_store_that_does_not_answer_ends_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for key, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "a",
        }.items():
            monkeypatch.setenv(key, value)
        import fsspec

        fsspec.filesystem("s3").clear_instance_cache()
        (item,) = read(["s3://bucket/a.png"], Limits(url_seconds=1))
        fsspec.filesystem("s3").clear_instance_cache()
    assert item.error is not None and item.error.code == "URL_TOO_SLOW"


@pytest.mark.parametrize("fault", [TimeoutError, asyncio.TimeoutError])
def test_whatever_a_store_calls_it_too_slow_is_too_slow(
    fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.setattr(object_store._Place, "ask", late)
    (item,) = read(["memory://a/b.png"], Limits(url_seconds=2))
    assert item.error is not None and (item.error.code, str(item.error)) == (
        "URL_TOO_SLOW",
        "memory://a/b.png took more than 2 seconds",
    )
    with pytest.raises(PlanError, match="memory://a did not answer in time"):
        named.expand(["memory://a"])


def test_names_of_results_keep_store_bucket_and_key_apart() -> None:
    names = [
        "s3://b/k/a.png",
        "gs://b/k/a.png",
        "s3://b//k/a.png",
        "s3://b/k/a.png?x",
        "s3:/b/k/a.png",
        "s3://b/k?/a.png",
    ]
    assert str(stem(names[0], None)) == "_url/s3/b/k/a.png"
    assert len({stem(name, None) for name in names}) == len(names)


@pytest.mark.usefixtures("memory")
def test_a_program_hands_over_objects_and_folders_of_them(classifying: Path) -> None:
    with load_plan(classifying / "plan.json") as pipeline:
        found = list(pipeline.predict([f"memory://{BUCKET}/in/", f"memory://{BUCKET}/in/b.png"]))
    assert [item["input_path"].rpartition("/")[2] for item in found] == ["a b#1?.png", "b.png", "c[1].png", "b.png"]
    assert not any(item.is_failed for item in found)


@pytest.mark.slow
def test_hpi_run_takes_folders_manifests_and_shards_of_a_store(s3: dict[str, str], classifying: Path) -> None:
    options: dict[str, Any] = {"env": {**os.environ, **s3}}
    folder = f"s3://{BUCKET}/in/"
    done = run(classifying, "hpi-run", "plan.json", "--input", folder, "--save-images", "drawn", **options)
    assert done.returncode == 0, done.stderr
    assert [item["input_path"] for item in records(done)] == [
        f"s3://{BUCKET}/{key}" for key in ("in/a b#1?.png", "in/b.png", "in/deep/c[1].png")
    ]
    assert (classifying / f"drawn/_url/s3/{BUCKET}/in/b.png_res.png").is_file()

    keys = ["in/b.png", "bad/no.png", "in/deep/c[1].png"]
    (classifying / "list.txt").write_text("".join(f"s3://{BUCKET}/{key}\n" for key in keys))
    for shard in ("1/2", "2/2"):
        given = ["--manifest", "list.txt", "--output", "out", "--output-format", "jsonl", "--part-size", "1"]
        done = run(classifying, "hpi-run", "plan.json", *given, "--shard", shard, "--resume", **options)
        assert done.returncode == (shard == "2/2"), done.stderr
    rows = [json.loads(path.read_text()) for path in sorted((classifying / "out").glob("part-*"))]
    assert [row["input_path"] for row in rows] == [f"s3://{BUCKET}/{key}" for key in keys]
    assert [row.get("error", {}).get("code") for row in rows] == [None, "IMAGE_UNREADABLE", None]
