"""A run on a terminal, and its keys."""
