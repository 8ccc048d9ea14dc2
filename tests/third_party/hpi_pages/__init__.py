"""A pipeline of another package: the parts of a page, and the text of those that have some."""
