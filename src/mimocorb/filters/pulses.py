"""The search for pulses, for filters: ``from mimocorb.analysis.pulses import find_pulses``."""

from mimocorb.analysis.pulses import PULSE_DTYPE, find_pulses

__all__ = ["PULSE_DTYPE", "find_pulses"]
