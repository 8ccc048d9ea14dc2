"""Diagnostics are data: passes return them, the command line prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

# That a pass keeps.
_MOST = 1000
_OFTEN = "mend the first of them; the others often have the same cause"


class Severity(str, Enum):
    """How much a diagnostic weighs; only errors keep a plan from being written."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(str, Enum):
    """Every kind of diagnostic. The value is the contract; messages are for people."""

    BACKEND_CONFIG_INVALID = "backend-config-invalid"
    BACKEND_CONFIG_LEAK = "backend-config-leak"
    BACKEND_REQUIRED = "backend-required"
    BACKEND_UNAVAILABLE = "backend-unavailable"
    BACKEND_UNKNOWN = "backend-unknown"
    DEVICE_INVALID = "device-invalid"
    DEVICE_MISSING = "device-missing"
    ENGINE_CONFIG_INVALID = "engine-config-invalid"
    ENGINE_UNSUPPORTED = "engine-unsupported"
    FALLBACK_INVALID = "fallback-invalid"
    EXTERNAL_MODULE = "external-module"
    FINDINGS_TOO_MANY = "findings-too-many"
    FIRST_DEVICE_ONLY = "first-device-only"
    GRAPH_MISSING = "graph-missing"
    HOST_INVALID = "host-invalid"
    HOST_NEEDED = "host-needed"
    HOST_UNTESTED = "host-untested"
    HPI_CONFIG_HIDDEN = "hpi-config-hidden"
    HPI_CONFIG_INVALID = "hpi-config-invalid"
    HPI_CONFIG_UNKNOWN_KEY = "hpi-config-unknown-key"
    INDEX_INVALID = "index-invalid"
    INDEX_MISSING = "index-missing"
    KEY_MISPLACED = "key-misplaced"
    KEY_UNKNOWN = "key-unknown"
    MODEL_CONFIG_INVALID = "model-config-invalid"
    MODEL_CONFIG_MISSING = "model-config-missing"
    MODEL_CONTRACT = "model-contract"
    MODEL_DIR_ABSOLUTE = "model-dir-absolute"
    MODEL_FILE_INVALID = "model-file-invalid"
    MODEL_FORMAT_MISSING = "model-format-missing"
    MODEL_NAME_MISMATCH = "model-name-mismatch"
    MODEL_NOT_FOUND = "model-not-found"
    MODEL_TASK = "model-task"
    MODEL_UNKNOWN = "model-unknown"
    MODULE_INVALID = "module-invalid"
    MODULE_MISSING = "module-missing"
    MODULE_UNKNOWN = "module-unknown"
    OVERRIDE_INVALID = "override-invalid"
    OVERRIDE_NO_EFFECT = "override-no-effect"
    OVERRIDE_SHADOWED = "override-shadowed"
    OVERRIDE_UNMATCHED = "override-unmatched"
    PIPELINE_UNKNOWN = "pipeline-unknown"
    POLICY_BROKEN = "policy-broken"
    PRECISION_UNTRIED = "precision-untried"
    PROFILE_UNUSED = "profile-unused"
    RANKING_MISSING = "ranking-missing"
    REGULAR_INFERENCE = "regular-inference"
    RUN_MODE_BLOCKED = "run-mode-blocked"
    SERVING_IDLE = "serving-idle"
    SETTING_IDLE = "setting-idle"
    SETTING_INVALID = "setting-invalid"
    TARGET_UNSUPPORTED = "target-unsupported"
    TASK_UNKNOWN = "task-unknown"
    THREADS_EXCEED_CORES = "threads-exceed-cores"
    TRAINING_KEYS_IGNORED = "training-keys-ignored"
    USE_HPIP_NULL = "use-hpip-null"
    VALUE_QUOTED = "value-quoted"
    YAML_ALIASES = "yaml-aliases"
    YAML_CONFLICT = "yaml-conflict"
    YAML_DEPTH = "yaml-depth"
    YAML_DUPLICATE_KEY = "yaml-duplicate-key"
    YAML_ENCODING = "yaml-encoding"
    YAML_INTERPOLATION = "yaml-interpolation"
    YAML_NOT_A_MAPPING = "yaml-not-a-mapping"
    YAML_SYNTAX = "yaml-syntax"
    YAML_TAB = "yaml-tab"
    YAML_TOO_LARGE = "yaml-too-large"
    YAML_VALUE = "yaml-value"


class Span(NamedTuple):
    """A stretch of a source; lines and columns count from 1, the end column is exclusive."""

    source: str
    line: int
    column: int
    end_line: int
    end_column: int


class Label(NamedTuple):
    """A place that a diagnostic points at; the first label is the main one."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """One finding of a pass.

    Attributes:
        stands_for: how many findings it counts.
    """

    code: Code
    severity: Severity
    message: str
    labels: tuple[Label, ...] = ()
    help: str | None = None
    stands_for: int = 1


class Findings:
    """What a pass has found so far: what is beyond a bound is counted and not kept."""

    def __init__(self) -> None:
        self._kept: list[Diagnostic] = []
        self._more: Counter[Severity] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether more is only counted: then nothing is worth working out about it."""
        return len(self._kept) >= _MOST

    def append(self, item: Diagnostic) -> None:
        """Add a finding."""
        if self.is_full:
            self._more[item.severity] += item.stands_for
        else:
            self._kept.append(item)

    def extend(self, items: Iterable[Diagnostic]) -> None:
        """Add several."""
        for item in items:
            self.append(item)

    def __iter__(self) -> Iterator[Diagnostic]:
        yield from self._kept
        for severity, number in sorted(self._more.items()):
            message = f"{number:,} more {severity.value}s, which are only counted"
            yield Diagnostic(Code.FINDINGS_TOO_MANY, severity, message, (), _OFTEN, number)


def error(code: Code, message: str, *labels: Label, help: str | None = None) -> Diagnostic:
    """Make a diagnostic that keeps the plan from being written."""
    return Diagnostic(code, Severity.ERROR, message, labels, help)


def warning(code: Code, message: str, *labels: Label, help: str | None = None) -> Diagnostic:
    """Make a diagnostic about something that is probably not meant."""
    return Diagnostic(code, Severity.WARNING, message, labels, help)


def note(code: Code, message: str, *labels: Label, help: str | None = None) -> Diagnostic:
    """Make a diagnostic that only tells."""
    return Diagnostic(code, Severity.NOTE, message, labels, help)


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics without repeats, by place, then by code and message; those that count others last."""

    def place(item: Diagnostic) -> tuple[bool, str, int, int, str, str]:
        span = item.labels[0].span if item.labels else Span("", 0, 0, 0, 0)
        return item.code is Code.FINDINGS_TOO_MANY, span.source, span.line, span.column, item.code.value, item.message

    return tuple(sorted(dict.fromkeys(diagnostics), key=place))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether any of them is an error."""
    return any(item.severity is Severity.ERROR for item in diagnostics)
