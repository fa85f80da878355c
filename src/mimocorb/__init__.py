"""mimocorb: multiple-in multiple-out configurable ring buffers for physics data acquisition.

Events go from a source through ring buffers in shared memory to worker processes that filter,
reduce, store and display them while data keep flowing. Start with
:mod:`mimocorb.mimo_buffer` for the rings and :mod:`mimocorb.buffer_control` for whole set-ups.
"""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    # Asked for rarely, but every worker would pay for looking it up at import.
    if name == "__version__":
        from importlib.metadata import version

        return version("mimocorb")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
