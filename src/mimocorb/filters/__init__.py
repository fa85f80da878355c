"""Where :mod:`mimocorb.filters.pulses` is."""
