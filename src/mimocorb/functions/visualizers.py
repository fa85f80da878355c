"""Where the files of exporters are: ``function: visualizers.csv``."""

from mimocorb.compat.mimocorb2.prebuilt.visualizers import csv, histogram

__all__ = ["csv", "histogram"]
