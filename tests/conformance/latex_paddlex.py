"""What PaddleX makes of the texts of formulas: a JSON list of texts on stdin, and of pairs on stdout.

The first of a pair is as UniMERNet and PP-FormulaNet have it, the second as LaTeX-OCR.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib import import_module
from typing import Any

from conformance.ask_paddlex import import_paddlex


def main() -> None:
    """Answer."""
    with tempfile.TemporaryDirectory() as cache:
        import_paddlex(cache)
    processors: Any = import_module("paddlex.inference.models.formula_recognition.processors")
    kinds = [processors.UniMERNetDecode, processors.LaTeXOCRDecode]
    # What puts texts right needs no tokenizer.
    makers = [kind.__new__(kind).post_process for kind in kinds]
    json.dump([[make(text) for make in makers] for text in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
