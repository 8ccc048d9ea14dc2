"""docs/serve.md, as it stands: its commands are run, and its table of routes is that of the server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hpi_serve import contract

from serve.asking import serving

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/serve.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def test_the_commands_of_the_page_give_what_it_shows(models: Path, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    plan, serve, _, ask = (line[2:].split() for line in shown.splitlines() if line.startswith("$ "))
    output = tmp_path / "plan.json"
    command = [str(BIN / plan[0]), *plan[1:-1], str(output)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert serve[0] == "hpi-serve"
    with serving(tmp_path, "plan.json", "--root", str(ROOT / "examples/ocr")) as server:
        assert server.get("/ready").body["plans"].keys() == {"plan"}
        address = server.url.removeprefix("http://")
        given = [address if item == "localhost:8080" else item for item in ask[1:]]
        done = subprocess.run([sys.executable, *given], cwd=ROOT, check=True, capture_output=True, text=True)
    expected = shown.split("receipt.jpg\n")[1].splitlines()[0]
    assert done.stdout.splitlines()[0] == expected


@pytest.mark.parametrize("path", sorted({item.path for item in contract.load_all().values()}))
def test_every_route_is_one_of_paddlexs(path: str) -> None:
    from hpi_planner.paddlex import definitions

    served = [name for name, item in contract.load_all().items() if item.path == path]
    assert served
    for name in served:
        assert definitions.load(name).graph is not None


def test_every_pipeline_with_a_stage_graph_is_served() -> None:
    from hpi_planner.paddlex import definitions

    native = {name for name in definitions.names() if definitions.load(name).graph is not None}
    assert native == set(contract.load_all())


def test_every_field_of_a_request_is_an_argument_of_predict() -> None:
    import hpi_schemas
    from hpi_schemas import yaml_data

    path = Path(hpi_schemas.__file__).parent / "predict_arguments.yaml"
    known = yaml_data.load(path.read_text(encoding="utf-8"))
    for name, item in contract.load_all().items():
        # The key of an index that the server would have made.
        asked = {field.argument for field in item.fields.values()} - {"index_key"}
        assert asked <= set(known[name]), name
