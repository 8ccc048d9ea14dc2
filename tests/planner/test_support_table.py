"""The table of pipelines in docs/support.md says what the pipelines' data says."""

from __future__ import annotations

import re
from pathlib import Path

from hpi_planner.paddlex import definitions

TABLE = Path(__file__).parents[2] / "docs/support.md"
_ROW = re.compile(r"\| `([^`]+)` \| (natively, or in PaddleX|in PaddleX|nothing) \| (.+) \|")
# All of their models are PaddleX's own engines' alone.
_NO_MODEL = {"doc_understanding", "multilingual_speech_recognition"}


def test_every_pipeline_stands_in_the_table_with_what_runs_it() -> None:
    found = {name: (runs, told) for name, runs, told in _ROW.findall(TABLE.read_text(encoding="utf-8"))}
    assert sorted(found) == sorted(definitions.names())
    for name, (runs, told) in found.items():
        definition = definitions.load(name)
        if definition.graph is not None:
            assert runs == "natively, or in PaddleX", name
        elif definition.unhosted is not None:
            assert (runs, told) == ("nothing", definition.unhosted), name
        else:
            assert runs == ("nothing" if name in _NO_MODEL else "in PaddleX"), name
