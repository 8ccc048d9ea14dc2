"""matched_page: the parts of a page with their lines, before all are read. No JSON: ``blocks`` are made of it."""

from hpi_runtime.kinds.base import Kind


class MatchedPage(Kind):
    """A ``documents.page.Page``, which ops go on with."""

    is_json = False
    is_kept = False


KIND = MatchedPage()
