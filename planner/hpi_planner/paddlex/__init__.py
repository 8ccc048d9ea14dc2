"""PaddleX's words and rules, as its version 3.7.2 has them."""
