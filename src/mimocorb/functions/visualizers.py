"""Where the files of exporters are: ``function: visualizers.csv``."""

from mimocorb._functions.prebuilt.visualizers import csv, histogram

__all__ = ["csv", "histogram"]
