"""Writes docs/api.md from the docstrings of ``hpi_runtime``'s public names: ``python docs/make_api.py``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import griffe
from griffe2md import render_object_docs

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/api.md"
_HEAD = """\
# Python API

Everything that `import hpi_runtime` offers; what is not here may change. Written by `make golden` from the docstrings.

"""
_CONFIG = {
    "docstring_section_style": "list",
    "filters": ["!^_"],
    "heading_level": 2,
    "members_order": "source",
    "separate_signature": True,
    "show_if_no_docstring": False,
    "show_root_full_path": False,
    "show_object_full_path": False,
    "show_signature_annotations": True,
    "summary": False,
}
# To places outside of the page.
_LINK = re.compile(r"\[([^\]\[]*)\]\(#[^)]*\)")


def text() -> str:
    """Return the page."""
    folders = [ROOT / name for name in ("runtime", "schemas", "planner")]
    loader = griffe.GriffeLoader(search_paths=folders, docstring_parser="google")
    package = loader.load("hpi_runtime")
    loader.load("hpi_schemas")
    loader.resolve_aliases(external=True)
    names = sorted(str(name) for name in package.exports or () if not str(name).startswith("__"))
    parts = [_render(package.members[name]) for name in names]
    return _HEAD + "\n".join(parts)


def _render(found: Any) -> str:
    target = found.final_target if found.is_alias else found
    page: str = render_object_docs(target, _CONFIG)
    while _LINK.search(page):
        page = _LINK.sub(r"\1", page)
    page = re.sub(r"</?code>", "", page)
    page = re.sub(r"^(#+) `[a-z_.]*\.(\w+\.\w+)`$", r"\1 `\2`", page, flags=re.MULTILINE)
    # What our docstrings write in two backticks is code in one.
    return re.sub(r"(?<!`)``(?!`)", "`", page)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
