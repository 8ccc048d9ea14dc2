"""``python -m hpi_ray``: a plan over many inputs, on all machines of a Ray cluster, in parts as hpi-run writes them."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import time
from collections.abc import Sequence

from hpi_runtime.cli.in_parts import InParts
from hpi_runtime.cli.inputs import input_names
from hpi_runtime.errors import PlanError
from hpi_runtime.inputs import media
from hpi_schemas.cleaning import clean_line
from hpi_schemas.command_line import CommandLine, positive_number
from hpi_schemas.console import DONE, FAILED, NEGATIVE, UNSATISFIED, WRONG, guarded, say
from hpi_schemas.files import Outputs

from hpi_ray.workers import Asked, Maker, needed

_NAME = "hpi_ray"
_EXIT_CODES = {
    DONE: "done",
    NEGATIVE: "some inputs failed",
    WRONG: "plan, command line or inputs are wrong",
    UNSATISFIED: "a package is missing, or a machine does not satisfy the plan",
    FAILED: "a worker failed",
}
_PART_SIZE = 100
# Seconds to wait for a cluster.
_PATIENCE = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    return guarded(_NAME, lambda: _run(options))


def _parser() -> CommandLine:
    description = "Run a plan on many inputs with Ray; results are parts, as `hpi-run --output-format` writes them."
    parser = CommandLine(f"python -m {_NAME}", description, _EXIT_CODES)
    add = parser.add_argument
    add("plan", metavar="PLAN", help="a plan.json or a bundle, which every machine sees")
    add(
        "--input",
        action="append",
        required=True,
        metavar="X",
        help="file, folder, glob or URL; - reads a list from stdin",
    )
    add("--output", required=True, metavar="DIR", help="a folder that every machine sees")
    add("--output-format", choices=("jsonl", "parquet"), default="parquet", help="default: %(default)s")
    size_help = "inputs of a part; default: %(default)s"
    add("--part-size", type=positive_number, default=_PART_SIZE, metavar="N", help=size_help)
    add("--resume", action="store_true", help="make the parts that are missing, and leave those that are there")
    add("--overwrite", action="store_true", help="make all of them again")
    add("--module", metavar="ADDRESS", help="run one module alone")
    add("--root", metavar="DIR", help="where relative model folders start; default: beside the plan's YAML")
    add("--models", action="append", default=[], metavar="DIR", help="folder with official models, one folder per name")
    add("--workers", type=positive_number, metavar="N", help="processes that load the plan; default: as there is room")
    add("--address", metavar="X", help="of a Ray cluster, or auto; default: Ray on this machine alone")
    parser.set_defaults(shard=None)
    return parser


def _run(options: argparse.Namespace) -> int:
    asked = Asked(options.plan, options.root, options.models, options.module, {}, os.getcwd())  # noqa: PTH109
    plan = asked.read()
    names = input_names(_NAME, options.input, media.of(plan.plan, options.module))
    outputs = Outputs([*plan.files(), *names], overwrite=options.overwrite)
    waiting = InParts(_NAME, options, plan, names, {}, outputs)
    if not waiting.left:
        return DONE
    _start(options.address)
    import ray

    from hpi_ray.mapping import placed

    place = placed(needed(plan))
    started = time.monotonic()
    rows = [{"number": part.number, "names": list(part.names), "file": part.file} for part in waiting.left]
    made = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        Maker,
        fn_constructor_args=(asked, options.output, options.output_format),
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=min(len(rows), options.workers or place.workers)),
        num_cpus=place.cpus,
        num_gpus=place.gpus or None,
    )
    failed = 0
    for row in made.iter_rows():
        failed += len(row["errors"])
        for line in row["errors"]:
            say(_NAME, clean_line(str(line)))
    seconds = time.monotonic() - started
    many = "" if waiting.inputs == 1 else "s"
    machines = len(ray.nodes())
    where = "this machine" if machines == 1 else f"{machines} machines"
    say(_NAME, f"{waiting.inputs:,} input{many} in {seconds:.1f} s, {failed:,} failed; with Ray on {where}")
    return NEGATIVE if failed else DONE


def _start(address: str | None) -> None:
    # Ray would tell its makers what it is used for.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # What its workers do when they are restarted it calls an error.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
    except ImportError as fault:
        from hpi_schemas.packages import missing

        raise PlanError(missing("ray")) from fault
    _check(address)
    own = {"include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, ValueError, RuntimeError) as fault:
        raise PlanError(f"--address {address}: {str(fault).splitlines()[0]}") from None
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _check(address: str | None) -> None:
    """Look whether anybody listens there: Ray itself would wait for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.rpartition("/")[2], int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as fault:
        raise PlanError(f"--address {address}: nobody answers there: {fault}") from None


if __name__ == "__main__":
    sys.exit(main())
