"""mimocorb: multiple-in multiple-out configurable ring buffers for physics data acquisition.

Events go from a source through ring buffers in shared memory to worker processes that filter,
reduce, store and display them while data keep flowing. Start with
:mod:`mimocorb.mimo_buffer` for the rings and :mod:`mimocorb.buffer_control` for whole set-ups.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Nothing is imported before it is asked for: every worker pays for what `import mimocorb` loads.
if TYPE_CHECKING:
    from mimocorb._access.decisions import Reject
    from mimocorb._access.meter import reading_out
    from mimocorb._access.results import report
    from mimocorb._functions.decorators import Metadata, filter, observer, sink, source
    from mimocorb.run.remote.running_runs import connect

__all__ = [
    "Metadata",
    "Reject",
    "__version__",
    "connect",
    "filter",
    "observer",
    "reading_out",
    "report",
    "sink",
    "source",
]

__version__: str

_HOMES = {
    "Metadata": "mimocorb._functions.decorators",
    "Reject": "mimocorb._access.decisions",
    "connect": "mimocorb.run.remote.running_runs",
    "filter": "mimocorb._functions.decorators",
    "observer": "mimocorb._functions.decorators",
    "reading_out": "mimocorb._access.meter",
    "report": "mimocorb._access.results",
    "sink": "mimocorb._functions.decorators",
    "source": "mimocorb._functions.decorators",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("mimocorb")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
