"""formula_recognition: a formula as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from hpi_runtime.documents.latex import DECODERS
from hpi_runtime.errors import EngineError
from hpi_runtime.pictures import Image, transforms
from hpi_runtime.pictures.formulas import Grey, framed, grey, stepped, within
from hpi_runtime.tasks.base import Arrays, Feeds, OutputError, Task, batched, check_shape, chunks

_FRAME, _BOUNDS = "UniMERNetImgDecode", "MinMaxResize"
_LEAST, _MOST = (32, 32), (672, 192)
_MOST_TOKENS = 1 << 31
# What the sides of a picture are multiples of.
_COARSE, _FINE = 32, 16


class FormulaRecognition(Task):
    """The reader itself writes token after token; what is left is to prepare pictures and to put tokens together."""

    def __init__(self, config: Mapping[str, Any], settings: Mapping[str, Any], batch_size: int) -> None:
        """Read the transforms and the tokenizer."""
        super().__init__(config, settings, batch_size)
        steps = transforms.operations(config)
        after = config["PostProcess"]
        self._tokens = DECODERS[after["name"]](after["character_dict"])
        self._prepare: Callable[[Image], Grey]
        if _FRAME in steps:
            height, width = steps[_FRAME]["input_size"]
            step = _COARSE if "UniMERNetImageFormat" in steps else _FINE
            self._prepare = lambda picture: stepped(grey(framed(picture, (height, width))), step)
        elif _BOUNDS in steps:
            self._bounds = (
                steps[_BOUNDS].get("min_dimensions", _LEAST),
                steps[_BOUNDS].get("max_dimensions", _MOST),
            )
            normal = steps.get("NormalizeImage") or {}
            self._normalize = transforms.Normalize(**normal)
            self._prepare = self._bounded
            # Each picture has its own size.
            self.batch_size = 1
        else:
            raise EngineError(f"it names neither {_FRAME} nor {_BOUNDS}, and nobody knows what to do instead")

    def feeds(self, values: Mapping[str, Sequence[Image]]) -> Feeds:
        """Prepare pictures and stack them into batches."""
        groups = chunks(values["image"], self.batch_size)
        return Feeds(({"image": batched([self._one(image) for image in group])} for group in groups), None)

    def read(self, outputs: Iterable[Arrays], context: Any) -> dict[str, list[Any]]:
        """Return ``rec_formula``: LaTeX."""
        rows = (row for output in outputs for row in _checked(output["tokens"]))
        return {"rec_formula": [self._tokens.latex(row) for row in rows]}

    def _one(self, image: Image) -> Grey:
        return self._prepare(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))[None]

    def _bounded(self, picture: Image) -> Grey:
        levels = cv2.cvtColor(within(picture, *self._bounds), cv2.COLOR_BGR2GRAY)
        return stepped(self._normalize(np.dstack([levels] * 3))[0], _FINE)


TASK = FormulaRecognition


def _checked(tokens: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    check_shape("tokens", tokens, None, None)
    if tokens.size and not 0 <= int(tokens.min()) <= int(tokens.max()) < _MOST_TOKENS:
        raise OutputError("tokens", f"goes from {tokens.min()} to {tokens.max()}, and these are no tokens")
    return tokens
