"""The options of hpi-plan."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from hpi_schemas.cleaning import clean_json
from hpi_schemas.command_line import CommandLine
from hpi_schemas.console import DONE, NEGATIVE, WRONG

from hpi_planner.compile import PASSES
from hpi_planner.diagnostics import render
from hpi_planner.ir import Ir
from hpi_planner.select.profile import LATENCY, THROUGHPUT
from hpi_planner.syntax.overrides import COLD

NAME = "hpi-plan"
# How diagnostics are written; the name is that of the YAML.
WRITERS: Mapping[str, Callable[[Ir, str], str]] = {
    "text": lambda ir, _name: render.render(ir.diagnostics, ir.texts),
    "json": lambda ir, _name: clean_json(render.to_json(ir.diagnostics, ir.texts)),
    "sarif": lambda ir, name: clean_json(render.to_sarif(ir.diagnostics, name)),
}
_NOTES = """\
precedence, lowest first:
  the YAML's top level, where --use_hpip, --hpi_config, --engine and --engine_config replace its keys;
  a sub-pipeline, then a module: the deepest level that says something wins;
  -o PATH=VALUE, in order, sets one key wherever it is, and so wins there.
  hpi_config merges key by key; its backend_config is one key and is replaced whole.
example:
  hpi-plan pipeline.yaml --use_hpip -o SubModules.TextRecognition.hpi_config.backend=onnxruntime > plan.json
"""
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "--check or --prove found a difference",
    WRONG: "the YAML, the models or the command line are wrong",
}


def parser() -> CommandLine:
    """Return the command line of hpi-plan."""
    description = "Compile a PaddleX-style pipeline YAML into a plan that says what will run, and why."
    parser = CommandLine(NAME, description, _EXIT_CODES, _NOTES)
    add = parser.add_argument
    add(
        "pipeline",
        nargs="?",
        metavar="PIPELINE",
        help="a pipeline or module YAML, or the name of a built-in pipeline (OCR)",
    )
    add("--output", metavar="FILE", help="write the plan there, whole or not at all, instead of to stdout")
    host_help = (
        "let this program's own code run the pipeline around the engines: paddlex; default: where hpi-run cannot"
    )
    add("--host", metavar="NAME", help=host_help)
    on_help = "high-performance inference on, at the top level"
    add("--use_hpip", dest="use_hpip", action="store_true", default=None, help=on_help)
    add("--no-use_hpip", dest="use_hpip", action="store_false", help="and off")
    config_help = "replace the top level's hpi_config, for example '{backend: onnxruntime}'"
    add("--hpi_config", metavar="YAML", help=config_help)
    add("--device", help="cpu, gpu:0, gpu:0,1 (a replica each), npu:0; default: the target's first GPU, else its CPU")
    add("--engine", help="PaddleX's engine at the top level: hpi, paddle_static or onnxruntime")
    engine_help = "replace the top level's engine_config, for example '{hpi: {backend: openvino}}'"
    add("--engine_config", metavar="YAML", help=engine_help)
    add("-o", dest="sets", action="append", default=[], metavar="PATH=VALUE", help="set one key anywhere; repeatable")
    regular_help = "regular inference in every module: the reference that hpi-run --compare takes"
    add("--regular", action="store_true", help=regular_help)
    target_help = "plan for the machine that hpi-target described; default: this machine; repeatable with --output-dir"
    add("--target", action="append", default=[], metavar="FILE|NAME", help=target_help)
    add("--output-dir", metavar="DIR", help="write a plan for each --target there, named after it")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models, one folder per name")
    fetch_help = (
        "first fetch the official models that are missing, from Hugging Face or the mirror that HF_ENDPOINT names, "
        "into DIR or else into the folder that PaddleX fills"
    )
    add("--fetch", metavar="DIR", nargs="?", const="", help=fetch_help)
    add("--root", metavar="DIR", help="where relative model folders start; default: the folder of the YAML")
    candidates_help = "instead of a plan, write there what could run each module, for hpi-bench to measure"
    add("--candidates", metavar="FILE", help=candidates_help)
    add("--profile", metavar="FILE", help="choose by what hpi-bench measured, where the user leaves a choice")
    drop_help = (
        "with --profile: percentage points of accuracy that speed may cost; default: what fp32 engines differ by"
    )
    add("--max-accuracy-drop", type=_points, metavar="X", help=drop_help)
    optimize_help = (
        "with --profile: inputs one at a time (the default), or all in one go; "
        f"{COLD}, also without and with --candidates: programs that start often, whose engines are compiled ahead"
    )
    add("--optimize", choices=(LATENCY, THROUGHPUT, COLD), help=optimize_help)
    add("--stop-after", metavar="PASS", help=f"print the state after this pass as JSON: {', '.join(PASSES)}")
    add("--check", nargs="+", metavar="PLAN", help="do these plans still follow from their YAML? exit code 1 if not")
    add("--trust-models", action="store_true", help="with --check: take the facts of the models from the plan")
    within_help = "with --check: read no plan, YAML or profile outside of this folder, wherever links and plans lead"
    add("--within", metavar="DIR", help=within_help)
    bom_help = "write an inventory of a plan's models, files and packages, as CycloneDX"
    add("--bom", metavar="PLAN", help=bom_help)
    add("--prove", action="store_true", help="compile again under other settings and compare the plans to the byte")
    add("--diagnostics", choices=tuple(WRITERS), default="text", help="how to write errors and warnings on stderr")
    add("--get-schema", action="store_true", help="print the JSON Schema of pipeline YAMLs, for editors")
    add("--get-config", metavar="NAME", help="print the built-in configuration of a pipeline, to start from")
    return parser


def _points(text: str) -> float:
    """Read percentage points, for argparse."""
    try:
        points = float(text)
    except ValueError:
        points = -1.0
    if not 0 <= points <= 100:
        raise argparse.ArgumentTypeError(f"must be percentage points, from 0 to 100, not {text!r}")
    return points
