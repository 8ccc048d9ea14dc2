"""Documents: what a page is made of, once its parts and texts are found: tables, blocks, reading order, Markdown."""
