"""What an ``inference.yml`` says of pre- and postprocessing, as a plan records it: without the long lists."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

# Lists that are longer are dictionaries and labels; of them only the number of entries counts.
_SHORT = 16
_LONGEST_TEXT = 200
_DEEPEST, _MOST_VALUES = 8, 500
# Beyond this, not every whole number is one of JSON's.
_WHOLE = 1 << 53
_ARITHMETIC: Mapping[type, Callable[[float, float], float]] = {ast.Div: operator.truediv, ast.Mult: operator.mul}


# What PaddleDetection writes at the top of an ``inference.yml``, and others below PostProcess.
_DETECTOR = ("draw_threshold", "label_list", "layout_merge_bboxes_mode", "layout_nms", "layout_unclip_ratio")
# What PaddleTS does, and what tells that it did.
_SERIES = ("holiday", "info_params", "input_data", "model_threshold", "scale", "size", "time_feat")
_SERIES_MARK = "info_params"


def transforms(config: Mapping[str, Any]) -> Any:
    """Return the operations of an ``inference.yml`` as ``[{NAME: arguments}]``, whichever way they are written.

    PaddleOCR and PaddleClas write that below ``PreProcess.transform_ops``, PaddleDetection ``[{type: NAME, …}]`` below
    ``Preprocess``, and PaddleSeg that below ``Deploy.transforms``. What is none of these is returned as it is.
    """
    deployed = config.get("Deploy")
    listed = config.get("Preprocess", deployed.get("transforms") if isinstance(deployed, Mapping) else None)
    if isinstance(listed, list) and all(isinstance(item, Mapping) and "type" in item for item in listed):
        return [{str(item["type"]): {key: value for key, value in item.items() if key != "type"}} for item in listed]
    before = config.get("PreProcess")
    return before.get("transform_ops") if isinstance(before, Mapping) else None


def postprocess(config: Mapping[str, Any]) -> Any:
    """Return what an ``inference.yml`` says of postprocessing, whichever way it is written.

    Of a model of series, that is all that it says.
    """
    for mark, keys in (("Preprocess", _DETECTOR), (_SERIES_MARK, _SERIES)):
        if mark in config:
            return {key: config[key] for key in keys if key in config}
    return config.get("PostProcess")


def processing(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operations and the postprocessing of an ``inference.yml`` as plain JSON values.

    A long list becomes ``{"entries": N}``, with the number of the first that is no character as ``odd``; a value that
    JSON does not have becomes its text.
    """
    plain = _Plain()
    return {"postprocess": plain.of(postprocess(config)), "transforms": plain.of(transforms(config))}


def number(value: float | str) -> float:
    """Return a number that may be written as a product or quotient, such as ``1./255.``.

    Raises:
        ValueError: it is neither, or not finite; nothing else is evaluated.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        try:
            found = _evaluate(ast.parse(value.strip(), mode="eval").body)
        except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError, TypeError):
            raise ValueError(f"`{value}` is not a number") from None
    else:
        raise ValueError(f"`{value}` is not a number")
    if not abs(found) < float("inf"):
        raise ValueError(f"`{value}` is not a finite number")
    return found


def _evaluate(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _ARITHMETIC[type(node.op)](_evaluate(node.left), _evaluate(node.right))
    raise ValueError("not a number")


class _Plain:
    """Makes plain values; aliases may stand for more of them than there is memory."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def of(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            return "…"
        if isinstance(value, Mapping):
            return {_text(key): self.of(item, depth + 1) for key, item in islice(value.items(), _MOST_VALUES)}
        if isinstance(value, (list, tuple)):
            return _entries(value) if len(value) > _SHORT else [self.of(item, depth + 1) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if abs(value) < _WHOLE else _text(value)
        if isinstance(value, float):
            return value if abs(value) < float("inf") else _text(value)
        return _text(value)


def odd_entry(values: Sequence[Any]) -> int | None:
    """Return the number, from 1, of the first entry that is no text and no digit that YAML takes for a number."""
    # There may be thousands, and nearly always none is odd.
    if {*map(type, values)} <= {str, int}:
        return None
    odd = (place for place, item in enumerate(values, 1) if isinstance(item, bool) or not isinstance(item, (str, int)))
    return next(odd, None)


def _entries(values: Sequence[Any]) -> dict[str, int]:
    odd = odd_entry(values)
    return {"entries": len(values)} if odd is None else {"entries": len(values), "odd": odd}


def _text(value: Any) -> str:
    try:
        text = str(value)
    except ValueError:
        # A number of more digits than Python writes.
        text = "a very large number"
    return text.encode("utf-8", "backslashreplace").decode()[:_LONGEST_TEXT]
