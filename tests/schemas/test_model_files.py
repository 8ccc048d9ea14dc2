from pathlib import Path
from typing import Any

import pytest
from hpi_schemas.model_inputs import ModelFileError, read_header
from hpi_schemas.model_store import ModelStore, format_files, official_folders
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_onnx


def test_the_inputs_of_a_real_onnx_model_are_read_without_onnx(models: Path) -> None:
    header = read_header(models / "PP-OCRv6_small_rec/inference.onnx")
    assert list(header.inputs) == ["x"]
    dtype, shape = header.inputs["x"]
    assert (dtype, shape[1], shape[2]) == ("float32", 3, 48)
    assert isinstance(shape[0], str)
    assert header.external == []
    ((name, (dtype, dims)),) = header.outputs.items()
    assert (name, dtype, dims and dims[2]) == ("fetch_name_0", "float32", 18710)


def test_an_output_without_a_shape_may_have_any(models: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(models / "page_orientation/inference.onnx"))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, str(tmp_path / "m.onnx"))
    ((_, found),) = read_header(tmp_path / "m.onnx").outputs.items()
    assert found == ("float32", None)


def test_the_reader_agrees_with_onnx_itself(models: Path) -> None:
    onnx = pytest.importorskip("onnx")
    for path in models.glob("*/inference.onnx"):
        graph = onnx.load(path).graph
        weights = {tensor.name for tensor in graph.initializer}
        named = [item.name for item in graph.input if item.name not in weights]
        header = read_header(path)
        assert list(header.inputs) == named
        assert list(header.outputs) == [item.name for item in graph.output]


def test_external_weights_are_found(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    weight = onnx.numpy_helper.from_array(__import__("numpy").zeros((64, 64), "float32"), "w")
    entry, result = (helper.make_tensor_value_info(name, 1, ["N", 64]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [entry], [result], [weight])
    onnx.save(
        helper.make_model(graph), tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0
    )
    assert read_header(tmp_path / "m.onnx").external == ["m.bin"]


def test_external_weights_inside_a_nodes_graph_or_constant_are_found(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper

    def outside(name: str) -> Any:
        tensor = onnx.numpy_helper.from_array(__import__("numpy").zeros(4, "float32"), name)
        onnx.external_data_helper.set_external_data(tensor, location=f"{name}.bin")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        return tensor

    result = helper.make_tensor_value_info("y", 1, [4])
    constant = helper.make_node("Constant", [], ["y"], value=outside("constant"))
    identity = helper.make_node("Identity", ["weight"], ["y"])
    branches = {
        "then_branch": helper.make_graph([constant], "then", [], [result]),
        "else_branch": helper.make_graph([identity], "else", [], [result], [outside("weight")]),
    }
    chosen = helper.make_tensor_value_info("x", 9, [])
    graph = helper.make_graph([helper.make_node("If", ["x"], ["y"], **branches)], "g", [chosen], [result])
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    assert read_header(tmp_path / "m.onnx").external == ["constant.bin", "weight.bin"]


def _hidden(place: str) -> bytes:
    """Return a model that keeps a tensor in another file, somewhere in it, as protobuf allows it."""
    onnx = pytest.importorskip("onnx")
    helper, tensors = onnx.helper, onnx.TensorProto

    def outside(name: str, dims: int = 4) -> Any:
        tensor = onnx.numpy_helper.from_array(__import__("numpy").zeros(dims, "float32"), name)
        onnx.external_data_helper.set_external_data(tensor, location="hidden.bin")
        tensor.ClearField("raw_data")
        tensor.data_location = tensors.EXTERNAL
        return tensor

    value = helper.make_tensor_value_info
    identity = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([identity], "g", [value("x", 1, [4])], [value("y", 1, [4])])
    sparse = onnx.SparseTensorProto(values=outside("s"), indices=onnx.helper.make_tensor("i", 7, [4], [0, 1, 2, 3]))
    if place == "initializer":
        graph.initializer.append(outside("w"))
    elif place == "sparse_initializer":
        graph.sparse_initializer.append(sparse)
    elif place == "sparse indices":
        sparse.indices.CopyFrom(outside("i"))
        graph.sparse_initializer.append(sparse)
    elif place == "attribute":
        graph.node.append(helper.make_node("Constant", [], ["c"], value=outside("c")))
    elif place == "sparse attribute":
        graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse))
    elif place == "tensors":
        graph.node.append(helper.make_node("Custom", [], ["c"], domain="d", many=[outside("a"), outside("b")]))
    elif place == "graphs":
        inner = helper.make_graph([identity], "i", [], [], [outside("w")])
        graph.node.append(helper.make_node("Custom", [], ["c"], domain="d", many=[inner, inner]))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    if place == "function":
        constant = helper.make_node("Constant", [], ["c"], value=outside("c"))
        model.functions.append(helper.make_function("d", "F", [], ["c"], [constant], [helper.make_opsetid("", 21)]))
    elif place == "attribute of a function":
        function = helper.make_function("d", "F", [], ["c"], [identity], [helper.make_opsetid("", 21)])
        function.attribute_proto.append(helper.make_attribute("a", outside("a")))
        model.functions.append(function)
    elif place == "training":
        model.training_info.add().initialization.initializer.append(outside("w"))
    data: bytes = model.SerializeToString()
    if place == "unknown field":
        # Field 99 of the model, as a later version may have it.
        body = outside("w").SerializeToString()
        data += b"\x9a\x06" + bytes([len(body)]) + body
    return data


@pytest.mark.fault("models that read other files behind the plan's back")
@pytest.mark.parametrize(
    "place",
    [
        *("initializer", "sparse_initializer", "sparse indices", "attribute", "sparse attribute", "tensors", "graphs"),
        *("function", "attribute of a function", "training"),
    ],
)
def test_a_tensor_in_another_file_is_found_wherever_it_hides(tmp_path: Path, place: str) -> None:
    (tmp_path / "m.onnx").write_bytes(_hidden(place))
    assert read_header(tmp_path / "m.onnx").external == ["hidden.bin"]


@pytest.mark.fault("models that read other files behind the plan's back")
@pytest.mark.parametrize("kind", ["two graphs", "two tensors", "unknown field", "EPContext", "group"])
def test_what_may_read_another_file_in_a_way_that_is_not_known_is_refused(tmp_path: Path, kind: str) -> None:
    onnx = pytest.importorskip("onnx")
    data = _hidden("unknown field" if kind == "unknown field" else "")
    if kind == "two graphs":
        # Readers of protocol buffers merge them: the first has the weights.
        data = _hidden("initializer") + data
    elif kind == "two tensors":
        tensor = b"\x2a\x02\x08\x04"
        node = b"\x2a" + bytes([3 + 2 * len(tensor)]) + b"\x0a\x01v" + 2 * tensor
        graph = b"\x0a" + bytes([len(node)]) + node + b"\x52\x08location"
        data = b"\x3a" + bytes([len(graph)]) + graph
    elif kind == "EPContext":
        model = onnx.load_from_string(data)
        model.graph.node[0].op_type = "EPContext"
        data = model.SerializeToString()
    elif kind == "group":
        data += b"\x9b\x06\x9c\x06"
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelFileError):
        read_header(tmp_path / "m.onnx")


@pytest.mark.fault("models that read other files behind the plan's back")
@pytest.mark.parametrize("operator", ["load", "load_combine", "py_func"])
def test_a_paddle_program_that_reads_other_files_or_calls_python_is_refused(tmp_path: Path, operator: str) -> None:
    import json

    operations = [{"#": f"1.{operator}", "A": [], "I": [], "O": []}]
    program = {"program": {"regions": [{"blocks": [{"ops": operations}]}]}}
    (tmp_path / "inference.json").write_text(json.dumps(program))
    with pytest.raises(ModelFileError, match="which reads other files or runs code"):
        read_header(tmp_path / "inference.json")


@pytest.mark.parametrize(
    "operation",
    [
        {"#": "1.data", "A": [], "O": []},
        {"#": "1.x", "A": [{"AT": {"#": 1, "D": []}, "N": "n"}]},
        {"#": "1.x", "A": [{"AT": {"#": "0.a_array", "D": [1]}, "N": "n"}]},
    ],
    ids=["no-name", "no-kind", "no-elements"],
)
def test_a_program_of_another_form_is_refused(tmp_path: Path, operation: dict[str, Any]) -> None:
    import json

    program = {"program": {"regions": [{"blocks": [{"ops": [operation]}]}]}}
    (tmp_path / "inference.json").write_text(json.dumps(program))
    with pytest.raises(ModelFileError, match="not a whole Paddle program"):
        read_header(tmp_path / "inference.json")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 0.999])
def test_a_cut_onnx_file_is_refused(models: Path, tmp_path: Path, share: float) -> None:
    whole = (models / "ch_ppocr_mobile_v2.0_cls/inference.onnx").read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelFileError):
        read_header(cut)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_readers(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for suffix in (".onnx", ".pdmodel", ".json"):
        path = folder / f"file{suffix}"
        path.write_bytes(data)
        try:
            read_header(path)
        except ModelFileError as fault:
            assert str(path) in str(fault)


def test_the_json_format_comes_before_the_legacy_one(tmp_path: Path) -> None:
    for name in ("inference.json", "inference.pdmodel", "inference.pdiparams"):
        (tmp_path / name).touch()
    assert format_files(tmp_path) == {"paddle": ("inference.json", "inference.pdiparams")}


def test_half_a_paddle_model_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "inference.json").touch()
    assert format_files(tmp_path) == {}


def test_the_store_looks_in_every_folder_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPI_MODELS", f"{tmp_path / 'b'}:{tmp_path / 'c'}")
    monkeypatch.setenv("PADDLE_PDX_CACHE_HOME", str(tmp_path / "px"))
    folders = official_folders([tmp_path / "a"])
    assert [folder.name for folder in folders] == ["a", "b", "c", "official_models"]
    (tmp_path / "c/ResNet18").mkdir(parents=True)
    assert ModelStore(tmp_path, folders).resolve("store:ResNet18") == tmp_path / "c/ResNet18"


@pytest.mark.parametrize("reference", ["store:../x", "store:", "/etc", "nowhere"])
def test_the_store_says_where_it_looked(tmp_path: Path, reference: str) -> None:
    with pytest.raises(FileNotFoundError):
        ModelStore(tmp_path, (tmp_path,)).resolve(reference)


def test_tiny_models_have_the_inputs_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(tiny_onnx.model("x float32 N 3 48 W", "k int64 1"))
    assert read_header(path).inputs == {"x": ("float32", ["N", 3, 48, "W"]), "k": ("int64", [1])}
