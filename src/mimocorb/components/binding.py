"""Calling functions of the plain form: they see arrays and their parameters, nothing else.

The access classes do the work with buffers. Here is only what lies between them and a function:
arguments from the configuration, metadata for those who ask for them, and the end of an object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mimocorb.buffers.layout import contiguous_samples
from mimocorb.components.component import Component
from mimocorb.components.configuration import configure, misuse
from mimocorb.components.form import Metadata, is_batch
from mimocorb.components.user_function import closed_at_end
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.model.merge import MergeSettings

if TYPE_CHECKING:
    from mimocorb.components.worker import Work, Worker

__all__ = ["bind"]


def bind(function: Callable[..., Any], worker: Worker) -> Work:
    """Check the configuration, and make the object if `function` is a class; returns the work.

    Raises
    ------
    SetupError
        With all problems, in the words of ``mimocorb check``.
    """
    component = Component.of(function)
    configured, faults = configure(component, worker.spec)
    problems = [*misuse(component, worker.spec), *faults]
    if problems:
        raise SetupError(*sorted(problems, key=lambda problem: problem.where))
    if _merges(component, worker):
        MergeSettings.from_config(worker.spec.config)  # a wrong one is known before data come
    if is_batch(function) and len(worker.spec.reads) > 1:
        raise SetupError(
            f"{function.__name__} reads {', '.join(worker.spec.reads)}, but a batch filter reads"
            " one buffer: events that belong together come one set at a time, to a filter without"
            " batch=True"
        )
    arguments = {**configured, **_given(component, worker)}
    if component.kind == "source":
        return functools.partial(_run_source, function, arguments, worker)
    target = function(**arguments) if isinstance(function, type) else function
    if arguments and target is function:
        target = functools.partial(function, **arguments)

    def work() -> None:
        with closed_at_end(target):
            _loop(function, target, component, worker).run()

    return work


def _given(component: Component, worker: Worker) -> dict[str, Any]:
    """Return the arguments that mimocorb gives by name."""
    role = {"source": worker.writes, "observer": worker.observes}
    (buffer, *_) = role.get(component.kind or "", worker.reads) or ({},)
    known = {
        "buffer": buffer,
        "directory": worker.directory,
        **_form_of_events(buffer),
    }
    return {name: known[name] for name in component.given}


def _form_of_events(buffer: Mapping[str, Any]) -> dict[str, Any]:
    dtype, values = buffer["dtype"], buffer["values_per_slot"]
    return {
        "dtype": dtype,
        "number_of_channels": len(dtype.names or ("value",)),
        "number_of_samples": contiguous_samples(dtype, values) or values,
    }


def _run_source(function: Callable[..., Any], arguments: Mapping[str, Any], worker: Worker) -> None:
    from mimocorb.components.roles.source import Source

    events = function(**arguments)
    if not isinstance(events, Iterable):
        raise UserFunctionError(
            f"{function.__name__} is a source, so it yields events, or returns something to"
            f" iterate over; it returned {type(events).__name__}"
        )
    (setup,) = worker.writes
    with closed_at_end(events):
        source = Source(setup, function.__name__, batch=is_batch(function))
        source.run(lambda: iter(events).__next__)


def _merges(component: Component, worker: Worker) -> bool:
    """Whether a filter reads several buffers, and so is called with an event of each."""
    return component.kind == "filter" and len(worker.spec.reads) > 1


def _loop(
    function: Callable[..., Any],
    target: Callable[..., Any],
    component: Component,
    worker: Worker,
) -> Any:
    """Return the loop of a role; imported here, as a worker loads only what it uses."""
    name, config = function.__name__, worker.spec.config
    metadata = Metadata if component.takes_metadata else None
    sources, sinks = worker.reads, worker.writes
    if _merges(component, worker):
        from mimocorb.components.roles.merge import Merge

        settings = MergeSettings.from_config(config)
        return Merge(sources, sinks, target, name, settings, metadata=metadata)
    if component.kind == "filter":
        if worker.spec.looks_around:
            from mimocorb.components.roles.around import AroundFilter as Filter
        else:
            from mimocorb.components.roles.filter import Filter  # type: ignore[assignment]

        batch = is_batch(function)
        return Filter(
            sources[0], sinks, target, name, metadata=metadata, batch=batch, config=config
        )
    if component.kind == "sink":
        from mimocorb.components.roles.sink import Sink

        return Sink(sources[0], target, name, metadata=component.takes_metadata)
    from mimocorb.components.roles.newest_events import checked_interval
    from mimocorb.components.roles.observer import Watch

    (observed,) = worker.observes
    interval_s = checked_interval(name, config)
    return Watch(observed, target, name, interval_s, metadata=metadata)
