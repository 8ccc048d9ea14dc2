"""The options of hpi-run."""

from __future__ import annotations

import argparse

from hpi_schemas.command_line import CommandLine, positive_number
from hpi_schemas.console import DONE, FAILED, NEGATIVE, UNSATISFIED, WRONG

from hpi_runtime.inputs.limits import Limits

JSON = "json"
# Many results in a file.
_PARTS = ("jsonl", "parquet")
_PART_SIZE = 100
NAME = "hpi-run"
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "some inputs failed, or --compare found other answers",
    WRONG: "plan, command line or inputs are wrong",
    UNSATISFIED: "this machine does not satisfy the plan",
    FAILED: "prepare or loading an engine failed",
}


def parser() -> CommandLine:
    """Return the command line of hpi-run."""
    description = "Execute a plan made by hpi-plan on pictures; results are JSON Lines on stdout."
    parser = CommandLine(NAME, description, _EXIT_CODES)
    add = parser.add_argument
    add("plan", metavar="PLAN", help="a plan.json")
    inputs_help = "picture, folder, glob, PDF, URL (http, https, s3, gs); - reads a list from stdin; repeatable"
    add("--input", action="append", default=[], metavar="X", help=inputs_help)
    add("--module", metavar="ADDRESS", help="run one module alone")
    add("--output", metavar="DIR", help="write a JSON file per picture or page there, instead of lines to stdout")
    form_help = "with --output: a json file an input (the default), or parts of many results, jsonl or parquet"
    add("--output-format", choices=(JSON, *_PARTS), default=JSON, help=form_help)
    size_help = "inputs of a part; default: %(default)s"
    add("--part-size", type=positive_number, default=_PART_SIZE, metavar="N", help=size_help)
    add("--resume", action="store_true", help="make the parts that are missing, and leave those that are there")
    add("--shard", type=_shard, metavar="I/N", help="every N-th part alone, from the I-th: one machine's share")
    add("--manifest", metavar="FILE", help="more inputs, each on a line of a file")
    add("--save-images", metavar="DIR", nargs="?", const="", help="draw results into DIR (or --output)")
    overwrite_help = "replace files in those folders that are no older results; what the run reads never is"
    add("--overwrite", action="store_true", help=overwrite_help)
    predict_help = "arguments of `predict` as a JSON object; of a hosted pipeline, PaddleX's own, such as its prompt"
    add("--predict", metavar="JSON", help=predict_help)
    secret_help = "a credential of a service, by the path of its key in the plan's host; repeatable"
    add("--secret", action="append", default=[], metavar="PATH=env:NAME|file:PATH", help=secret_help)
    add("--root", metavar="DIR", help="where relative model folders start; default: beside the plan's YAML")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models, one folder per name")
    add("--prepare-only", action="store_true", help="convert and build what the plan needs, and stop")
    add("--record", metavar="FILE", help="write what really ran there; hpi-review verify compares it with the plan")
    name_help = "leave the host name out of the record"
    add("--no-machine-name", action="store_true", help=name_help)
    compare_help = "run this plan too, and compare numbers and results; exit code 1 outside the tolerances"
    add("--compare", metavar="PLAN", help=compare_help)
    limits = Limits()
    add(
        "--max-pixels",
        type=positive_number,
        default=limits.pixels,
        metavar="N",
        help="refuse larger pictures; default: %(default)s",
    )
    add(
        "--max-pages",
        type=positive_number,
        default=limits.pages,
        metavar="N",
        help="and longer PDFs; default: %(default)s",
    )
    for option, default, what in (
        ("--max-page-seconds", limits.page_seconds, "end the drawing of a page of a PDF that takes longer"),
        ("--max-url-seconds", limits.url_seconds, "and the fetching of a URL"),
    ):
        add(option, type=positive_number, default=default, metavar="N", help=f"{what}; default: {default:g}")
    redirects_help = "follow URLs that redirect to another host inside a private network"
    add("--allow-private-redirects", action="store_true", help=redirects_help)
    add("--quiet", action="store_true", help="show no progress and no closing line; errors and warnings are still told")
    add("--strict", action="store_true", help="refuse other versions of the backends than the plan's")
    return parser


def contradiction(options: argparse.Namespace) -> str | None:
    """Return which options do not go together, or what is missing; None if all is well."""
    has_inputs = bool(options.input) or options.manifest is not None
    if not has_inputs and not options.prepare_only:
        return "name something to read with --input"
    if options.save_images == "" and options.output is None:
        return "--save-images needs a folder, its own or that of --output"
    others = options.output or options.save_images is not None or options.record or options.prepare_only
    if options.compare is not None and others:
        return "--compare goes without --output, --save-images, --record and --prepare-only"
    if options.output_format == JSON:
        asked = {"--resume": options.resume, "--shard": options.shard is not None}
        named = next((name for name, given in asked.items() if given), None)
        return None if named is None else f"{named} goes with --output-format {' or '.join(_PARTS)}"
    if options.output is None:
        return f"--output-format {options.output_format} goes with --output DIR"
    if options.save_images is not None or options.record:
        return f"--output-format {options.output_format} goes without --save-images and --record"
    return None


def limits(options: argparse.Namespace) -> Limits:
    """Return what each input may cost."""
    return Limits(
        pixels=options.max_pixels,
        pages=options.max_pages,
        page_seconds=options.max_page_seconds,
        url_seconds=options.max_url_seconds,
        private_redirects=options.allow_private_redirects,
    )


def _shard(text: str) -> tuple[int, int]:
    """Read ``I/N``, for argparse."""
    index, separator, count = text.partition("/")
    is_whole = all(item.isascii() and item.isdecimal() and len(item) < 10 for item in (index, count))
    if not separator or not is_whole or not 1 <= int(index) <= int(count):
        raise argparse.ArgumentTypeError(f"must be I/N with I from 1 to N, such as 1/4, not {text[:40]!r}")
    return int(index), int(count)
