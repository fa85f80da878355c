"""mimocorb: multiple-in multiple-out configurable ring buffers for physics data acquisition.

Events go from a source through ring buffers in shared memory to worker processes that filter,
reduce, store and display them while data keep flowing. Start with
:mod:`mimocorb.mimo_buffer` for the rings and :mod:`mimocorb.buffer_control` for whole set-ups.
"""

from __future__ import annotations

from importlib import import_module

# Nothing is imported before it is asked for: every worker pays for what `import mimocorb` loads,
# and a Ctrl-C is answered by a message as soon as the command line is loaded. Not even typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mimocorb.buffers.jagged import Jagged
    from mimocorb.buffers.units import in_units
    from mimocorb.components.decisions import Reject
    from mimocorb.components.device import device_lost, run_goes_on
    from mimocorb.components.form import Metadata, filter, observer, sink, source
    from mimocorb.components.meter import reading_out
    from mimocorb.components.reporting import report
    from mimocorb.run.recorded import open as open
    from mimocorb.run.remote.running_runs import connect
    from mimocorb.run.scans.scan import scan

__all__ = [
    "MANUAL_RELEASE",
    "Jagged",
    "Metadata",
    "Reject",
    "__version__",
    "connect",
    "device_lost",
    "filter",
    "in_units",
    "observer",
    "reading_out",
    "report",
    "run_goes_on",
    "scan",
    "sink",
    "source",
]

__version__: str

MANUAL_RELEASE = "1.0"
"""The release of mimoCoRB whose manual, ETP-KA/2022-06, describes the documented interface."""

# `open` is not among the names for `from mimocorb import *`, which would hide Python's own.
_HOMES = {
    "Jagged": "mimocorb.buffers.jagged",
    "Metadata": "mimocorb.components.form",
    "Reject": "mimocorb.components.decisions",
    "connect": "mimocorb.run.remote.running_runs",
    "device_lost": "mimocorb.components.device",
    "filter": "mimocorb.components.form",
    "in_units": "mimocorb.buffers.units",
    "observer": "mimocorb.components.form",
    "open": "mimocorb.run.recorded",
    "reading_out": "mimocorb.components.meter",
    "report": "mimocorb.components.reporting",
    "run_goes_on": "mimocorb.components.device",
    "scan": "mimocorb.run.scans.scan",
    "sink": "mimocorb.components.form",
    "source": "mimocorb.components.form",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("mimocorb")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
