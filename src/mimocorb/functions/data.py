"""Recording and playing back: ``function: data.export`` and the like."""

from mimocorb.compat.mimocorb2.prebuilt.data import clocked_importer, export, simulate_importer

__all__ = ["clocked_importer", "export", "simulate_importer"]
