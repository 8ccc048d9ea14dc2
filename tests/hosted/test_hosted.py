"""Plans whose pipeline PaddleX runs: the same files to the byte as with PaddleX's own ONNX Runtime engine."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import pytest

from hosted.conftest import BIN, PAGE, PHOTO, ROOT, offline, run

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
def server() -> Iterator[str]:
    """Something that speaks as language models do, and always says the same; whoever has no key hears nothing."""

    class Speaker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({"object": "list", "data": [{"id": "m", "object": "model"}]})

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"])).decode()
            told = f"a text for {self.headers['authorization']}"
            if "END>>" in asked:
                # As whoever translates is asked to.
                told += "<<END>>"
            elif "who" in asked:
                told = json.dumps({"who": told})
            message = {"role": "assistant", "content": told}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            self._say({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})

        def _say(self, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *_: Any) -> None:
            """Say nothing of requests."""

    speaker = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
    threading.Thread(target=speaker.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{speaker.server_port}/v1"
    speaker.shutdown()


@pytest.fixture(scope="session")
def compared(ask: Ask, here: Path, server: str) -> dict[str, list[Any]]:
    """What PaddleX writes with the plan's engines and with its own, by pipeline."""
    asked = [item for name in PIPELINES if name not in BY_PADDLE for item in questions(here, name, server)]
    by_paddle = [item for name in BY_PADDLE for item in questions(here, name, server)]
    answers = [*ask(asked), *ask(by_paddle, has_paddle=True)]
    found: dict[str, list[Any]] = {}
    for item, answer in zip([*asked, *by_paddle], answers, strict=True):
        found.setdefault(item["name"], []).append(answer)
    return found


@pytest.mark.parametrize("name", PIPELINES)
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
    for name in ("PP-ChatOCRv3-doc", "PP-ChatOCRv4-doc"):
        ((chat,),) = [answer["chats"] for answer in compared[name]]
        assert "a text for Bearer sesame" in chat["who"]
    translated = compared["PP-DocTranslation"][0]["ours"][-1]
    assert any("a text for Bearer sesame" in text for name, text in translated.items() if name.endswith("_de.md"))


def test_what_needs_paddle_says_so_before_anything_loads(ask: Ask, here: Path) -> None:
    (answer,) = ask([question(here, "open_vocabulary_detection", "zoo")])
    assert "PreflightError" in answer["error"]
    assert "pip install paddlepaddle" in answer["error"]


def test_two_plans_in_one_process_keep_to_themselves(ask: Ask, here: Path, compared: dict[str, list[Any]]) -> None:
    names = ("ts_forecast", "object_detection")
    (answer,) = ask([{"together": [question(here, name, "zoo") for name in names]}])
    assert answer["ours"] == [compared[name][0]["ours"] for name in names]


MODULES = {"DLinear": "past.csv", "PP-LiteSeg-T": PHOTO, "PP-TinyPose_128x96": PHOTO, "SLANet_plus": PAGE}


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


# -- the command ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def plans(here: Path) -> Path:
    """A folder with plans of a table pipeline, a series and a detector."""
    for name in ("table_recognition", "ts_forecast", "object_detection"):
        options = ("--device", "cpu", "--host", "paddlex", "--models", "zoo", "--output", f"{name}.json")
        done = run(here, "hpi-plan", name, *options)
        assert done.returncode == 0, done.stderr
    return here


def test_a_record_a_line_says_of_which_input_and_plan_it_is(plans: Path) -> None:
    done = run(plans, "hpi-run", "ts_forecast.json", "--models", "zoo", "--input", "past.csv")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["input_path"] == "past.csv"
    assert record["plan"].startswith("sha256:")
    assert len(record["forecast"]) == 24
    assert "Creating model" not in done.stderr


def test_output_has_all_that_paddlex_writes_below_the_inputs_own_folder(plans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (plans / "deep").mkdir(exist_ok=True)
    (plans / "deep" / PAGE).write_bytes((plans / PAGE).read_bytes())
    command = ["table_recognition.json", "--models", "zoo", "--input", PAGE, "--input", f"deep/{PAGE}"]
    done = run(plans, "hpi-run", *command, "--output", str(out))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    names = {"page_table_1.html", "page_table_1.xlsx", "page_ocr_res_img.png", "page_res.json"}
    for folder, path in ((out / PAGE, PAGE), (out / "deep" / PAGE, f"deep/{PAGE}")):
        assert names <= {item.name for item in folder.iterdir()}
        assert json.loads((folder / "page_res.json").read_text())["input_path"] == path
    # Once more: its own results are replaced, and nothing else is.
    assert run(plans, "hpi-run", *command, "--output", str(out)).returncode == 0


def test_a_foreign_file_where_results_go_is_kept_and_nothing_is_written_beside_it(plans: Path, tmp_path: Path) -> None:
    foreign = tmp_path / PHOTO / "photo_res.png"
    foreign.parent.mkdir()
    foreign.write_text("mine")
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO, "--output", str(tmp_path)]
    for _ in range(2):
        done = run(plans, "hpi-run", *command)
        assert done.returncode == 1
        assert "holds no result of this input" in done.stderr
        assert foreign.read_text() == "mine"
        assert [item.name for item in foreign.parent.iterdir()] == ["photo_res.png"]
    assert run(plans, "hpi-run", *command, "--overwrite").returncode == 0
    assert foreign.read_bytes() != b"mine"


def test_inputs_of_one_stem_have_results_of_their_own(plans: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(plans / "photo.jpg"), cv2.imread(str(plans / PHOTO)))
    inputs = ["--input", PHOTO, "--input", "photo.jpg"]
    done = run(plans, "hpi-run", "object_detection.json", "--models", "zoo", *inputs, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for name in (PHOTO, "photo.jpg"):
        assert json.loads((tmp_path / name / "photo_res.json").read_text())["input_path"] == name


def test_an_input_of_which_paddlex_says_nothing_is_an_error(plans: Path) -> None:
    (plans / "notes.txt").write_text("no picture")
    command = ["table_recognition.json", "--models", "zoo", "--input", "notes.txt", "--input", PAGE]
    done = run(plans, "hpi-run", *command)
    assert done.returncode == 1
    bad, good = map(json.loads, done.stdout.splitlines())
    assert bad["error"]["code"] == "PROCESSING_FAILED"
    assert good["table_res_list"]


def test_limits_hold_where_paddlex_reads(plans: Path) -> None:
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO, "--max-pixels", "10"]
    done = run(plans, "hpi-run", *command)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "INPUT_TOO_LARGE"


def test_what_paddlex_cannot_read_costs_that_input_alone(plans: Path) -> None:
    (plans / "broken.png").write_bytes(b"\x89PNG nothing")
    inputs = [part for name in ("broken.png", PHOTO) for part in ("--input", name)]
    done = run(plans, "hpi-run", "object_detection.json", "--models", "zoo", *inputs)
    assert done.returncode == 1
    bad, good = map(json.loads, done.stdout.splitlines())
    assert bad["error"]["code"] == "IMAGE_UNREADABLE"
    assert bad["input_path"] == "broken.png"
    assert good["boxes"]
    assert "Traceback" not in done.stderr


def test_arguments_of_paddlexs_predict_are_given_as_json(plans: Path) -> None:
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO]
    high = run(plans, "hpi-run", *command, "--predict", '{"threshold": 0.85}')
    assert [len(json.loads(done.stdout)["boxes"]) for done in (run(plans, "hpi-run", *command), high)] == [2, 1]
    for wrong, told in (("[1]", "takes a JSON object"), ("{", "line 1"), ('{"input": 1}', "`input` is hpi-run's own")):
        done = run(plans, "hpi-run", *command, "--predict", wrong)
        assert done.returncode == 2
        assert told in done.stderr
    done = run(plans, "hpi-run", *command, "--predict", '{"nothing": 1}')
    assert done.returncode == 1
    assert "nothing" in json.loads(done.stdout)["error"]["message"]


def test_one_module_of_a_hosted_plan_runs_alone(plans: Path) -> None:
    command = ["table_recognition.json", "--models", "zoo", "--input", PAGE, "--module"]
    done = run(plans, "hpi-run", *command, "SubModules.TableStructureRecognition")
    assert done.returncode == 0, done.stderr
    assert "<tbody>" in "".join(json.loads(done.stdout)["structure"])
    # A task that hpi-run knows, it does itself.
    done = run(plans, "hpi-run", *command, "SubModules.LayoutDetection")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["boxes"]
    done = run(plans, "hpi-run", *command, "SubModules.Nothing")
    assert done.returncode == 2
    assert "the plan has no module SubModules.Nothing" in done.stderr


def test_a_record_of_what_ran_equals_the_plan(plans: Path) -> None:
    command = ["object_detection.json", "--models", "zoo", "--input", PHOTO, "--record", "run.json"]
    assert run(plans, "hpi-run", *command).returncode == 0
    done = run(plans, "hpi-review", "verify", "object_detection.json", "run.json")
    assert (done.returncode, done.stdout) == (0, "1 engine ran as object_detection.json says\n"), done.stdout


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"version": "3.4.3"}, 3, "never tested with"),
        ({"pipeline": {"pipeline_name": "no_such"}}, 2, "PaddleX cannot create it"),
        ({"pipeline": {"pipeline_name": "object_detection"}}, 2, "PaddleX cannot create it"),
        ({"name": "other"}, 2, "knows no host `other`"),
        ({"pipeline": {"pipeline_name": "object_detection", "SubModules": [1]}}, 2, "PaddleX cannot create it"),
    ],
)
def test_a_host_that_cannot_be_is_said_before_anything_runs(
    plans: Path, change: dict[str, Any], code: int, told: str
) -> None:
    plan = json.loads((plans / "object_detection.json").read_text())
    plan["host"].update(change)
    (plans / "changed.json").write_text(json.dumps(plan))
    done = run(plans, "hpi-run", "changed.json", "--models", "zoo", "--input", PHOTO)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


# -- secrets -------------------------------------------------------------------------------------

KEY = "SubModules.VLRecognition.genai_config.client_kwargs.api_key"


@pytest.fixture(scope="session")
def speaking(here: Path, server: str) -> Path:
    """A plan whose language model is asked with a key, which the plan does not have."""
    given = f"{{backend: vllm-server, server_url: {server}}}"
    options = ("-o", f"SubModules.VLRecognition.genai_config={given}", "--device", "cpu", "--models", "zoo")
    done = run(here, "hpi-plan", "PaddleOCR-VL", *options, "--output", "speaking.json")
    assert done.returncode == 0, done.stderr
    return here


def test_a_key_comes_when_the_plan_runs_and_stands_nowhere_else(speaking: Path) -> None:
    (speaking / "key").write_text("sesame\n")
    command = ["speaking.json", "--models", "zoo", "--input", PAGE, "--record", "spoken.json"]
    done = run(speaking, "hpi-run", *command, "--secret", f"{KEY}=file:key")
    assert done.returncode == 0, done.stderr
    assert "a text for Bearer sesame" in done.stdout
    for text in (done.stderr, (speaking / "spoken.json").read_text(), (speaking / "speaking.json").read_text()):
        assert "sesame" not in text


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (f"{KEY}=env:NO_SUCH_VARIABLE", "the variable NO_SUCH_VARIABLE is not set"),
        (f"{KEY}=file:nowhere", "nowhere cannot be read"),
        (f"{KEY}=sesame", "env:NAME or file:PATH"),
        ("SubModules.Other.api_key=env:HOME", "it must begin with a module that runs elsewhere"),
        ("SubModules.LayoutDetection.model_dir=env:HOME", "it must begin with a module that runs elsewhere"),
        ("SubModules.VLRecognition.model_name=env:HOME", "is no name of a credential"),
        ("SubModules.VLRecognition.genai_confg.api_key=env:HOME", "there is no SubModules.VLRecognition.genai_confg"),
        ("api_key", "PATH=env:NAME or PATH=file:PATH"),
    ],
)
def test_a_secret_that_is_not_there_is_said_before_anything_loads(speaking: Path, secret: str, told: str) -> None:
    done = run(speaking, "hpi-run", "speaking.json", "--models", "zoo", "--input", PAGE, "--secret", secret)
    assert done.returncode == 2
    assert told in done.stderr
    assert "sesame" not in done.stderr
