"""The commands of docs/bundle.md, as they stand."""

from __future__ import annotations

import json
from pathlib import Path

from support.classifying import lay_out
from support.pages import run_page

PAGE = Path(__file__).parents[2] / "docs/bundle.md"


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    lay_out(tmp_path)
    run_page(PAGE, tmp_path, "[0-9.,]+", HPI_CACHE_DIR=str(tmp_path / "cache"))
    one, other = (
        [json.loads(path.read_text())["label_names"] for path in sorted((tmp_path / name).rglob("*.json"))]
        for name in ("out", "again")
    )
    assert one == other
    assert len(one) == 2
