"""doc_text_orientation: by which angle is a page turned?"""

from __future__ import annotations

from hpi_runtime.modules.image_classification import ImageClassification


class DocTextOrientation(ImageClassification):
    """A classification whose labels are angles."""


MODULE = DocTextOrientation
