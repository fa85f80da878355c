"""Where :mod:`mimocorb.analysis.pulses` is."""
