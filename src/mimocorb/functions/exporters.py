"""Saving and discarding: ``function: exporters.csv`` and the like."""

from mimocorb._functions.prebuilt.exporters import csv, drain, histogram

__all__ = ["csv", "drain", "histogram"]
