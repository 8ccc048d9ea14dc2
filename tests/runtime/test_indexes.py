"""Indexes of features: the search is faiss's own, nothing is half-written, and what is wrong is said in words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import faiss
import numpy as np
import pytest
import yaml
from hpi_runtime import PlanError
from hpi_runtime.indexes import folder, gallery
from hpi_runtime.indexes.index import Index, build
from hpi_schemas.feature_index import IP, L2, TYPES
from hpi_schemas.files import OutputError
from support import toy_detectors, toy_labels

BIN = Path(sys.executable).parent
SIZE = 8


def vectors(count: int, seed: int = 0) -> np.ndarray:
    found: np.ndarray = np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def made(count: int = 40, metric: str = IP, type: str | None = None) -> Index:
    return build(vectors(count), [f"thing {number % 7}" for number in range(count)], metric, type)


# -- searching -----------------------------------------------------------------------------------


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("metric", [IP, L2])
def test_a_search_finds_what_faiss_finds_in_the_same_index(type: str, metric: str) -> None:
    index, asked = made(metric=metric, type=type), vectors(9, seed=1)
    scores, numbers = index.vectors.search(asked, 5)
    everything = -2.0 if metric == IP else 5.0
    for match, own, found in zip(index.search(asked, 5, everything), scores, numbers, strict=True):
        assert match.labels == [f"thing {number % 7}" for number in found if number >= 0]
        assert match.scores == [float(score) for score, number in zip(own, found, strict=True) if number >= 0]


def test_an_index_of_few_is_exact_unless_somebody_wants_another() -> None:
    flat = faiss.IndexFlatIP(SIZE)
    flat.add(vectors(40))
    index = made()
    assert index.type == "Flat"
    assert index.search(vectors(3, 2), 1, -1)[0].scores == [float(flat.search(vectors(3, 2), 1)[0][0, 0])]


@pytest.mark.parametrize(("metric", "near", "far"), [(IP, 0.99, 1.01), (L2, 0.01, -0.01)])
def test_what_is_not_like_enough_matches_nothing(metric: str, near: float, far: float) -> None:
    index = made(metric=metric)
    assert index.search(vectors(1), 3, near)[0].labels[0] == "thing 0"
    assert index.search(vectors(1), 3, far)[0] == ([], [])


def test_only_the_best_match_is_compared_with_the_threshold_and_no_more_are_given_than_there_are() -> None:
    index = made(3)
    (match,) = index.search(vectors(1), 9, 0.99)
    assert sorted(match.labels) == ["thing 0", "thing 1", "thing 2"]
    assert min(match.scores) < 0.99


def test_features_of_another_size_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="features of 4 numbers, and the index has 8"):
        made().search(np.zeros((1, 4), np.float32), 1, 0)
    with pytest.raises(ValueError, match="features of 4 numbers, and the index has 8"):
        made().add(np.zeros((1, 4), np.float32), ["a"])


# -- changing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["Flat", "IVF"])
def test_what_was_added_is_found_and_what_was_removed_is_not(type: str) -> None:
    index = made(type=type)
    index.add(vectors(2, seed=5), ["new", "newer"])
    assert index.search(vectors(2, seed=5), 1, 0.99)[1].labels == ["newer"]
    index.remove([41])
    assert index.search(vectors(2, seed=5), 1, 0.99)[1].labels == []
    assert len(index.labels) == index.vectors.ntotal == 41
    index.add(vectors(1, seed=6), ["newest"])
    # Numbers are never given twice while they are there.
    assert index.labels[41] == "newest" and index.search(vectors(1, seed=6), 1, 0.99)[0].labels == ["newest"]


def test_what_cannot_be_removed_is_said_and_all_stays() -> None:
    index = made()
    with pytest.raises(PlanError, match="no number 77"):
        index.remove([1, 77])
    assert index.vectors.ntotal == 40
    with pytest.raises(PlanError, match="nothing can be removed from an index of the type HNSW32"):
        made(type="HNSW32").remove([1])


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", TYPES)
def test_an_index_that_was_written_is_read_again(tmp_path: Path, type: str) -> None:
    index = made(type=type)
    folder.write(index, tmp_path / "index")
    again = folder.read(tmp_path / "index")
    assert (again.labels, again.metric, again.type) == (index.labels, index.metric, index.type)
    assert again.search(vectors(5, 3), 4, -1) == index.search(vectors(5, 3), 4, -1)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_the_same_index_is_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "other"):
        folder.write(made(), tmp_path / name)
    for name in ("vector.index", "id_map.yaml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "full", "link", "no/parent"):
        with pytest.raises(OutputError, match=name.split("/")[0]):
            folder.write(made(), tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "link", "mine.txt"]
    (tmp_path / "empty").mkdir()
    folder.write(made(), tmp_path / "empty")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "without vectors": (lambda place: (place / "vector.index").unlink(), "it has no vector.index"),
    "without labels": (lambda place: (place / "id_map.yaml").unlink(), "id_map.yaml cannot be read"),
    "cut": (lambda place: os.truncate(place / "vector.index", 50), "cannot be read by faiss"),
    "of nothing": (lambda place: os.truncate(place / "vector.index", 0), "cannot be read by faiss"),
    "of noise": (lambda place: (place / "vector.index").write_bytes(bytes(range(200))), "cannot be read by faiss"),
    "no YAML": (lambda place: (place / "id_map.yaml").write_text("a: ["), "cannot be read"),
    "no mapping": (lambda place: (place / "id_map.yaml").write_text("- a"), "does not say whose"),
    "of names": (lambda place: told(place, id_map={"a": "b"}), "a label for each number"),
    "of others": (lambda place: told(place, id_map={0: "b"}), "no whole index: vector.index has 40 vectors"),
    "of bits": (lambda place: told(place, metric_type="hamming"), "compared by IP and L2 here, not by 'hamming'"),
    "that runs": (lambda place: (place / "id_map.yaml").write_text("!!python/object/apply:os.abort []"), "cannot be"),
}


def told(place: Path, **changed: object) -> None:
    known = yaml.safe_load((place / "id_map.yaml").read_text())
    (place / "id_map.yaml").write_text(yaml.safe_dump({**known, **changed}))


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_index_is_refused_in_words(tmp_path: Path, name: str) -> None:
    folder.write(made(), tmp_path / "index")
    damage, message = DAMAGE[name]
    damage(tmp_path / "index")
    with pytest.raises(PlanError, match=message):
        folder.read(tmp_path / "index")


# -- galleries -----------------------------------------------------------------------------------


def test_a_gallery_is_a_folder_of_folders_or_a_list(tmp_path: Path) -> None:
    for name in ("red ant/1.png", "red ant/deep/2.JPG", "bee/3.png", "bee/notes.txt", ".hidden/4.png"):
        (tmp_path / "things" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "things" / name).touch()
    found = [(Path(entry.path).name, entry.label) for entry in gallery.read(tmp_path / "things")]
    assert found == [("3.png", "bee"), ("1.png", "red ant"), ("2.JPG", "red ant")]
    (tmp_path / "list.txt").write_text("a.png ant\n\nb b.png\tred ant\n", encoding="utf-8")
    assert gallery.read(tmp_path / "list.txt") == [(f"{tmp_path}/a.png", "ant"), (f"{tmp_path}/b b.png", "red ant")]
    assert gallery.read(tmp_path / "list.txt", Path("there"))[0].path == "there/a.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png\n", "list.txt:1: a line is a path and a label"),
        ("a.png ant\nb.png red ant\n", "list.txt:2: a line is a path and a label"),
        ("a.png ant\na.png bee\n", "list.txt:2: a.png is listed before"),
        ("a.png\t\n", "list.txt:1"),
        ("\n", "has no pictures"),
    ],
)
def test_a_list_that_is_wrong_is_refused_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(PlanError, match=message):
        gallery.read(tmp_path / "list.txt")


def test_a_folder_without_folders_and_what_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="has no folders"):
        gallery.read(tmp_path)
    (tmp_path / "ant").mkdir()
    with pytest.raises(PlanError, match="has no pictures"):
        gallery.read(tmp_path)
    with pytest.raises(PlanError, match="cannot be read"):
        gallery.read(tmp_path / "nowhere")


# -- the command ---------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A pipeline that recognises plain colours, and a gallery of them."""
    rows = np.array([[0, 0.9, 2, 2, 30, 30], [0, 0.2, 5, 5, 9, 9]])
    toy_detectors.lay_out(tmp_path / "PP-ShiTuV2_det", toy_detectors.saying(rows), "PP-ShiTuV2_det")
    toy_labels.describer(tmp_path / "PP-ShiTuV2_rec", "PP-ShiTuV2_rec")
    members = {
        key: {"model_name": name, "model_dir": name, "batch_size": 2}
        for key, name in (("Detection", "PP-ShiTuV2_det"), ("Recognition", "PP-ShiTuV2_rec"))
    }
    told = {"pipeline_name": "PP-ShiTuV2", "rec_threshold": 0.999, "SubModules": members}
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(told))
    for label, colour in (("red", (0, 0, 200)), ("green", (0, 200, 0)), ("blue", (200, 0, 0))):
        (tmp_path / "colours" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "colours" / label / "1.png"), np.full((40, 50, 3), colour, np.uint8))
    assert run(tmp_path, "hpi-plan", "pipeline.yaml", "--output", "build.json").returncode == 0
    return tmp_path


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / command[0], *command[1:]], cwd=place, capture_output=True, text=True, check=False)


def test_things_are_looked_up_in_what_a_gallery_became(shop: Path) -> None:
    built = run(shop, "hpi-index", "build", "build.json", "--gallery", "colours", "--output", "known")
    assert (built.returncode, built.stderr) == (0, "hpi-index: known: 3 vectors of 7 numbers, Flat, IP\n")
    assert run(shop, "hpi-plan", "pipeline.yaml", "-o", "index=known", "--output", "plan.json").returncode == 0
    cv2.imwrite(str(shop / "grey.png"), np.full((40, 50, 3), 90, np.uint8))
    done = run(
        shop, "hpi-run", "plan.json", "--input", "colours/green/1.png", "--input", "grey.png", "--save-images", "drawn"
    )
    found = [box["labels"][0] for line in done.stdout.splitlines() for box in json.loads(line)["boxes"]]
    assert found == ["green", None], done.stderr
    assert len(list((shop / "drawn").rglob("*.png"))) == 2
    with_more = run(shop, "hpi-index", "add", "plan.json", "known", "--gallery", "colours", "--output", "more")
    assert with_more.returncode == 0, with_more.stderr
    assert run(shop, "hpi-index", "remove", "more", "--label", "red", "--output", "less").returncode == 0
    shown = run(shop, "hpi-index", "show", "less").stdout
    assert shown.splitlines() == ["4 vectors of 7 numbers, Flat, IP", "        2  blue", "        2  green"]


def test_a_picture_that_cannot_be_read_costs_the_others_nothing(shop: Path) -> None:
    (shop / "colours/red/2.png").write_text("no picture")
    built = run(shop, "hpi-index", "build", "build.json", "--gallery", "colours", "--output", "known")
    assert built.returncode == 1
    assert "colours/red/2.png: IMAGE_UNREADABLE" in built.stderr
    assert len(folder.read(shop / "known").labels) == 3


def test_a_plan_without_an_index_says_how_to_get_one_and_another_index_is_refused(shop: Path) -> None:
    done = run(shop, "hpi-run", "build.json", "--input", "colours")
    assert (done.returncode, done.stdout) == (2, "")
    assert "names no index" in done.stderr
    run(shop, "hpi-index", "build", "build.json", "--gallery", "colours", "--output", "known")
    run(shop, "hpi-plan", "pipeline.yaml", "-o", "index=known", "--output", "plan.json")
    shutil.rmtree(shop / "known")
    folder.write(made(), shop / "known")
    done = run(shop, "hpi-run", "plan.json", "--input", "colours")
    assert done.returncode == 3
    assert "vector.index is not the file that was planned" in done.stderr


def test_an_index_of_another_model_makes_error_records_and_no_answers(shop: Path) -> None:
    folder.write(made(), shop / "known")
    run(shop, "hpi-plan", "pipeline.yaml", "-o", "index=known", "--output", "plan.json")
    done = run(shop, "hpi-run", "plan.json", "--input", "colours")
    assert done.returncode == 1
    for line in done.stdout.splitlines():
        assert "features of 7 numbers, and the index has 8" in json.loads(line)["error"]["message"]
