"""found_table: a table whose cells are known, before texts are put into them. No JSON: ``tables`` are made of it."""

from hpi_runtime.kinds.base import Kind


class Found(Kind):
    """A ``documents.found_table.FoundTable``, which ops go on with."""

    is_json = False
    is_kept = False


KIND = Found()
