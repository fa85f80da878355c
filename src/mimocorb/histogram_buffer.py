"""Live histograms of the numbers in a buffer, under the names of releases 1.0.0 to 1.0.2."""

from mimocorb.compat.manual.release_histograms import animHists, histogram_buffer, plot_Histograms

__all__ = ["animHists", "histogram_buffer", "plot_Histograms"]
