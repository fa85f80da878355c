"""Parts for mimocorb; see the entry points in pyproject.toml."""
