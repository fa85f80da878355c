"""Filters: from buffer to buffer. One file per kind."""
