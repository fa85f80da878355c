"""Live histograms of what exporters write: ``function: visualizers.histogram``."""

from mimocorb.compat.mimocorb2.prebuilt.visualizers import csv, histogram

__all__ = ["csv", "histogram"]
