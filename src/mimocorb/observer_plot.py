"""Displays, under the names of the first version (February 2023).

New set-ups use :mod:`mimocorb.plot` or ``function: oscilloscope``.
"""

from mimocorb.compat.manual.density_display import PlotKDE
from mimocorb.compat.manual.release_displays import PlotOscilloscope

__all__ = ["PlotKDE", "PlotOscilloscope"]
