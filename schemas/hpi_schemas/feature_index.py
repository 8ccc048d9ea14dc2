"""An index of features as PaddleX keeps it: the vectors in a file of faiss, and beside it whose they are."""

from __future__ import annotations

# What a plan calls it among what its modules do not do.
INDEX = "index"
VECTORS, LABELS = "vector.index", "id_map.yaml"
FILES = (VECTORS, LABELS)
