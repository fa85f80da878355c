"""What a process does with its time, kept by native code in a page that others read.

A writer tells the account of its process when an event is published, in the call that publishes it;
the layout of the page is in :mod:`mimocorb.components.meter_page`.
"""

from mimocorb._core import TimeAccount

__all__ = ["TimeAccount"]
