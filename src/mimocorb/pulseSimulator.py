"""Simulated pulses of cosmic muons, under the name of release 1.0.2."""

from mimocorb.compat.manual.release_sources import pulseSimulator

__all__ = ["pulseSimulator"]
