"""Tools for testing mimocorb itself and programs written with it."""
