"""Bundles and depots: a plan with its models and prepared files, in one archive or where machines share them."""

# The environment variable that names the depot from which missing models are fetched.
DEPOT = "HPI_DEPOT"
