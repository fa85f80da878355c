"""A device whose driver is not installed."""

import driver_that_is_not_there  # noqa: F401
