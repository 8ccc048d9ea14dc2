"""textline_orientation: is a line of text upside down?"""

from __future__ import annotations

from hpi_runtime.modules.image_classification import ImageClassification


class TextlineOrientation(ImageClassification):
    """A classification whose labels are angles."""


MODULE = TextlineOrientation
