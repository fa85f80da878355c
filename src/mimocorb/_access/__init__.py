"""What the access classes share: their assignments, their events, their output files."""
