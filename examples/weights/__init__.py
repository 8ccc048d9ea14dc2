"""Trained models of others, brought into the form in which PaddleX exports its own."""
