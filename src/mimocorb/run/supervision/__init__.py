"""The one loop that starts, watches and ends everything in a run."""
