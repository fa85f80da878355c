"""Displays: ``function: observers.oscilloscope``."""

from mimocorb.compat.mimocorb2.prebuilt.observers import oscilloscope

__all__ = ["oscilloscope"]
