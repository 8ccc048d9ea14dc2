"""Places in a value as places in the command-line token that holds it."""

from __future__ import annotations

from dataclasses import replace

from hpi_planner.diagnostics.model import Diagnostic, Label, Span
from hpi_planner.syntax.tree import Shadow


def moved_span(span: Span, offset: int) -> Span:
    """Return a place in the text of a value as a place in the token that the value begins at ``offset``."""
    shift = offset if span.line == 1 else 0
    shift_end = offset if span.end_line == 1 else 0
    return span._replace(column=span.column + shift, end_column=span.end_column + shift_end)


def moved(item: Diagnostic, offset: int) -> Diagnostic:
    """Return a diagnostic with its places moved so."""
    labels = tuple(Label(moved_span(label.span, offset), label.text) for label in item.labels)
    return replace(item, labels=labels)


def within(item: Diagnostic, token: str) -> Diagnostic:
    """Point at the end of the token where the value ends too early and YAML means the line after it."""
    last = len(token)
    labels = tuple(
        label
        if label.span.line == 1 and label.span.column <= last
        else Label(Span(label.span.source, 1, last, 1, last + 1))
        for label in item.labels
    )
    return replace(item, labels=labels)


def moved_shadow(shadow: Shadow, offset: int, width: int) -> Shadow:
    """Return the places of a value moved so; one without a width gets ``width``."""
    span = moved_span(shadow.span, offset)
    if span.end_column <= span.column and span.line == span.end_line:
        span = span._replace(end_column=span.column + max(1, width))
    return Shadow(
        span,
        {key: moved_span(item, offset) for key, item in shadow.keys.items()},
        {key: moved_shadow(item, offset, width) for key, item in shadow.children.items()},
    )
