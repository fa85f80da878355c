"""The classes and functions of the manual, and those of the releases after it."""
