"""clip: a video, as it was read. No JSON: what is found in it is drawn on its first picture."""

from __future__ import annotations

from hpi_runtime.kinds.base import Kind


class Clip(Kind):
    """Stands in no record."""

    is_json = False


KIND = Clip()
