"""Indexes of features: what is known, to look up in it what is found."""
