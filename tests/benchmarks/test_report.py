"""The figures in docs/performance.md are those of benchmarks/figures.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import report  # noqa: E402


def test_the_document_shows_what_was_measured() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8")
    figures = json.loads(report.FIGURES.read_text(encoding="utf-8"))
    sections = (
        "ablation",
        "allocator",
        "calls",
        "regret",
        "peers",
        "commands",
        "floor",
        "flat",
        "choices",
        "hosting",
        "pipelines",
        "scaling",
        "serve",
        "small",
    )
    assert {name for name in sections if f"<!-- figures: {name} -->" in text} == set(figures)
    assert report.document(text, figures) == text


def test_a_section_is_kept_beside_the_others_with_its_machine(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    runs = {"classify, openvino": {"hpi_ms": 2.0, "loop_ms": 1.6, "ratio": 1.25}}
    report.keep("flat", {"runs": {}}, path)
    report.keep("floor", {"runs": runs}, path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["floor"]["runs"] == runs
    assert kept["floor"]["machine"]["cores"] >= 1
    text = report.document("a\n<!-- figures: floor -->\nold\n<!-- end -->\nb\n", kept)
    assert "| classify, openvino | 1.60 | 2.00 | 1.25 |" in text
    assert "old" not in text
    assert report.document(text, kept) == text
