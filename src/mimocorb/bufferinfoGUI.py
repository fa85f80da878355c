"""Rates of buffers and buttons that steer a run, under the names of releases 1.0.0 to 1.0.2.

A run of mimocorb has its live view instead.
"""

from mimocorb.compat.manual.buffer_info import bufferinfoGUI, plot_bufferinfo

__all__ = ["bufferinfoGUI", "plot_bufferinfo"]
