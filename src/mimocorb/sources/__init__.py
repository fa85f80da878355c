"""Sources: what puts events into the first buffer. One file per kind."""
