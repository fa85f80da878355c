"""Checking: what the parts of a set-up say together, and what changes its meaning."""
