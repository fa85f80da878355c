"""The form of a component: a decorated function or class; its keyword parameters configure it.

The decorators say what a function is, and change nothing about it. Light, so that a module of user
functions is imported as quickly as without them.

What to use when
----------------

========================  ======================================================================
``@source``               a generator function that yields one event at a time
``@source(batch=True)``   one that yields blocks of events: simulations, files, fast digitizers
``@filter``               called with one event; says whether it is kept, or what comes of it
``@filter(batch=True)``   called with all events that wait: for many small events
``@sink``                 called with all events that wait; keeps or shows them
``@observer``             called with a copy of the newest event from time to time
========================  ======================================================================

A class may have these methods as well:

==============================  ================================================================
``close()``, or ``__exit__``    called once at the end, whatever it is
``check(buffer, **config)``     a class method that raises a SetupError for a buffer or a
                                configuration it cannot work with, and returns the most bytes
                                that an event takes in its file, or None. `buffer` has ``name``,
                                ``dtype`` and ``values_per_slot``. ``mimocorb check`` calls it,
                                and every run before it starts.
``output_name(**config)``       a class method that returns the name of the file that it makes
                                in the directory of the run, so that no two workers make one
``output_in_parts``             not a method but a class attribute, True if each of several
                                processes of a worker makes a part of its own of that file
``reports(**config)``           a class method that returns the names of the results it reports,
                                on which a set-up can end the run; units may follow
``follows(**config)``           a class method that returns the names of the workers whose
                                results it works on; the set-up has to have them
``is_followed``                 a class attribute, True if others may work on its results so
``hands_on(**config)``          a class method that returns the names of the fields of what it
                                writes into the last of its sinks
``copies``                      a class attribute, True if the first of its sinks gets copies of its
                                events; beside ``hands_on``, if there are several sinks
``begin(newest)``, ``idle()``   of observers, see :class:`mimocorb.components.roles.observer.Watch`
==============================  ================================================================

A source is a function; what would be its class method ``check`` may be an attribute of it, and is
called with the buffer that it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Self, TypeVar, cast, get_args, overload

__all__ = [
    "KINDS",
    "Kind",
    "Metadata",
    "filter",
    "is_batch",
    "kind_of",
    "observer",
    "sink",
    "source",
]

Kind = Literal["source", "filter", "sink", "observer"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Function = TypeVar("Function", bound=Callable[..., Any])

_KIND = "__mimocorb_kind__"
_BATCH = "__mimocorb_batch__"


class _Numbers(NamedTuple):
    counter: int
    timestamp: float
    deadtime: float


class Metadata(_Numbers):
    """What is known of an event besides its data: a tuple of three numbers, and a time beside it.

    A filter or observer with a second parameter ``metadata`` gets one of these; the ``metadata`` of
    a sink or of a batch function has the same names, with one array entry for each event.

    Parameters
    ----------
    counter
        Number of the event, from 0.
    timestamp
        UTC in seconds since 1970.
    deadtime
        Fraction dead / (dead + active) of the interval since the previous event; -1: not measured.
    time_ns
        Time in whole nanoseconds, exact, since whatever moment the source counts from: its start,
        or 1970 UTC. None if the source gives none. It is no part of the tuple.
    """

    time_ns: int | None = None

    def __new__(
        cls, counter: int, timestamp: float, deadtime: float, time_ns: int | None = None
    ) -> Self:
        """Make one of three numbers, and perhaps a time."""
        return super().__new__(cls, counter, timestamp, deadtime).at(time_ns)

    def at(self, time_ns: int | None) -> Self:
        """Set the time, if there is one; for the loops, which make the tuple in a quicker way."""
        if time_ns is not None:
            self.time_ns = time_ns
        return self

    def __repr__(self) -> str:
        text = super().__repr__()
        return text if self.time_ns is None else f"{text[:-1]}, time_ns={self.time_ns})"


@overload
def source(function: Function, /) -> Function: ...


@overload
def source(*, batch: bool) -> Callable[[Function], Function]: ...


def source(function: Any = None, /, **options: Any) -> Any:
    """Mark a generator function as a source: each event that it yields goes into a buffer.

    Its keyword parameters are its configuration. It stays the function that it is.

    Parameters
    ----------
    function
        The function; left out where there are brackets.
    batch : bool
        Whether it yields blocks instead of events: an array of shape ``(k, n)`` for k events, a
        dictionary of arrays whose first axis is k, or ``(block, metadata)``, where metadata are
        arrays of k numbers. Blocks larger than the buffer are published in pieces. If
        something of a block does not fit, nothing of it is published.

    Raises
    ------
    TypeError
        Something else stands in the brackets.

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

    The same, a thousand events at a time:

    >>> @source(batch=True)
    ... def blocks_of_ramps(*, count: int, height_mV: float = 5.0):
    ...     for first in range(0, count, 1000):
    ...         k = min(1000, count - first)
    ...         yield np.tile(np.linspace(0.0, height_mV, 6), (k, 1))
    >>> [block.shape for block in blocks_of_ramps(count=2500)]
    [(1000, 6), (1000, 6), (500, 6)]
    """
    return _marked("source", function, options, batches=True)


@overload
def filter(function: Function, /) -> Function: ...


@overload
def filter(*, batch: bool) -> Callable[[Function], Function]: ...


def filter(function: Any = None, /, *more: Any, **options: Any) -> Any:
    """Mark a function, or a class of callable objects, as a filter: called with each event.

    It returns None to reject the event, True to keep it, or results. Its keyword parameters are its
    configuration. It stays what it is. A filter that reads several buffers is called with a
    dictionary: name of the buffer → event, of those that belong together.

    Parameters
    ----------
    function
        The function or class; left out where there are brackets.
    batch : bool
        Whether it is called with ``events`` of shape ``(k, n)``, all that wait up to a limit. It
        returns a mask of k truth values (these events are kept), a dictionary of arrays of length k
        (a record for each event), ``(rows, dictionary)`` (for these events only), or, with several
        sinks, a dictionary of these by the name of the sink; None rejects all. If it raises an
        exception, all events of the batch are delivered again, one by one.

    Raises
    ------
    TypeError
        Something else stands in the brackets.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb import filter
    >>> @filter
    ... def large_pulses(event, *, threshold_mV: float):
    ...     return True if event["chA"].max() > threshold_mV else None
    >>> large_pulses({"chA": np.array([0.0, 12.5, 3.0])}, threshold_mV=10.0)
    True

    The same for all events that wait:

    >>> @filter(batch=True)
    ... def all_large_pulses(events, *, threshold_mV: float):
    ...     return events["chA"].max(axis=1) > threshold_mV
    >>> events = {"chA": np.array([[0.0, 12.5, 3.0], [1.0, 2.0, 1.0]])}
    >>> all_large_pulses(events, threshold_mV=10.0)
    array([ True, False])
    """
    if more:
        raise TypeError(
            "mimocorb's filter, which marks a function, was called like Python's filter(), which "
            "it hides in this module: write 'import mimocorb as mc' and '@mc.filter'"
        )
    return _marked("filter", function, options, batches=True)


def sink(function: Function, /) -> Function:
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
    return cast("Function", _marked("sink", function, {}))


def observer(function: Function, /) -> Function:
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
    return cast("Function", _marked("observer", function, {}))


def kind_of(function: Any) -> Kind | None:
    """Return what a function has been marked as; None for one that has not."""
    return cast("Kind | None", getattr(function, _KIND, None))


def is_batch(function: Any) -> bool:
    """Return whether a function has been marked with ``batch=True``."""
    return bool(getattr(function, _BATCH, False))


def _marked(kind: Kind, function: Any, options: dict[str, Any], *, batches: bool = False) -> Any:
    """Mark a function, or return what does so when called with it: that is what stands after @."""
    batch = options.get("batch", False)
    allowed = f"@{kind} or @{kind}(batch=True)" if batches else f"@{kind}, without brackets,"
    if function is not None and not callable(function):
        raise TypeError(_wrong(allowed, repr(function)))
    if (
        options.keys() - {"batch"}
        or (function is None and not options)
        or not isinstance(batch, bool)
    ):
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise TypeError(_wrong(allowed, f"@{kind}({given})"))

    def mark(function: Any) -> Any:
        # Others, such as functools.partial, have no name or no place for the mark.
        if not callable(function) or not hasattr(function, "__name__"):
            raise TypeError(_wrong(allowed, repr(function)))
        try:
            setattr(function, _KIND, kind)
            setattr(function, _BATCH, batch)
        except AttributeError:
            raise TypeError(_wrong(allowed, repr(function))) from None
        return function

    return mark if function is None else mark(function)


def _wrong(allowed: str, found: str) -> str:
    return (
        f"write {allowed} above a function or class; the keyword parameters of the function are the"
        f" configuration. Found {found}."
    )
