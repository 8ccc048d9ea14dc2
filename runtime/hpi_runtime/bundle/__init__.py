"""Bundles: a plan with its models and prepared files in one archive, for machines without network."""
