"""The decorators of the plain form: they say what a function is, and change nothing about it.

Light, so that a module of user functions is imported as quickly as without them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from mimocorb.setup.user_code.signatures import Kind

__all__ = ["Metadata", "filter", "kind_of", "observer", "sink", "source"]

Function = TypeVar("Function", bound=Callable[..., Any])

_ATTRIBUTE = "__mimocorb_kind__"


class Metadata(NamedTuple):
    """What is known of an event besides its data.

    A filter or observer with a second parameter ``metadata`` gets one of these; the ``metadata`` of
    a sink has the same names, with one array entry for each event.

    Parameters
    ----------
    counter
        Number of the event, from 0.
    timestamp
        UTC in seconds since 1970.
    deadtime
        Fraction dead / (dead + active) of the interval since the previous event; -1: not measured.
    """

    counter: int
    timestamp: float
    deadtime: float


def source(function: Function) -> Function:
    """Mark a generator function as a source: each event that it yields goes into a buffer.

    Its keyword parameters are its configuration. It stays the function that it is.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb import source
    >>> @source
    ... def ramps(*, count: int, height_mV: float = 5.0):
    ...     for _ in range(count):
    ...         yield np.linspace(0.0, height_mV, 6)
    >>> [event.tolist() for event in ramps(count=1)]
    [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]
    """
    return _marked(function, "source")


def filter(function: Function) -> Function:
    """Mark a function, or a class of callable objects, as a filter: called with each event.

    It returns None to reject the event, True to keep it, or results. Its keyword parameters are its
    configuration. It stays what it is. A filter that reads several buffers is called with a
    dictionary: name of the buffer → event, of those that belong together.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb import filter
    >>> @filter
    ... def large_pulses(event, *, threshold_mV: float):
    ...     return True if event["chA"].max() > threshold_mV else None
    >>> large_pulses({"chA": np.array([0.0, 12.5, 3.0])}, threshold_mV=10.0)
    True
    """
    return _marked(function, "filter")


def sink(function: Function) -> Function:
    """Mark a function, or a class of callable objects, as a sink: called with batches of events.

    Its keyword parameters are its configuration. It stays what it is.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb import sink
    >>> @sink
    ... class Mean:
    ...     def __init__(self):
    ...         self.count, self.total = 0, 0.0
    ...
    ...     def __call__(self, events):
    ...         self.count += len(events)
    ...         self.total += events["height_mV"].sum()
    ...
    ...     def close(self):
    ...         print(f"mean height: {self.total / self.count} mV")
    >>> mean = Mean()
    >>> mean(np.array([[(3.0,)], [(5.0,)]], dtype=[("height_mV", "f8")]))
    >>> mean.close()
    mean height: 4.0 mV
    """
    return _marked(function, "sink")


def observer(function: Function) -> Function:
    """Mark a function, or a class of callable objects, as an observer of the newest events.

    It is called from time to time with a copy of the newest event, and slows nobody. Its keyword
    parameters are its configuration. It stays what it is.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb import observer
    >>> @observer
    ... def peak(event, metadata, *, channel: str = "chA"):
    ...     print(f"event {metadata.counter}: {event[channel].max()} mV")
    >>> from mimocorb import Metadata
    >>> peak({"chA": np.array([0.0, 12.5])}, Metadata(counter=7, timestamp=0.0, deadtime=0.0))
    event 7: 12.5 mV
    """
    return _marked(function, "observer")


def kind_of(function: Any) -> Kind | None:
    """Return what a function has been marked as; None for one that has not."""
    return cast("Kind | None", getattr(function, _ATTRIBUTE, None))


def _marked(function: Function, kind: Kind) -> Function:
    if not callable(function):
        raise TypeError(
            f"@{kind} stands alone above a function or class, without brackets: its parameters are"
            f" the configuration. Found {function!r}."
        )
    setattr(function, _ATTRIBUTE, kind)
    return function
