"""Pictures: what tasks, ops and kinds share in handling them."""

from __future__ import annotations

from typing import Any

import numpy as np

# Height × width × 3, BGR.
Image = np.ndarray[Any, np.dtype[np.uint8]]
