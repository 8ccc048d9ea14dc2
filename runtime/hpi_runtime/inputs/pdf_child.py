"""The process that draws pages of PDFs. It is asked in JSON lines on stdin and answers each on stdout.

``{"bytes": N}`` and N bytes are a document: ``{"pages": N}``. ``{"page": N, "pixels": M}`` is ``{"width", "height",
"stride", "channels", "bytes"}`` and so many bytes, rows of BGR; or ``{"size": [width, height]}`` where there are more
than M pixels. What cannot be done is ``{"error": WHY}``.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any, BinaryIO

import pypdfium2

# A PDF unit is 1/72 inch.
_SCALE = 2.0
# The largest page that is allowed takes 700 MiB.
_MOST_MEMORY = 4 << 30


def main() -> None:
    """Serve until stdin ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    document: Any = None
    while line := asked.readline():
        request = json.loads(line)
        try:
            if "bytes" in request:
                if document is not None:
                    document.close()
                document = None
                document = _opened(asked.read(request["bytes"]))
                _answer(answers, {"pages": len(document)})
            else:
                _draw(document, request["page"], request["pixels"], answers)
        except (pypdfium2.PdfiumError, MemoryError, ValueError, OSError) as fault:
            # A document without pages is one that PDFium fails to load without knowing why.
            reason = str(fault).replace("Failed to load document (PDFium: Success).", "it has no pages")
            _answer(answers, {"error": reason or type(fault).__name__})


def _opened(data: bytes) -> Any:
    document = pypdfium2.PdfDocument(data)
    # Else what people filled into a form is not drawn.
    document.init_forms()
    return document


def _draw(document: Any, index: int, most_pixels: int, answers: BinaryIO) -> None:
    page = document[index]
    try:
        width, height = (side * _SCALE for side in page.get_size())
        if width * height > most_pixels:
            _answer(answers, {"size": [round(width), round(height)]})
            return
        bitmap = page.render(scale=_SCALE)
        facts = {"channels": bitmap.n_channels, "height": bitmap.height, "stride": bitmap.stride, "width": bitmap.width}
        _answer(answers, {**facts, "bytes": bitmap.height * bitmap.stride}, memoryview(bitmap.buffer).cast("B"))
        bitmap.close()
    finally:
        page.close()


def _answer(answers: BinaryIO, facts: dict[str, Any], data: Any = b"") -> None:
    answers.write(json.dumps(facts).encode() + b"\n")
    answers.write(data)
    answers.flush()


if __name__ == "__main__":
    main()
