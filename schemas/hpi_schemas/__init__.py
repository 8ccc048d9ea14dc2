"""What the planner and the runner must agree on.

JSON Schemas, canonical JSON and digests, the description of a machine and
its probe, and where the files of a model are found.
"""
