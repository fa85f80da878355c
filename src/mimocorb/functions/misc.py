"""Copies: ``function: misc.copy``."""

from mimocorb._functions.prebuilt.misc import copy

__all__ = ["copy"]
