"""Showing diagnostics to people and to programs."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from hpi_planner.diagnostics.model import Diagnostic, Label, Severity, Span

_MAX_WIDTH = 160
# That anybody reads.
_MOST = 100


def render(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str]) -> str:
    """Write diagnostics the way compilers do: place, source line, caret, help.

    Args:
        texts: the text of every source that spans refer to.
    """
    found = list(diagnostics)
    counting = [item for item in found if item.stands_for > 1]
    shown = [item for item in found if item.stands_for == 1]
    lines = {source: text.splitlines() for source, text in texts.items()}
    blocks = [_block(item, lines) for item in shown[:_MOST]]
    if len(shown) > _MOST:
        blocks.append(f"and {len(shown) - _MOST:,} more, which `--diagnostics json` lists")
    blocks += [_block(item, lines) for item in counting]
    errors = sum(item.stands_for for item in found if item.severity is Severity.ERROR)
    warnings = sum(item.stands_for for item in found if item.severity is Severity.WARNING)
    if errors or warnings:
        blocks.append(" and ".join(filter(None, [_count(errors, "error"), _count(warnings, "warning")])))
    return "\n\n".join(blocks) + "\n" if blocks else ""


def excerpt(span: Span, texts: Mapping[str, str]) -> str:
    """Write the source line of a span with a caret below it; empty where the text is not known."""
    return "\n".join(_excerpt(Label(span), {span.source: texts.get(span.source, "").splitlines()}))


def to_json(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str]) -> str:
    """Write diagnostics as a JSON list; a label on the command line has the option as ``token``."""
    return json.dumps([_plain(item, texts) for item in diagnostics], indent=2, ensure_ascii=False) + "\n"


_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def to_sarif(diagnostics: Iterable[Diagnostic], artefact: str) -> str:
    """Write diagnostics as SARIF 2.1.0 (docs.oasis-open.org/sarif), for code scanning.

    Places on the command line are in no file: they are named in the message, and the result stands at the artefact.

    Args:
        diagnostics: what was found.
        artefact: the file that was read.
    """
    found = list(diagnostics)
    codes = sorted({item.code.value for item in found})
    rules = [{"id": code, "shortDescription": {"text": code.replace("-", " ")}} for code in codes]
    driver = {"name": "hpi-plan", "rules": rules}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(item, codes, artefact) for item in found],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _sarif_result(item: Diagnostic, codes: list[str], artefact: str) -> dict[str, Any]:
    from urllib.parse import quote

    in_files = [label for label in item.labels if not label.span.source.startswith("override:")]
    typed = [_place(label.span) for label in item.labels if label not in in_files]
    text = " ".join(
        filter(None, [item.message, f"({', '.join(typed)})" if typed else "", item.help and f"({item.help})"])
    )
    result: dict[str, Any] = {
        "ruleId": item.code.value,
        "ruleIndex": codes.index(item.code.value),
        "level": _SARIF_LEVELS[item.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(artefact)}}}],
    }
    if in_files:
        result["locations"] = [_sarif_location(in_files[0])]
    if in_files[1:]:
        related = [_sarif_location(label) for label in in_files[1:]]
        result["relatedLocations"] = [{"id": index, **place} for index, place in enumerate(related)]
    return result


def _sarif_location(label: Label) -> dict[str, Any]:
    from urllib.parse import quote

    span = label.span
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(span.source)}, "region": region}
    location: dict[str, Any] = {"physicalLocation": place}
    if label.text:
        location["message"] = {"text": label.text}
    return location


def _plain(item: Diagnostic, texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "code": item.code.value,
        "severity": item.severity.value,
        "message": item.message,
        "labels": [_plain_label(label, texts) for label in item.labels],
        "help": item.help,
    }


def _plain_label(label: Label, texts: Mapping[str, str]) -> dict[str, Any]:
    place = {**label.span._asdict(), "text": label.text}
    is_override = label.span.source.startswith("override:")
    return {**place, "token": texts.get(label.span.source, "")} if is_override else place


def _count(number: int, noun: str) -> str:
    return "" if not number else f"{number} {noun}{'' if number == 1 else 's'}"


def _block(item: Diagnostic, texts: Mapping[str, list[str]]) -> str:
    head = f"{item.severity.value}[{item.code.value}]: {item.message}"
    if item.labels:
        head = f"{_place(item.labels[0].span)}: {head}"
    lines = [head]
    for number, label in enumerate(item.labels):
        if number:
            lines.append(f"  {_place(label.span)}:")
        lines.extend(_excerpt(label, texts))
    if item.help:
        lines.append(f"  = help: {item.help}")
    return "\n".join(lines)


def _place(span: Span) -> str:
    if span.source.startswith("override:"):
        return f"<command line>:{span.line}:{span.column}"
    return f"{span.source}:{span.line}:{span.column}"


def _excerpt(label: Label, texts: Mapping[str, list[str]]) -> list[str]:
    span = label.span
    lines = texts.get(span.source, [])
    if not 0 < span.line <= len(lines):
        return []
    line, start = lines[span.line - 1], span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    if len(line) > _MAX_WIDTH:
        shift = max(0, start - _MAX_WIDTH // 2)
        line, start, end = line[shift : shift + _MAX_WIDTH], start - shift, min(end - shift, _MAX_WIDTH)
    line = line.rstrip()
    gutter = str(span.line)
    pad = "".join("\t" if char == "\t" else " " * _width(char) for char in line[:start])
    caret = "^" * max(1, sum(map(_width, line[start:end])))
    text = f" {label.text}" if label.text else ""
    return [f"  {gutter} | {line}", f"  {' ' * len(gutter)} | {pad}{caret}{text}"]


def _width(char: str) -> int:
    """Return the columns a character takes in a terminal."""
    return 2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1
