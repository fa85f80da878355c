"""Live waveforms, under the names of releases 1.0.0 to 1.0.2.

New set-ups use :mod:`mimocorb.plot` or ``function: oscilloscope``.
"""

from mimocorb.compat.manual.release_displays import animWaveformPlotter, plot_buffer

__all__ = ["animWaveformPlotter", "plot_buffer"]
