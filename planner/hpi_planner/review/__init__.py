"""Reading plans with people: what is in one, what changed between two, and why. Reads plan JSON only."""
