"""The plan: its types, and the only code that reads and writes its JSON."""
