"""The command line that all commands share: help, exit codes, versions, spellings, and completion in shells."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from hpi_schemas import messages
from hpi_schemas.console import emit
from hpi_schemas.interruption import INTERRUPTED, TERMINATED

# What may be completed, by the metavar of an argument.
_FILES = frozenset({"FILE", "NEW", "OLD", "PIPELINE", "PLAN", "RUN", "X", "YAML"})
_FOLDERS = frozenset({"DIR"})
_SHELLS = ("bash", "zsh")
_WIDTH = 100
# Of a number that counts something.
_MOST_DIGITS = 18


class CommandLine(argparse.ArgumentParser):
    """A parser whose options may be written with ``-`` and ``_``, as PaddleX's are."""

    def __init__(
        self,
        prog: str,
        description: str,
        exit_codes: Mapping[int, str],
        notes: str = "",
        has_version: bool = True,
        has_log: bool = True,
        **options: Any,
    ) -> None:
        """Begin a command line.

        Args:
            prog: the command.
            description: what it does, in a sentence.
            exit_codes: what each means; those of interruption are added.
            notes: examples and the like, for the help.
            has_version: it is a command, and no part of one.
            has_log: what it says is said by ``console.say``.
            options: as for ``argparse``, from which parts of a command come.
        """
        codes = {**exit_codes, INTERRUPTED: "interrupted", TERMINATED: "terminated"}
        listed = "; ".join(f"{code} {text}" for code, text in codes.items())
        super().__init__(
            prog=prog,
            description=_wrapped(description),
            epilog=f"{notes}{_wrapped(f'exit codes: {listed}')}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,
        )
        self._exit_codes = exit_codes
        if has_log:
            add = partial(self.add_argument, action=_Logging, default=argparse.SUPPRESS)
            add("--log-level", choices=messages.LEVELS, help="what is said on stderr, from there on [HPI_LOG_LEVEL]")
            add("--log-format", choices=messages.FORMS, help="how: lines of text, or of JSON [HPI_LOG_FORMAT]")
        if has_version:
            self.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
            told = "print what makes this shell complete the command, and exit"
            self.add_argument("--print-completion", action=_Completion, choices=_SHELLS, help=told)

    def commands(self) -> Commands:
        """Return what takes the parts of this command."""
        return Commands(self, self.add_subparsers(required=True, dest="command", metavar="COMMAND"))

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse what is known, in either spelling."""
        given = sys.argv[1:] if args is None else args
        found, left = super().parse_known_args([self._spelled(item) for item in given], namespace)
        return found, left

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse everything, and say what may have been meant by what is not known."""
        found, left = self.parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}{self._meant(left)}")
        return found

    def _spelled(self, item: str) -> str:
        """Return an argument with the name of its option as we write it."""
        name, separator, value = item.partition("=")
        known = self._option_string_actions
        if not name.startswith("--") or name in known:
            return item
        same = next((option for option in known if option.replace("_", "-") == name.replace("_", "-")), name)
        return f"{same}{separator}{value}"

    def _meant(self, left: Sequence[str]) -> str:
        from difflib import get_close_matches

        options = [item.partition("=")[0] for item in left if item.startswith("-")]
        if not options:
            takes_inputs = "--input" in self._option_string_actions
            return "; write --input before each, or a pattern in quotes" if takes_inputs else ""
        near = get_close_matches(options[0], self._option_string_actions, 1)
        return f"; did you mean {near[0]}?" if near else f"; see {self.prog} --help"


class Commands:
    """The parts of a command, such as ``show`` of ``hpi-review``."""

    def __init__(self, whole: CommandLine, parts: argparse._SubParsersAction[Any]) -> None:
        self._whole, self._parts = whole, parts

    def add(self, name: str, help: str) -> CommandLine:
        """Add a part; it has the exit codes of the whole."""
        made: CommandLine = self._parts.add_parser(
            name, help=help, description=help, exit_codes=self._whole._exit_codes, has_version=False
        )
        return made


class _Logging(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        messages.configure(self.dest.replace("_", "-"), values)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        emit(f"{parser.prog} {version('hpi-plan')}\n")
        parser.exit()


class _Completion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        import shtab

        for action in _every(parser):
            named = {action.metavar} if isinstance(action.metavar, str) else set(action.metavar or ())
            kind = shtab.FILE if named & _FILES else shtab.DIRECTORY if named & _FOLDERS else None
            if kind is not None:
                action.complete = kind  # type: ignore[attr-defined]
        emit(shtab.complete(parser, values))
        parser.exit()


def _every(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments of a command and of its parts."""
    found = list(parser._actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [item for part in action.choices.values() for item in _every(part)]
    return found


def _wrapped(text: str) -> str:
    from textwrap import fill

    return fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def positive_number(text: str) -> int:
    """Read a number from 1, for argparse."""
    # More digits than any count has are not worth turning into a number.
    if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text[:40]!r}")
    return int(text)
