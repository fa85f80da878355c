"""What stays of a run: its directory, its record, its summary, and the catalogue of runs."""
