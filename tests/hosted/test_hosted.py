"""Plans whose pipeline PaddleX runs: the same files to the byte as with PaddleX's own ONNX Runtime engine."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from weights.tables import convert

from hosted.conftest import BIN, PAGE, PHOTO, REACHED, ROOT, offline

# Each with what it is fed.
PIPELINES: Mapping[str, str] = {
    **dict.fromkeys(("OCR", "doc_preprocessor", "formula_recognition", "layout_parsing", "seal_recognition"), PAGE),
    **dict.fromkeys(("PP-StructureV3", "table_recognition", "table_recognition_v2"), PAGE),
    **dict.fromkeys(("anomaly_detection", "image_classification", "image_multilabel_classification"), PHOTO),
    **dict.fromkeys(("instance_segmentation", "object_detection", "rotated_object_detection"), PHOTO),
    **dict.fromkeys(("human_keypoint_detection", "semantic_segmentation", "small_object_detection"), PHOTO),
    **dict.fromkeys(("pedestrian_attribute_recognition", "vehicle_attribute_recognition"), PHOTO),
    **dict.fromkeys(("PaddleOCR-VL", "PaddleOCR-VL-1.5", "PaddleOCR-VL-1.6"), PAGE),
    **dict.fromkeys(("PP-ShiTuV2", "face_recognition"), PHOTO),
    **dict.fromkeys(("PP-ChatOCRv3-doc", "PP-ChatOCRv4-doc", "PP-DocTranslation"), PAGE),
    **dict.fromkeys(("video_classification", "video_detection"), "video.mp4"),
    **dict.fromkeys(("open_vocabulary_detection", "open_vocabulary_segmentation"), PHOTO),
    "3d_bev_detection": "scene.tar",
    "ts_anomaly_detection": "unusual.csv",
    "ts_classification": "kind.csv",
    "ts_forecast": "past.csv",
}
# What a pipeline is asked, where that is not nothing; its models run in one of these at least. Tables without lines
# take other models than those with, which find cells only where they are told to.
_WIRELESS = {"use_e2e_wireless_table_rec_model": False}
PREDICT: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "PP-ChatOCRv3-doc": [{"key_list": ["who"]}],
    "PP-ChatOCRv4-doc": [{"key_list": ["who"]}],
    "PP-DocTranslation": [{"target_language": "de"}],
    "PP-StructureV3": [{}, _WIRELESS],
    "open_vocabulary_detection": [{"prompt": "dog . cat ."}],
    "open_vocabulary_segmentation": [
        {"prompt": [[20, 30, 200, 220]], "prompt_type": "box"},
        {"prompt": [[60, 70]], "prompt_type": "point"},
    ],
    "table_recognition_v2": [{}, {}],
}
# Whose own code needs Paddle, whatever runs the models.
BY_PADDLE = frozenset({"open_vocabulary_detection", "open_vocabulary_segmentation", "video_detection"})
SERVICES = {
    "PP-ChatOCRv3-doc": ["LLM_Chat"],
    "PP-ChatOCRv4-doc": ["LLM_Chat", "MLLM_Chat"],
    "PP-DocTranslation": ["LLM_Chat"],
}
# What runs the same code of ours as another one, which is always compared; these only with all the others.
SIBLINGS = frozenset(
    (
        *(
            "PaddleOCR-VL-1.5",
            "PaddleOCR-VL-1.6",
            "PP-ChatOCRv3-doc",
            "image_multilabel_classification",
            "layout_parsing",
        ),
        *("open_vocabulary_segmentation", "pedestrian_attribute_recognition", "rotated_object_detection"),
        *("semantic_segmentation", "small_object_detection", "ts_anomaly_detection", "vehicle_attribute_recognition"),
        "video_detection",
    )
)
# Those that look features up.
INDEXED = frozenset({"PP-ShiTuV2", "face_recognition"})
PADDLE = ROOT / ".paddle"
Ask = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Asks the worker in PaddleX's environment; Paddle is beside it where somebody wants that."""

    def answers(questions: Sequence[Mapping[str, Any]], has_paddle: bool = False) -> list[Any]:
        lines = "\n".join(json.dumps(item) for item in questions)
        command = [str(BIN / "python"), "-m", "hosted.run_hosted"]
        environment = offline()
        if has_paddle:
            environment["PYTHONPATH"] += f":{PADDLE}"
        done = subprocess.run(
            command, input=lines, cwd=ROOT / "tests", capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert REACHED not in done.stderr, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    return answers


def question(here: Path, name: str, *models: str) -> dict[str, Any]:
    return {"name": name, "input": str(here / PIPELINES[name]), "models": [str(here / folder) for folder in models]}


def questions(here: Path, name: str, server: str) -> Iterator[dict[str, Any]]:
    """Yield what a pipeline is asked, with the servers that it needs and what it looks things up in."""
    for number, settings in enumerate(PREDICT.get(name, [{}])):
        # A second time, tables are taken for others.
        asked = {**question(here, name, *["other"] * number, "zoo"), "predict": settings, "overrides": []}
        if name.startswith("PaddleOCR-VL"):
            backend = f"{{backend: vllm-server, server_url: {server}}}"
            asked["overrides"] = [f"SubModules.VLRecognition.genai_config={backend}"]
        services = SERVICES.get(name, [])
        asked["overrides"] += [f"SubModules.{service}.base_url={server}" for service in services]
        asked["secrets"] = {f"SubModules.{service}.api_key": "sesame" for service in services}
        if name in INDEXED:
            asked["gallery"] = [[str(here / PHOTO), str(here / PAGE)], ["photo", "page"]]
        yield asked


@pytest.fixture(scope="session")
def compared(ask: Ask, here: Path, server: str, request: pytest.FixtureRequest) -> dict[str, list[Any]]:
    """What PaddleX writes with the plan's engines and with its own, by pipeline, for those that a test asks about."""
    wanted = set(PIPELINES) - SIBLINGS
    for test in request.session.items:
        if isinstance(test, pytest.Function) and hasattr(test, "callspec") and "compared" in test.fixturenames:
            wanted.add(str(test.callspec.params["name"]))
    asked = [item for name in PIPELINES if name in wanted - BY_PADDLE for item in questions(here, name, server)]
    by_paddle = [item for name in sorted(BY_PADDLE & wanted) for item in questions(here, name, server)]
    answers = [*ask(asked), *ask(by_paddle, has_paddle=True)]
    found: dict[str, list[Any]] = {}
    for item, answer in zip([*asked, *by_paddle], answers, strict=True):
        found.setdefault(item["name"], []).append(answer)
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full) if name in SIBLINGS else name for name in PIPELINES]
)
def test_paddlex_writes_the_same_with_the_plans_engines_as_with_its_own(
    compared: dict[str, list[Any]], name: str
) -> None:
    runs: dict[str, int] = {}
    for answer in compared[name]:
        assert "error" not in answer, answer
        assert answer["ours"] == answer["theirs"]
        assert answer["ours"] and all(files for files in answer["ours"])
        for address, count in answer["runs"].items():
            runs[address] = runs.get(address, 0) + count
    # What never ran proves nothing; the models of tables without lines run where PP-StructureV3 is alone.
    idle = [address for address, count in runs.items() if not count]
    assert name == "PP-DocTranslation" or not idle, idle
    assert all(".Wireless" in address for address in idle), idle


def test_what_a_language_model_says_of_a_page_stands_in_its_record(compared: dict[str, list[Any]]) -> None:
    for name in {"PP-ChatOCRv3-doc", "PP-ChatOCRv4-doc"} & set(compared):
        ((chat,),) = [answer["chats"] for answer in compared[name]]
        assert "a text for Bearer sesame" in chat["who"]
    translated = compared["PP-DocTranslation"][0]["ours"][-1]
    assert any("a text for Bearer sesame" in text for name, text in translated.items() if name.endswith("_de.md"))


def test_what_needs_paddle_says_so_before_anything_loads(ask: Ask, here: Path) -> None:
    (answer,) = ask([question(here, "open_vocabulary_detection", "zoo")])
    assert "PreflightError" in answer["error"]
    assert "pip install paddlepaddle" in answer["error"]


# Of each kind of answer some, and what costs little.
ON_OPENVINO = (
    *("OCR", "anomaly_detection", "formula_recognition", "human_keypoint_detection", "image_classification"),
    *("image_multilabel_classification", "object_detection", "rotated_object_detection", "semantic_segmentation"),
    *("pedestrian_attribute_recognition", "ts_anomaly_detection", "ts_classification", "ts_forecast"),
    "face_recognition",
)
# As docs/support.md says: of a number, and of its size.
ABSOLUTE, RELATIVE = 1e-3, 1e-3


def test_on_openvino_answers_are_those_of_onnx_runtime_within_the_tolerance(
    ask: Ask, here: Path, server: str, compared: dict[str, list[Any]]
) -> None:
    chosen = ["use_hpip=true", "hpi_config={backend: openvino, auto_config: false}"]
    asked = [
        {**item, "overrides": [*item["overrides"], *chosen], "is_alone": True}
        for name in ON_OPENVINO
        if name in compared
        for item in questions(here, name, server)
    ]
    for item, answer in zip(asked, ask(asked), strict=True):
        name = item["name"]
        assert "error" not in answer, (name, answer)
        assert min(answer["runs"].values()) > 0, name
        for ours, theirs in zip(answer["ours"], compared[name][0]["theirs"], strict=True):
            assert ours.keys() == theirs.keys(), name
            for file in ours:
                # Pictures and tables are drawn of these.
                if file.endswith(".json"):
                    assert list(_differing(json.loads(ours[file]), json.loads(theirs[file]))) == [], (name, file)


def _differing(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Yield where two records differ by more than the tolerance."""
    if isinstance(one, dict) and isinstance(other, dict):
        yield from [f"{place}: keys"] if one.keys() != other.keys() else []
        for key in one.keys() & other.keys():
            yield from _differing(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list) and isinstance(other, list):
        yield from [f"{place}: length"] if len(one) != len(other) else []
        for number, pair in enumerate(zip(one, other, strict=False)):
            yield from _differing(*pair, f"{place}[{number}]")
    elif isinstance(one, float) and isinstance(other, float):
        if not math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE):
            yield f"{place}: {one} and {other}"
    elif one != other:
        yield f"{place}: {one} and {other}"


@pytest.mark.convert
@pytest.mark.paddle
def test_a_table_is_read_with_trained_models_alone_as_by_paddlex(
    ask: Ask, here: Path, trained_models: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_models / "SLANet_plus", tmp_path / "SLANet_plus")
    convert(tmp_path / "SLANet_plus")
    cv2.imwrite(str(tmp_path / "invoice.png"), invoice())
    asked = {
        "name": "table_recognition",
        "input": str(tmp_path / "invoice.png"),
        "models": [str(tmp_path), str(trained_models), str(here / "zoo")],
        "overrides": ["SubModules.LayoutDetection.model_name=PicoDet_layout_1x", "use_doc_preprocessor=false"],
    }
    (answer,) = ask([asked])
    assert "error" not in answer, answer
    assert answer["ours"] == answer["theirs"]
    assert min(answer["runs"].values()) > 0
    (files,) = answer["ours"]
    (record,) = [json.loads(text) for name, text in files.items() if name.endswith("_res.json")]
    (table,) = record["table_res_list"]
    assert table["pred_html"].count("<tr>") == len(INVOICE)
    for row in INVOICE:
        assert "".join(f"<td>{cell}</td>" for cell in row) in table["pred_html"]


INVOICE = (("Item", "Count", "Price"), ("Paper", "12", "3.50"), ("Pencil", "40", "0.75"), ("Ruler", "7", "1.20"))


def invoice() -> np.ndarray:
    """A page with a line and a ruled table."""
    page = np.full((1000, 800, 3), 255, np.uint8)
    font, black = cv2.FONT_HERSHEY_SIMPLEX, (0, 0, 0)
    cv2.putText(page, "Invoice of November", (90, 120), font, 1.4, black, 2, cv2.LINE_AA)
    for row, cells in enumerate(INVOICE):
        for column, cell in enumerate(cells):
            left, top = 90 + 210 * column, 300 + 70 * row
            cv2.rectangle(page, (left, top), (left + 210, top + 70), black, 2)
            cv2.putText(page, cell, (left + 40, top + 45), font, 1, black, 2, cv2.LINE_AA)
    return page


def test_two_plans_in_one_process_keep_to_themselves(ask: Ask, here: Path, compared: dict[str, list[Any]]) -> None:
    names = ("ts_forecast", "object_detection")
    (answer,) = ask([{"together": [question(here, name, "zoo") for name in names]}])
    assert answer["ours"] == [compared[name][0]["ours"] for name in names]


MODULES = {"BEVFusion": "scene.tar"}


def test_a_model_alone_of_a_task_that_hpi_run_does_not_know_is_run_by_paddlex(ask: Ask, here: Path) -> None:
    asked = [
        {"model": name, "folder": str(here / "zoo" / name), "input": str(here / item)} for name, item in MODULES.items()
    ]
    for name, answer in zip(MODULES, ask(asked), strict=True):
        assert "error" not in answer, (name, answer)
        assert answer["ours"] == answer["theirs"], name
        assert answer["ours"], name


def test_the_table_of_pipelines_names_those_that_are_compared() -> None:
    table = (ROOT / "docs/support.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in table.splitlines() if line.endswith("| files equal PaddleX's own |")]
    assert sorted(rows) == sorted(PIPELINES)
