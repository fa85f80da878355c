"""The text of a set-up: YAML whose every part knows its place, and messages about it."""
