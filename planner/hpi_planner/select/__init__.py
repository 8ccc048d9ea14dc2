"""The decision for each module: what can run it, what does, and with which options."""
