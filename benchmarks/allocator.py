"""What does each MiB buy? One plan under other settings of glibc's allocator, which environment variables have.

``python benchmarks/allocator.py`` runs the OCR example with every lever of ``ablation.py``, in bf16 where this
processor has instructions for it, in a process for each setting, in turn. Engines free and take buffers of many sizes
for every shape; what the allocator keeps of them for later is memory, and what it gives back has to be cleared again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import ablation
import corpus
import load
import peers
import report

WORKER = Path(__file__).parent / "workers/hpi.py"
BASE = "as it is"
# See mallopt(3). By itself the threshold grows to that of the largest buffer freed, 32 MiB at most.
ARENAS, LARGE = "MALLOC_ARENA_MAX=2", "MALLOC_MMAP_THRESHOLD_={}"
SETTINGS: Mapping[str, Sequence[str]] = {
    BASE: (),
    "two arenas": (ARENAS,),
    "16 MiB and more given back": (LARGE.format(16 << 20),),
    "16 MiB and more given back, two arenas": (LARGE.format(16 << 20), ARENAS),
    "1 MiB and more given back": (LARGE.format(1 << 20),),
    "1 MiB and more given back, two arenas": (LARGE.format(1 << 20), ARENAS),
}


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8, help="pictures of the corpus; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=report.FIGURES, help="default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        corpus.make(folder / "pictures", options.count, seed=1)
        known = ablation.rows()
        name = ablation.LOWER if ablation.LOWER in known else ablation.ALL
        plan = ablation.plan(known[name], folder / "plan.json")
        worker = [sys.executable, str(WORKER), str(plan), str(ablation.OCR)]
        found = [peers.Program(label, ["env", *given, *worker]) for label, given in SETTINGS.items()]
        with load.undisturbed():
            peers.measure(found, sorted((folder / "pictures").glob("0*")), options.rounds)
    figures = {
        "pictures": options.count,
        "plan": name,
        "programs": {item.name: item.figures(found[0]) for item in found},
        "rounds": options.rounds,
        "variables": {label: " ".join(given) for label, given in SETTINGS.items()},
    }
    report.keep("allocator", figures, options.output)
    peers.show({**figures, "base": BASE})


if __name__ == "__main__":
    main()
