"""The commands of docs/scale.md, as they stand."""

from __future__ import annotations

from pathlib import Path

from support.classifying import lay_out
from support.pages import run_page

PAGE = Path(__file__).parents[2] / "docs/scale.md"


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    lay_out(tmp_path)
    run_page(PAGE, tmp_path, r"\S+")
    one, both = (sorted(path.read_bytes() for path in (tmp_path / name).iterdir()) for name in ("out", "shards"))
    assert one == both
