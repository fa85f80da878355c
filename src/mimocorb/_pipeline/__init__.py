"""From a set-up file to a supervised run and its record."""
