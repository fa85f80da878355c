"""mimocorb: multiple-in multiple-out configurable ring buffers for physics data acquisition.

Events go from a source through ring buffers in shared memory to worker processes that filter,
reduce, store and display them while data keep flowing. Start with
:mod:`mimocorb.mimo_buffer` for the rings and :mod:`mimocorb.buffer_control` for whole set-ups.
"""

from importlib.metadata import version as _version

__all__ = ["__version__"]

__version__ = _version("mimocorb")
