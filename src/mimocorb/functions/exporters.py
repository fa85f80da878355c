"""Saving and discarding: ``function: exporters.csv`` and the like."""

from mimocorb.compat.mimocorb2.prebuilt.exporters import csv, drain, histogram

__all__ = ["csv", "drain", "histogram"]
