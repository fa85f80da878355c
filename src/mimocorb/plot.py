"""Displays for set-up files: ``file_name: "mimocorb/plot"``.

``plot_graph`` shows the live waveforms of a buffer, in a window or, where there is none, in a
picture file; ``WaveformDisplay`` is the class behind it, for programs.
"""

from mimocorb.compat.manual.displays import WaveformDisplay, plot_graph

__all__ = ["WaveformDisplay", "plot_graph"]
