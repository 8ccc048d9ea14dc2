"""An index of features as PaddleX keeps it: the vectors in a file of faiss, and beside it whose they are."""

from __future__ import annotations

# What a plan calls it among what its modules do not do.
INDEX = "index"
VECTORS, LABELS = "vector.index", "id_map.yaml"
FILES = (VECTORS, LABELS)
# Inner products of vectors of length 1 are their cosines: the more, the more alike. Of squared distances, the less.
IP, L2 = METRICS = ("IP", "L2")
# Exact; lists of near ones; graphs of neighbours.
FLAT, IVF, HNSW = TYPES = ("Flat", "IVF", "HNSW32")
