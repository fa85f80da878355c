"""Copies: ``function: misc.copy``."""

from mimocorb.compat.mimocorb2.prebuilt.misc import copy

__all__ = ["copy"]
