"""Saving and discarding: ``function: exporters.csv`` and the like."""

from mimocorb.compat.mimocorb2.prebuilt.exporters import csv, drain, histogram
from mimocorb.compat.mimocorb2.prebuilt.visualizers import visualize_histogram

__all__ = ["csv", "drain", "histogram", "visualize_histogram"]
