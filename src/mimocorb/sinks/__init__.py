"""Sinks: from a buffer to a file. One file per kind."""
