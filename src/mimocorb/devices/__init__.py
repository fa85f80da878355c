"""Sources of recorded events. One file per kind."""
