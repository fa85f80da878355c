"""Displays: ``function: observers.oscilloscope``."""

from mimocorb._functions.prebuilt.observers import oscilloscope

__all__ = ["oscilloscope"]
