"""columns: where a recogniser read each character of a line. No JSON: words are made of it."""

from hpi_runtime.kinds.base import Kind


class Columns(Kind):
    """A ``documents.words.Columns``, or None."""

    is_json = False
    is_kept = False


KIND = Columns()
