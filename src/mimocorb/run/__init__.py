"""From a checked set-up to a supervised run, its displays and its record."""
