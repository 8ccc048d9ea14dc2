"""What of a hosted plan can be tested without PaddleX: its plan, its configuration, its engines, its refusals."""

from __future__ import annotations

import io
import json
import logging
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import yaml
from hpi_paddlex import answers, dropin, guard, model_folders, scenes
from hpi_paddlex.configuration import configuration, with_numbers
from hpi_paddlex.engines import HostedEngines
from hpi_planner.review.differences import compared
from hpi_planner.review.risk import Context
from hpi_runtime import InputError, PlanError, PreflightError, Session, load_plan, read_plan
from hpi_runtime.inputs.limits import Limits
from hpi_runtime.run.plan import LocatedPlan
from hpi_runtime.run.preflight import check_folder
from hpi_schemas import credentials, hosts, probe
from hpi_schemas.impact import Impact
from hpi_schemas.plan.model import External
from hpi_schemas.plan.read import read
from hpi_schemas.plan.write import write
from sklearn import preprocessing
from support.classifying import ADDRESS, run
from support.programs import Program

from hosted import media

Change = Callable[..., Path]


@pytest.fixture
def hosted(classifying: Path) -> Change:
    """Makes a plan that PaddleX hosts, with changes in its parts."""

    def make(**changes: Any) -> Path:
        options = ("--device", "cpu", "--host", "paddlex", "--output", "hosted.json")
        done = run(classifying, "hpi-plan", "pipeline.yaml", *options)
        assert done.returncode == 0, done.stderr
        plan = json.loads((classifying / "hosted.json").read_text())
        plan.update(changes)
        (classifying / "hosted.json").write_text(json.dumps(plan))
        return classifying / "hosted.json"

    return make


def test_a_hosted_plan_holds_the_whole_configuration_and_no_choice_of_engines(hosted: Change) -> None:
    plan = json.loads(hosted().read_text())
    assert plan["graph"] is None
    assert plan["must_understand"] == ["host"]
    assert plan["source"]["overrides"] == ["--device=cpu", "--host=paddlex"]
    assert plan["target"]["hosts"] == {"paddlex": probe.installed(["paddlex"])}
    node = {"model_name": "page_orientation", "topk": 2}
    pipeline = {"pipeline_name": "image_classification", "SubModules": {"ImageClassification": node}}
    assert plan["host"] == {"name": "paddlex", "version": hosts.newest("paddlex"), "pipeline": pipeline}


def test_a_hosted_plan_follows_from_its_yaml_and_is_written_as_it_was_read(hosted: Change) -> None:
    path = hosted()
    done = run(
        path.parent, "hpi-plan", "pipeline.yaml", "--host", "paddlex", "--device", "cpu", "--output", "fresh.json"
    )
    assert done.returncode == 0
    text = (path.parent / "fresh.json").read_bytes()
    assert write(read(text, "fresh.json")).encode() == text
    done = run(path.parent, "hpi-plan", "--check", "fresh.json")
    assert done.returncode == 0, done.stderr


def test_a_hosted_plan_needs_its_host(hosted: Change) -> None:
    done = run(hosted().parent, "hpi-run", "hosted.json", "--input", "pictures")
    assert done.returncode == 3
    assert "PaddleX is not installed, and this runs in it: pip install 'paddlex==" in done.stderr


def test_one_module_of_a_hosted_plan_runs_without_the_host(hosted: Change) -> None:
    done = run(hosted().parent, "hpi-run", "hosted.json", "--module", ADDRESS, "--input", "pictures")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("option", [["--save-images", "out"], ["--compare", "plan.json"]])
def test_what_a_hosted_plan_does_not_have_is_said(hosted: Change, option: list[str]) -> None:
    done = run(hosted().parent, "hpi-run", "hosted.json", "--input", "pictures", *option)
    assert done.returncode == 2
    assert "PaddleX" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_session_takes_no_hosted_plan(hosted: Change) -> None:
    with pytest.raises(PreflightError, match="PaddleX is not installed"):
        load_plan(hosted())
    with pytest.raises(TypeError, match="that hpi-run itself runs"):
        Session(object())  # type: ignore[arg-type]


def test_another_version_of_the_host_may_change_numbers(hosted: Change) -> None:
    plan = json.loads(hosted().read_text())
    other = {**plan, "host": {**plan["host"], "version": "9.9"}}
    (change,) = compared(plan, other, Context())
    assert (change.path, change.impact) == (("host", "version"), Impact.NUMERICS)
    done = run(hosted().parent, "hpi-review", "show", "hosted.json")
    assert f"PaddleX {plan['host']['version']} runs this pipeline around these engines." in done.stdout


# -- what PaddleX gets ----------------------------------------------------------------------------


def located(path: Path) -> tuple[LocatedPlan, dict[str, Path]]:
    plan = read_plan(path)
    return plan, {address: plan.store.resolve(record.model.dir) for address, record in plan.modules.items()}


def test_every_module_gets_its_engine_and_its_folder(hosted: Change) -> None:
    plan, folders = located(hosted())
    config = configuration(plan, folders, "ours", {"host": "plan-0"})
    node = config["SubModules"]["ImageClassification"]
    assert node["engine"] == "ours"
    assert node["engine_config"] == {"host": "plan-0", "address": ADDRESS}
    assert node["model_dir"] == str(folders[ADDRESS])


def test_a_module_that_the_plan_does_not_have_is_an_error_for_whoever_creates_it(hosted: Change) -> None:
    host = json.loads(hosted().read_text())["host"]
    host["pipeline"]["SubModules"]["Other"] = {"model_name": "PP-LCNet_x0_5"}
    plan, folders = located(hosted(host=host))
    node = configuration(plan, folders, "ours", {})["SubModules"]["Other"]
    assert "the plan does not have: plan again" in node["model_config_error"]


@pytest.mark.parametrize(
    ("node", "is_fine"),
    [
        ({"model_name": "PaddleOCR-VL-0.9B"}, False),
        ({"model_name": "PaddleOCR-VL-0.9B", "model_dir": None, "genai_config": {"backend": "native"}}, False),
        ({"model_name": "PaddleOCR-VL-0.9B", "model_dir": "vl"}, True),
        ({"model_name": "PaddleOCR-VL-0.9B", "genai_config": {"server_url": "http://127.0.0.1:1/v1"}}, True),
    ],
)
def test_a_model_that_paddlex_would_download_is_refused(hosted: Change, node: dict[str, Any], is_fine: bool) -> None:
    host = json.loads(hosted().read_text())["host"]
    host["pipeline"]["SubModules"]["VLRecognition"] = node
    address = "SubModules.VLRecognition"
    external = {address: {"kind": "doc_vlm", "model_name": "PaddleOCR-VL-0.9B"}}
    plan, folders = located(hosted(host=host, external=external))
    if is_fine:
        assert configuration(plan, folders, "ours", {})["SubModules"]["VLRecognition"] == node
        return
    with pytest.raises(PlanError, match=f"would download its model: name its folder as `{address}.model_dir`"):
        configuration(plan, folders, "ours", {})


@pytest.mark.parametrize(("key", "value"), [("topk", 5), ("model_name", "other")])
def test_a_plan_whose_host_and_module_say_different_things_is_refused(hosted: Change, key: str, value: Any) -> None:
    host = json.loads(hosted().read_text())["host"]
    host["pipeline"]["SubModules"]["ImageClassification"][key] = value
    plan, folders = located(hosted(host=host))
    with pytest.raises(PlanError, match=f"{key} is .* in the plan's host and .* in its module: plan again"):
        configuration(plan, folders, "ours", {})


def test_numbers_of_classes_are_numbers_again() -> None:
    assert with_numbers({"threshold": {"0": 0.5, "17": [{"2": 1}]}, "a1": "3"}) == {
        "threshold": {0: 0.5, 17: [{2: 1}]},
        "a1": "3",
    }


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"api_key": "sk-1", "model_name": "m"}, {"model_name": "m"}),
        ({"max_new_tokens": 4096, "do_auth": False}, {"max_new_tokens": 4096, "do_auth": False}),
        ({"server_url": "http://user:pass@host:1/v1?x=a@b"}, {"server_url": "http://host:1/v1?x=a@b"}),
        ({"nested": [{"access_token": "t", 1: 2}]}, {"nested": [{"1": 2}]}),
        ({"server_url": "http://host/v1?x=1&token=abc"}, {"server_url": "http://host/v1?x=1&"}),
        (
            {"headers": {"X-API-Key": "k", "Cookie": "c", "X-Access": "Bearer t", "Accept": "j"}},
            {"headers": {"Accept": "j"}},
        ),
        ({"pairs": [["Authorization", "Bearer t"]], "ak": "a", "access_key": "b"}, {"pairs": [["Authorization"]]}),
        ({"auth": {"user": "u"}}, {}),
        ({"api_key": None}, {"api_key": None}),
    ],
)
def test_plans_hold_no_credentials_and_all_settings(value: Any, kept: Any) -> None:
    assert credentials.without(value) == kept


@pytest.mark.parametrize(
    ("override", "is_secret"),
    [
        ("SubModules.LLM_Chat.api_key=sk-1", True),
        ("SubModules.ImageClassification={model_name: page_orientation, client: [{access_token: x}]}", True),
        ("SubModules.LLM_Chat.base_url=https://me:word@host/v1", True),
        ("SubModules.LLM_Chat.api_key=null", False),
        ("SubModules.LLM_Chat.max_new_tokens=5", False),
    ],
)
def test_an_override_with_a_credential_is_refused_for_plans_record_overrides(
    classifying: Path, override: str, is_secret: bool
) -> None:
    text = "pipeline_name: PP-ChatOCRv3-doc\nSubModules: {LLM_Chat: {}, ImageClassification: {}}\n"
    (classifying / "chat.yaml").write_text(text)
    done = run(classifying, "hpi-plan", "chat.yaml", "-o", override, "--stop-after", "override")
    assert ("holds a credential" in done.stderr) == is_secret
    assert "Traceback" not in done.stderr


# -- engines -------------------------------------------------------------------------------------


def test_an_engine_is_that_of_the_plan_and_there_is_one_a_replica(hosted: Change) -> None:
    plan, folders = located(hosted())
    engines = HostedEngines(plan, folders, strict=False)
    with pytest.raises(PlanError, match="PaddleX asks for ResNet50, and the plan has page_orientation"):
        engines.engine(ADDRESS, "ResNet50")
    with pytest.raises(PlanError, match="the plan has no module SubModules"):
        engines.engine("SubModules.Other", "page_orientation")
    engine = engines.engine(ADDRESS, "page_orientation")
    assert engines.first == {ADDRESS: engine}
    with pytest.raises(PlanError, match=r"a second time, and the plan has one"):
        engines.engine(ADDRESS, "page_orientation")
    engines.close()
    engines.close()


def test_a_model_on_two_engines_is_refused_where_paddlex_does_not_tell_which(hosted: Change) -> None:
    modules = json.loads(hosted().read_text())["modules"]
    other = {**modules[ADDRESS], "batch_size": 4}
    path = hosted(modules={**modules, "SubModules.Other": other})
    folder = path.parent / "model"
    assert dropin._planned(str(path), "page_orientation", folder)[1] == ADDRESS
    other["engine"] = {**other["engine"], "config": {**other["engine"]["config"], "cpu_num_threads": 1}}
    dropin._read.cache_clear()
    path = hosted(modules={**modules, "SubModules.Other": other})
    with pytest.raises(PlanError, match="runs page_orientation on different engines"):
        dropin._planned(str(path), "page_orientation", folder)
    with pytest.raises(PlanError, match="has no module with the model ResNet50"):
        dropin._planned(str(path), "ResNet50", folder)


# -- services ------------------------------------------------------------------------------------

CHAT = "SubModules.LLM_Chat.api_key"


@pytest.mark.parametrize(
    ("name", "settings", "secrets", "told"),
    [
        ("PP-ChatOCRv3-doc", {"key_list": ["who"]}, [], f"--secret {CHAT}=env:NAME"),
        ("PP-ChatOCRv4-doc", {"key_list": ["who"]}, [CHAT], "or plan with `use_mllm_predict: false`"),
        ("PP-DocTranslation", {"target_language": "de"}, [], f"--secret {CHAT}=env:NAME"),
        ("PP-ChatOCRv3-doc", {"key_list": ["who"]}, [CHAT], None),
        ("PP-ChatOCRv3-doc", {}, [], None),
        ("OCR", {"key_list": ["who"]}, [], None),
    ],
)
def test_a_key_that_is_missing_is_said_where_somebody_is_going_to_be_asked(
    name: str, settings: dict[str, Any], secrets: list[str], told: str | None
) -> None:
    if told is None:
        answers.check_settings({"pipeline_name": name}, settings, secrets)
        return
    with pytest.raises(PlanError) as refused:
        answers.check_settings({"pipeline_name": name}, settings, secrets)
    assert told in str(refused.value)


def test_who_is_not_asked_by_the_plan_needs_no_key() -> None:
    configuration = {"pipeline_name": "PP-ChatOCRv4-doc", "use_mllm_predict": False}
    answers.check_settings(configuration, {"key_list": ["who"]}, [CHAT])


@pytest.mark.parametrize("wanted", [5, [], "", None, {"a": 1}, [5]])
def test_what_is_asked_is_text(wanted: Any) -> None:
    for name, argument in (("PP-ChatOCRv3-doc", "key_list"), ("PP-DocTranslation", "target_language")):
        with pytest.raises(PlanError, match=f"{argument} is a text"):
            answers.check_settings({"pipeline_name": name}, {argument: wanted}, [CHAT])


def test_what_is_looked_up_needs_an_index(tmp_path: Path) -> None:
    known = {"index": External("index", None, "folder")}
    for pipeline in ("PP-ShiTuV2", "face_recognition"):
        with pytest.raises(PlanError, match="looked up in an index: name its folder"):
            answers.check_settings({"pipeline_name": pipeline}, {}, [])
        with pytest.raises(PlanError, match=r"is no index: it has no vector\.index"):
            answers.check_settings({"pipeline_name": pipeline}, {"index": str(tmp_path)}, [])
        answers.check_settings({"pipeline_name": pipeline}, {}, [], known)
        with pytest.raises(PlanError, match=r"is no index: it has no vector\.index"):
            answers.check_settings({"pipeline_name": pipeline}, {"index": str(tmp_path)}, [], known)
        (tmp_path / "vector.index").touch()
        (tmp_path / "id_map.yaml").touch()
        answers.check_settings({"pipeline_name": pipeline}, {"index": str(tmp_path)}, [])
        (tmp_path / "vector.index").unlink()


def test_a_language_model_that_says_nothing_is_no_answer() -> None:
    class Silent(Reading):
        def chat(self, key_list: Any, visual_info: Any, chat_bot_config: Any = None) -> Any:
            return {"chat_res": {}}

    with pytest.raises(ValueError, match="the language model gave no answer"):
        list(answers.answers(Silent(), "PP-ChatOCRv3-doc", "a.png", {"key_list": ["who"]}))


def test_what_paddlex_warns_of_is_told_without_credentials(caplog: pytest.LogCaptureFixture) -> None:
    guard.hide(["sesame-42"])
    record = logging.LogRecord("paddlex", logging.WARNING, "", 1, "401: no such key: %s", ("sesame-42",), None)
    with caplog.at_level(logging.WARNING, "hpi_runtime"):
        guard._Teller().emit(record)
    assert caplog.messages == ["PaddleX: 401: no such key: …"]


class Reading:
    """What of PaddleX's chats takes arguments."""

    def visual_predict(self, input: Any, use_seal_recognition: Any = None, **others: Any) -> Any:
        return [{"layout_parsing_result": {}, "visual_info": {}}]

    def chat(self, key_list: Any, visual_info: Any, chat_bot_config: Any = None) -> Any: ...


@pytest.mark.parametrize("name", ["key_lst", "input", "visual_info", "chat_bot_config", "others"])
def test_arguments_that_paddlex_would_swallow_and_other_services_are_refused(name: str) -> None:
    answers.check_arguments(Reading(), "PP-ChatOCRv3-doc", {"key_list": [], "use_seal_recognition": True})
    with pytest.raises(PlanError, match=f"has no argument {name}; it has: key_list, use_seal_recognition"):
        answers.check_arguments(Reading(), "PP-ChatOCRv3-doc", {name: 1})


# -- what PaddleX would run ----------------------------------------------------------------------


def test_scalers_are_loaded_and_programs_in_their_place_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inference.yml").write_text("Global: {}\n")
    model_folders.check(tmp_path)
    scaler = preprocessing.StandardScaler().fit(np.arange(12.0).reshape(4, 3))
    joblib.dump(scaler, "scaler.pkl")
    model_folders.check(tmp_path)
    (tmp_path / "scaler.pkl").write_bytes(pickle.dumps(scaler))
    model_folders.check(tmp_path)
    for value in (Program(), np.array([Program()], object), {"scaler": scaler, "more": Program()}):
        joblib.dump(value, "scaler.pkl")
        with pytest.raises(PlanError, match=r"scaler\.pkl is not loaded: .*(could run anything|of the type 'O8')"):
            model_folders.check(tmp_path)
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ({"name": "../out.png"}, "leads out of the archive"),
        ({"name": "/etc/out.png"}, "leads out of the archive"),
        ({"name": "scene/link", "type": tarfile.SYMTYPE, "linkname": "/etc"}, "is neither a file nor a folder"),
        ({"name": "scene/big.bin", "size": 2000}, "holds more than 1,000 bytes"),
    ],
)
def test_archives_that_lead_elsewhere_or_are_large_are_refused_before_paddlex_unpacks_them(
    tmp_path: Path, member: dict[str, Any], told: str
) -> None:
    path = tmp_path / "scene.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo()
        vars_of = {"size": 0, **member}
        for name, value in vars_of.items():
            setattr(info, name, value)
        archive.addfile(info, io.BytesIO(b"\0" * info.size))
    with pytest.raises(InputError) as refused:
        scenes.check(path, "scene.tar", Limits(bytes=1000))
    assert told in str(refused.value)


def test_a_program_in_a_scene_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    media.write_surroundings(tmp_path / "good.tar")
    scenes.check(tmp_path / "good.tar", "good.tar", Limits())
    media.write_surroundings(tmp_path / "bad.tar", pickle.dumps(Program()))
    with pytest.raises(InputError, match=r"nuscenes_infos_val\.pkl` is not loaded: .* could run anything"):
        scenes.check(tmp_path / "bad.tar", "bad.tar", Limits())
    assert not Path("ran").exists()
    for path in ("/etc/passwd", "../out.bin"):
        told = {"infos": [{"lidar_path": "points.bin", "sweeps": [{"data_path": path}], "cams": {}}]}
        media.write_surroundings(tmp_path / "out.tar", pickle.dumps(told))
        with pytest.raises(InputError, match=f"'{path}' in .* leads out of the archive"):
            scenes.check(tmp_path / "out.tar", "out.tar", Limits())


@pytest.mark.parametrize(
    ("scale", "is_taken"),
    [
        *((scale, True) for scale in ("1./255.", " 1 / 255 ", "0.5", 0.5, None)),
        *((scale, False) for scale in ("print(1)", "__import__('os')", "1/x", "1/2/3", "-", "True")),
    ],
)
def test_what_paddlex_evaluates_of_a_model_must_be_a_quotient(classifying: Path, scale: Any, is_taken: bool) -> None:
    path = classifying / "model/inference.yml"
    config = yaml.safe_load(path.read_text())
    config["PreProcess"]["transform_ops"].append({"NormalizeImage": {"scale": scale}})
    path.write_text(yaml.safe_dump(config))
    if is_taken:
        model_folders.check(classifying / "model")
        return
    with pytest.raises(PlanError, match="PaddleX evaluates `scale`"):
        model_folders.check(classifying / "model")


def test_files_that_paddlex_reads_beside_a_model_are_in_its_digests(classifying: Path) -> None:
    (classifying / "model/scaler.pkl").write_bytes(b"numbers")
    (classifying / "model/tokenizer").mkdir()
    (classifying / "model/tokenizer/vocab.txt").write_text("words")
    done = run(classifying, "hpi-plan", "pipeline.yaml", "--device", "cpu", "--output", "plan.json")
    assert done.returncode == 0, done.stderr
    files = json.loads((classifying / "plan.json").read_text())["modules"][ADDRESS]["model"]["files"]
    assert {"scaler.pkl", "tokenizer/vocab.txt"} < set(files)
    (classifying / "model/scaler.pkl").write_bytes(b"other numbers")
    done = run(classifying, "hpi-run", "plan.json", "--input", "pictures")
    assert done.returncode == 3
    assert "scaler.pkl" in done.stderr


# -- models that run elsewhere ---------------------------------------------------------------------


def test_a_model_that_paddlex_itself_runs_is_in_the_plan_by_its_files(classifying: Path) -> None:
    language = classifying / "language"
    (language / ".cache").mkdir(parents=True)
    (language / ".cache/notes").write_text("nobody's")
    (language / "weights.bin").write_bytes(b"numbers")
    config: dict[str, Any] = {
        "pipeline_name": "doc_understanding",
        "SubModules": {"DocUnderstanding": {"model_name": "PP-DocBee2-3B", "model_dir": "language", "batch_size": 1}},
    }
    (classifying / "asking.yaml").write_text(yaml.safe_dump(config))
    done = run(classifying, "hpi-plan", "asking.yaml", "--device", "cpu", "--output", "asking.json")
    assert done.returncode == 0, done.stderr
    record = json.loads((classifying / "asking.json").read_text())["external"]["SubModules.DocUnderstanding"]
    assert record["dir"] == "language"
    assert list(record["files"]) == ["weights.bin"]
    plan = read_plan(classifying / "asking.json")
    assert check_folder(plan, "SubModules.DocUnderstanding") == language
    (language / "weights.bin").write_bytes(b"other numbers")
    with pytest.raises(PreflightError, match=r"weights\.bin is not the file that was planned"):
        check_folder(plan, "SubModules.DocUnderstanding")
    done = run(classifying, "hpi-plan", "asking.yaml", "--device", "cpu", "--output", "changed.json")
    diff = run(classifying, "hpi-review", "diff", "asking.json", "changed.json")
    assert "weights.bin" in diff.stdout
    config["SubModules"]["DocUnderstanding"]["model_dir"] = "nowhere"
    (classifying / "asking.yaml").write_text(yaml.safe_dump(config))
    done = run(classifying, "hpi-plan", "asking.yaml", "--device", "cpu")
    assert done.returncode != 0
    assert "asking.yaml" in done.stderr and "nowhere" in done.stderr


# -- the guard -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planned", "here", "told"),
    [
        ("3.4.3", "3.4.3", "never tested with; known: 3.5.2, 3.6.1, 3.7.2"),
        ("3.7.2", None, "pip install 'paddlex==3.7.2'"),
        ("3.7.2", "3.7.1", "here is 3.7.1"),
    ],
)
def test_another_paddlex_is_refused(monkeypatch: pytest.MonkeyPatch, planned: str, here: str | None, told: str) -> None:
    monkeypatch.setattr(probe, "installed", lambda _: here)
    with pytest.raises(PreflightError) as refused:
        guard.check_version(planned)
    assert told in str(refused.value)


def test_what_a_paddlex_lacks_is_named() -> None:
    assert guard._lacking("json", "nothing", ()) == "json has no nothing"
    assert guard._lacking("json", "dumps", ("obj", "model_name")) == "json.dumps takes no model_name"
    assert guard._lacking("json", "JSONEncoder.encode", ("o",)) is None
