"""Files of events: written by sinks, read back by replay. One file per format."""
