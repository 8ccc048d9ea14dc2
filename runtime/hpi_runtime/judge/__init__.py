"""Whether answers are right, or the same: against the truth, and against another plan."""
