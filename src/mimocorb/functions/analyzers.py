"""Analysis of waveforms: ``function: analyzers.pha``."""

from mimocorb.compat.mimocorb2.prebuilt.analyzers import pha

__all__ = ["pha"]
