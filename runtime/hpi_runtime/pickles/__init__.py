"""Pickles read without executing them: loading one runs whatever it says."""
