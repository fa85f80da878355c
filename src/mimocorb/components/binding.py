"""Calling functions of the plain form: they see arrays and their parameters, nothing else.

The access classes do the work with buffers. Here is only what lies between them and a function:
arguments from the configuration, metadata for those who ask for them, and the end of an object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb.buffers.layout import contiguous_samples
from mimocorb.components.component import Component
from mimocorb.components.configuration import configure, misuse
from mimocorb.components.form import Metadata, is_batch
from mimocorb.components.user_function import closed_at_end
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.model.merge import MergeSettings

if TYPE_CHECKING:
    from mimocorb.components.call import Work, WorkerCall

__all__ = ["bind"]


def bind(function: Callable[..., Any], call: WorkerCall) -> Work:
    """Check the configuration, and make the object if `function` is a class; returns the work.

    Raises
    ------
    SetupError
        With all problems, in the words of ``mimocorb check``.
    """
    component = Component.of(function)
    configured, faults = configure(component, call.spec)
    problems = [*misuse(component, call.spec), *faults]
    if problems:
        raise SetupError(*sorted(problems, key=lambda problem: problem.where))
    if _merges(component, call):
        MergeSettings.from_config(call.spec.config)  # so that a wrong one is known before data come
    if is_batch(function) and len(call.spec.reads) > 1:
        raise SetupError(
            f"{function.__name__} reads {', '.join(call.spec.reads)}, but a batch filter reads"
            " one buffer: events that belong together come one set at a time, to a filter without"
            " batch=True"
        )
    arguments = {**configured, **_given(component, call)}
    if component.kind == "source":
        return functools.partial(_run_source, function, arguments, call)
    target = function(**arguments) if isinstance(function, type) else function
    if arguments and target is function:
        target = functools.partial(function, **arguments)

    def work() -> None:
        with closed_at_end(target):
            _loop(function, target, component, call).run()

    return work


def _given(component: Component, call: WorkerCall) -> dict[str, Any]:
    """Return the arguments that mimocorb gives by name."""
    role = {"source": call.sink_list, "observer": call.observe_list}
    (buffer, *_) = role.get(component.kind or "", call.source_list) or ({},)
    known = {
        "buffer": buffer,
        "directory": Path(call.directory_prefix),
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


def _run_source(
    function: Callable[..., Any], arguments: Mapping[str, Any], call: WorkerCall
) -> None:
    from mimocorb.components.roles.source import Source

    events = function(**arguments)
    if not isinstance(events, Iterable):
        raise UserFunctionError(
            f"{function.__name__} is a source, so it yields events, or returns something to"
            f" iterate over; it returned {type(events).__name__}"
        )
    (setup,) = call.sink_list or ()
    with closed_at_end(events):
        source = Source(setup, function.__name__, batch=is_batch(function))
        source.run(lambda: iter(events).__next__)


def _merges(component: Component, call: WorkerCall) -> bool:
    """Whether a filter reads several buffers, and so is called with an event of each."""
    return component.kind == "filter" and len(call.spec.reads) > 1


def _loop(
    function: Callable[..., Any],
    target: Callable[..., Any],
    component: Component,
    call: WorkerCall,
) -> Any:
    """Return the loop of a role; imported here, as a worker loads only what it uses."""
    name, config = function.__name__, call.spec.config
    metadata = Metadata if component.takes_metadata else None
    sources, sinks = call.source_list or (), call.sink_list or ()
    if _merges(component, call):
        from mimocorb.components.roles.merge import Merge

        settings = MergeSettings.from_config(config)
        return Merge(sources, sinks, target, name, settings, metadata=metadata)
    if component.kind == "filter":
        from mimocorb.components.roles.filter import Filter

        batch = is_batch(function)
        return Filter(
            sources[0], sinks, target, name, metadata=metadata, batch=batch, config=config
        )
    if component.kind == "sink":
        from mimocorb.components.roles.sink import Sink

        return Sink(sources[0], target, name, metadata=component.takes_metadata)
    from mimocorb.components.roles.newest_events import checked_interval
    from mimocorb.components.roles.observer import Watch

    (observed,) = call.observe_list or ()
    interval_s = checked_interval(name, config)
    return Watch(observed, target, name, interval_s, metadata=metadata)
