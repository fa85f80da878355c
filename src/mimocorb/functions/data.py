"""Recording and playing back: ``function: data.export`` and the like."""

from mimocorb._functions.prebuilt.data import clocked_importer, export, simulate_importer

__all__ = ["clocked_importer", "export", "simulate_importer"]
