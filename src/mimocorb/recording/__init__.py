"""Files of events: written by sinks, read back. One file per format."""
