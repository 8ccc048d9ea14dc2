"""YAML with places: the tree, what is laid over it, and where each value stands."""
