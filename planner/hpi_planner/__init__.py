"""The compiler: a PaddleX-style pipeline YAML in, a frozen plan out."""
