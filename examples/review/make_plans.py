"""Makes the plans of this example: one pipeline, and three changes to it, one after the other.

    python examples/review/make_plans.py     (after `make demo`, which lays out the models)

The plans are committed, and so are the YAMLs; reviewing them needs no model files.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from hpi_planner.cli.plan import main

HERE = Path(__file__).parent
OCR = HERE.parent / "ocr"


def compile(pipeline: str, target: str, plan: str, models: Path) -> None:
    """Compile one plan of this folder."""
    arguments = [str(HERE / pipeline), "--target", str(HERE / target), "--root", str(models)]
    assert main([*arguments, "--output", str(HERE / plan)]) == 0


def make() -> None:
    """Write every plan."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "ocr"
        shutil.copytree(OCR / "models", models / "models")
        shutil.copytree(OCR / "page_orientation", models / "page_orientation")
        compile("pipeline-1.yaml", "target-1.json", "plan-1.json", models)
        # 2: somebody wants another backend for the recogniser, and another threshold.
        compile("pipeline-2.yaml", "target-1.json", "plan-2.json", models)
        # 3: the recogniser was exported again.
        config = models / "models/PP-OCRv6_small_rec/inference.yml"
        config.write_text(config.read_text(encoding="utf-8") + "# exported again\n", encoding="utf-8")
        compile("pipeline-2.yaml", "target-1.json", "plan-3.json", models)
        # 4: the servers get more cores and newer packages.
        compile("pipeline-2.yaml", "target-2.json", "plan-4.json", models)


if __name__ == "__main__":
    make()
    print(*(json.loads((HERE / f"plan-{n}.json").read_text())["pipeline"]["name"] for n in range(1, 5)))
