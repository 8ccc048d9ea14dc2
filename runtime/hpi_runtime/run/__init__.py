"""A plan as it runs: found, checked, loaded, and executed."""
