"""What can go wrong, and the exit code for it."""

from __future__ import annotations

from hpi_schemas.console import FAILED, NEGATIVE, UNSATISFIED, WRONG, CommandError


class RunnerError(CommandError):
    """A failure that ends the run; the message is for people."""

    exit_code = NEGATIVE


class PlanError(RunnerError):
    """The plan, the command line or the set of inputs is wrong."""

    exit_code = WRONG


class PreflightError(RunnerError):
    """This machine does not satisfy the plan."""

    exit_code = UNSATISFIED


class PrepareError(RunnerError):
    """A prepare step failed."""

    exit_code = FAILED


class EngineError(RunnerError):
    """An engine cannot be loaded, or does not run as the plan says."""

    exit_code = FAILED


class BusyError(RunnerError):
    """A session has as many inputs under way as it may have; later there is room again."""


class InputError(Exception):
    """One input that cannot be processed; it becomes an error record and the run goes on.

    Attributes:
        code: stable name of the kind of failure.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
