"""Analysis of waveforms: ``function: analyzers.pha``."""

from mimocorb._functions.prebuilt.analyzers import pha

__all__ = ["pha"]
