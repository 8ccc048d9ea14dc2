"""Reading the keys of one node of the tree: which may stand there, what they hold, where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hpi_schemas.plan import origin as plan_origin
from hpi_schemas.settings import Setting, fault
from hpi_schemas.value_types import is_of

from hpi_planner.diagnostics import model
from hpi_planner.diagnostics.model import Code, Findings, Label, Span
from hpi_planner.diagnostics.suggest import did_you_mean
from hpi_planner.ir import Origin, Traced, default
from hpi_planner.paddlex.document import Document
from hpi_planner.syntax.tree import Path, Tree, dotted

_SECTIONS = ("SubModules", "SubPipelines")
_OFF_WORDS = ("false", "no", "off", "0", "none", "null")


@dataclass(frozen=True)
class NodeReader:
    """Reads nodes of a tree and reports what is wrong with them.

    Attributes:
        tree: where the nodes are.
        found: the diagnostics so far; methods add to it.
        document: the form of the file.
    """

    tree: Tree
    found: Findings
    document: Document

    def check_keys(self, path: Path, value: Mapping[str, Any]) -> None:
        """Report keys of a mapping that nothing reads there."""
        allowed = self.document.keys_at(self.tree, path)
        for key in value:
            if isinstance(key, tuple):
                # No key of a file, but one that could not be read; it was reported.
                continue
            if key == "device" and path[-2:-1] != ("SubModules",):
                self.warning(
                    Code.KEY_MISPLACED, "PaddleX ignores `device` in a pipeline file; use `--device`", (*path, key)
                )
            elif allowed is not None and key not in allowed:
                self.warning(Code.KEY_UNKNOWN, self.document.unread.format(key), (*path, key), near=allowed)
        for section in _SECTIONS:
            self._check_section((*path, section), value.get(section))

    def _check_section(self, path: Path, value: Any) -> None:
        allowed = self.document.keys_at(self.tree, path)
        if allowed is None or not isinstance(value, dict):
            return
        for key in value:
            if key in ("use_hpip", "hpi_config"):
                self.warning(
                    Code.KEY_MISPLACED,
                    f"`{key}` directly below `{path[-1]}` has no effect",
                    (*path, key),
                    "move it one level up, or into a module",
                )
            elif key not in allowed:
                self.warning(
                    Code.MODULE_UNKNOWN,
                    f"this pipeline has no `{path[-1]}.{key}`; it is ignored",
                    (*path, key),
                    near=allowed,
                )

    def settings(
        self,
        path: Path,
        value: Mapping[str, Any],
        known: Mapping[str, Setting],
        defaults: Mapping[str, Any],
        owner: str,
    ) -> dict[str, Traced]:
        """Return the settings of a node, defaults filled in; ``owner`` names whose defaults they are."""
        result: dict[str, Traced] = {}
        for key, setting in known.items():
            place = (*path, key)
            if key in value:
                self._check_setting(place, value[key], setting)
                result[key] = Traced(value[key], self.origin(place))
            elif setting.required:
                choices = " or ".join(f"`{item}`" for item in setting.one_of)
                wanted = f"it must be {choices}" if choices else "PaddleX needs it here"
                self.error(
                    Code.SETTING_INVALID, f"`{key}` is missing; {wanted}", path, f"add `{key}: {setting.config}`"
                )
                result[key] = Traced(None, default(owner))
            else:
                result[key] = Traced(defaults.get(key, setting.default), default(owner))
        return result

    def _check_setting(self, place: Path, value: Any, setting: Setting) -> None:
        if value is None and not (setting.required and setting.one_of):
            return
        problem = fault(value, setting)
        if problem is not None:
            self.error(Code.SETTING_INVALID, f"`{place[-1]}` must be {problem}, not `{value}`", place)

    def batch_size(self, path: Path, value: Mapping[str, Any], least: int = 1) -> Any:
        """Return the batch size: a number from ``least``, or None where it is given as null."""
        size = value.get("batch_size", 1)
        if size is not None and (not is_of(size, "integer") or size < least or size == 0):
            self.error(
                Code.SETTING_INVALID, f"`batch_size` must be a whole number from 1, not `{size}`", (*path, "batch_size")
            )
            return 1
        return size

    def typed(self, path: Path, value: Mapping[str, Any], key: str, types: tuple[type, ...], wanted: str) -> Any:
        """Return a value of one of these types, or None after reporting another."""
        found = value.get(key)
        if found is None or isinstance(found, types):
            return found
        self.error(Code.SETTING_INVALID, f"`{key}` must be {wanted}, not `{found}`", (*path, key))
        return None

    def origin(self, path: Path) -> Origin:
        """Return where the value at ``path`` comes from: the file or an override."""
        span = self.tree.span(path)
        laid = plan_origin.parse(span.source)
        recorded = laid if laid.kind == plan_origin.OVERRIDE else plan_origin.Origin(plan_origin.FILE, dotted(path))
        return Origin(recorded, span, self.tree.key_span(path))

    def warn_quoted(self, path: Path, value: Any) -> None:
        """Report what stands for a switch and is none: PaddleX takes it by its truth."""
        if value is None or isinstance(value, bool):
            return
        state = "on" if value else "off"
        what = f"the text `{value}`" if isinstance(value, str) else f"`{value}`"
        off = isinstance(value, str) and value.strip().lower() in _OFF_WORDS
        self.warning(
            Code.VALUE_QUOTED,
            f"`{path[-1]}` is {what}, which is no switch and means {state}",
            path,
            f"write `{path[-1]}: {'false` without quotes' if off else 'true`' if value else 'false`'}",
        )

    def error(self, code: Code, message: str, path: Path, help: str | None = None) -> None:
        """Report an error at the value of ``path``, or at its key if the value spans lines."""
        span = self.tree.span(path) if path else first_line(self.tree.span(()))
        if span.end_line > span.line:
            span = self.tree.key_span(path) if path else first_line(span)
        self.found.append(model.error(code, message, Label(span), help=help))

    def warning(
        self, code: Code, message: str, path: Path, help: str | None = None, near: Iterable[str] | None = None
    ) -> None:
        """Report a warning at the key of ``path``; ``near`` are the words that its key may have been meant for."""
        if near is not None and not self.found.is_full:
            help = did_you_mean(path[-1], near)
        self.found.append(model.warning(code, message, Label(self.tree.key_span(path)), help=help))


def first_line(span: Span) -> Span:
    """Return the first character of a span, for what is missing in a whole mapping."""
    return span._replace(end_line=span.line, end_column=span.column + 1)
