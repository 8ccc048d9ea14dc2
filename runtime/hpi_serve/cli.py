"""hpi-serve: answer requests with plans over HTTP."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpi_runtime.errors import PlanError
from hpi_schemas.command_line import CommandLine, positive_number
from hpi_schemas.console import DONE, FAILED, UNSATISFIED, WRONG, guarded
from hpi_schemas.files import ReadError, read_bounded

from hpi_serve.options import Options

_NAME = "hpi-serve"
_EXIT_CODES = {
    DONE: "ended by a signal, with everything answered",
    WRONG: "a plan or the command line is wrong, or nothing can listen there",
    UNSATISFIED: "this machine does not satisfy a plan",
    FAILED: "prepare or loading an engine failed",
}
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"", "0", "false", "no"})
_MIB = 1 << 20
_USUAL = Options()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is the return value."""
    options = _parser().parse_args(arguments)
    return guarded(_NAME, lambda: _run(options))


def _parser() -> CommandLine:
    description = "Answer requests with plans over HTTP: by PaddleX's routes, and by the Open Inference Protocol."
    notes = "Each option may also be given as an environment variable, which is named in brackets.\n\n"
    parser = CommandLine(_NAME, description, _EXIT_CODES, notes, has_log=False)
    add = _Adder(parser)
    told = "a plan.json; of several, /ocr asks the first, and /NAME/ocr the one in NAME.json [HPI_SERVE_PLANS]"
    parser.add_argument("plans", nargs="*", metavar="PLAN", help=f"{told}, with {os.pathsep} between them")
    add("host", str, "127.0.0.1", "ADDRESS", "where to listen; 0.0.0.0 is every address of this machine")
    add("port", _port, 8080, "N", "and at which port; 0 takes a free one")
    grpc_help = "answer the Open Inference Protocol by gRPC at that port too; 0 takes a free one"
    add("grpc-port", _port, None, "N", grpc_help)
    add(
        "workers",
        positive_number,
        None,
        "N",
        "requests of a plan that run at a time; default: its streams and one more",
    )
    add("max-waiting", positive_number, _USUAL.waiting, "N", "requests under way in all; more get 503 and Retry-After")
    add("request-seconds", positive_number, int(_USUAL.seconds), "N", "a request that takes longer gets 504")
    add(
        "drain-seconds",
        _seconds,
        5,
        "N",
        "after SIGTERM: not ready, but answering, before it takes no more connections",
    )
    add("max-body-mib", positive_number, _USUAL.body_bytes // _MIB, "N", "a larger request gets 413")
    add("max-pixels", positive_number, _USUAL.limits.pixels, "N", "refuse larger pictures")
    add("max-pages", positive_number, _USUAL.limits.pages, "N", "and documents with more pages")
    add(
        "max-url-seconds",
        positive_number,
        int(_USUAL.limits.url_seconds),
        "N",
        "end the fetching of a URL that takes longer",
    )
    add.switch("allow-private-urls", "fetch from private addresses too, such as those of this network")
    add(
        "token-file",
        str,
        None,
        "FILE",
        "each request must bring the token that stands there: Authorization: Bearer TOKEN",
    )
    add("root", str, None, "DIR", "where relative model folders start; default: beside a plan's YAML")
    add("models", str, None, "DIR", "folder with official models, one folder per name")
    shadow_help = "another plan of the same pipeline, through which a share of the first one's requests runs too"
    add("shadow", str, None, "PLAN", f"{shadow_help}; /metrics says how far they agree")
    add("shadow-share", _share, 10, "PERCENT", "of the requests")
    add.switch("strict", "refuse other versions of the backends than a plan's")
    add("log-level", _level, "info", "LEVEL", "error, warning, info or debug")
    add("log-format", _format, None, "FORMAT", "json or text; default: text on a terminal")
    return parser


class _Adder:
    """Adds options that may be given as environment variables too."""

    def __init__(self, parser: CommandLine) -> None:
        self._parser = parser

    def __call__(self, name: str, kind: Callable[[str], Any], default: Any, metavar: str, told: str) -> None:
        shown = "" if default is None else f"; default: {default}"
        # argparse reads a default that is a text as it reads an argument.
        given = os.environ.get(_variable(name))
        text = f"{told}{shown} [{_variable(name)}]"
        self._parser.add_argument(
            f"--{name}", type=kind, default=default if given is None else given, metavar=metavar, help=text
        )

    def switch(self, name: str, told: str) -> None:
        given = os.environ.get(_variable(name), "").lower()
        text = f"{told} [{_variable(name)}]"
        self._parser.add_argument(f"--{name}", action="store_true", default=given in _YES, help=text)
        if given not in _YES | _NO:
            self._parser.error(f"{_variable(name)} must be true or false, not {given!r}")


def _variable(name: str) -> str:
    return f"HPI_SERVE_{name.replace('-', '_').upper()}"


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text[:40]!r}")
    return int(text)


def _seconds(text: str) -> int:
    return 0 if text == "0" else positive_number(text)


def _share(text: str) -> int:
    number = positive_number(text)
    if number > 100:
        raise argparse.ArgumentTypeError(f"must be percent, from 1 to 100, not {text[:40]!r}")
    return number


def _level(text: str) -> str:
    return _one_of(text, ("error", "warning", "info", "debug"))


def _format(text: str) -> str:
    return _one_of(text, ("json", "text"))


def _one_of(text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise argparse.ArgumentTypeError(f"must be {', '.join(known[:-1])} or {known[-1]}, not {text[:40]!r}")
    return text


def _run(given: argparse.Namespace) -> int:
    from hpi_serve import catalog, listening, logs
    from hpi_serve.server import Server

    names = given.plans or [name for name in os.environ.get("HPI_SERVE_PLANS", "").split(os.pathsep) if name]
    if not names:
        raise PlanError("name a plan to serve")
    logs.begin(_NAME, given.log_level, given.log_format)
    options, paths = _options(given), [Path(name) for name in names]
    # What is wrong with a plan is said before anything listens.
    catalog.read(paths, options)
    listener = listening.bind(given.host, given.port)
    host, port = listener.getsockname()[:2]
    logs.LOG.info("listens on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    return listening.run(Server(paths, options), listener)


def _options(given: argparse.Namespace) -> Options:
    limits = replace(
        _USUAL.limits,
        pixels=given.max_pixels,
        pages=given.max_pages,
        url_seconds=float(given.max_url_seconds),
        private_urls=given.allow_private_urls,
        private_redirects=given.allow_private_urls,
    )
    return Options(
        limits=limits,
        body_bytes=given.max_body_mib * _MIB,
        workers=given.workers,
        waiting=given.max_waiting,
        seconds=float(given.request_seconds),
        token=_token(given.token_file),
        drain_seconds=float(given.drain_seconds),
        strict=given.strict,
        root=None if given.root is None else Path(given.root),
        models=() if given.models is None else (Path(given.models),),
        shadow=None if given.shadow is None else Path(given.shadow),
        shadow_share=given.shadow_share / 100,
        grpc=None if given.grpc_port is None else (given.host, given.grpc_port),
    )


def _token(name: str | None) -> str:
    if name is None:
        return ""
    try:
        found = read_bounded(Path(name)).decode().strip()
    except ReadError as fault:
        raise PlanError(f"--token-file: {fault}") from None
    except UnicodeDecodeError:
        raise PlanError(f"--token-file: {name} holds no text") from None
    if not found:
        raise PlanError(f"--token-file: {name} is empty")
    return found
