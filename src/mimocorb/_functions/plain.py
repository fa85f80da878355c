"""Calling functions of the plain form: they see arrays and their parameters, nothing else.

The access classes do the work with buffers. Here is only what lies between them and a function:
arguments from the configuration, metadata for those who ask for them, and the end of an object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb._access.layout import contiguous_samples
from mimocorb.components.component import Component
from mimocorb.components.configuration import configure, misuse
from mimocorb.components.form import Metadata
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.model.merge import MergeSettings

if TYPE_CHECKING:
    from mimocorb._functions.call import Work, WorkerCall

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
    arguments = {**configured, **_given(component, call)}
    if component.kind == "source":
        return functools.partial(_run_source, function, arguments, call)
    if isinstance(function, type):
        target = function(**arguments)
    else:
        target = functools.partial(function, **arguments)
    called = _called(target, function.__name__, component)

    def work() -> None:
        with _closed_at_end(target):
            _run_called(called, component, call)

    return work


def _given(component: Component, call: WorkerCall) -> dict[str, Any]:
    """Return the arguments that mimocorb gives by name."""
    role = {"source": call.sink_list, "observer": call.observe_list}
    (buffer, *_) = role.get(component.kind or "", call.source_list) or ({},)
    known = {"directory": Path(call.directory_prefix), **_form_of_events(buffer)}
    return {name: known[name] for name in component.given}


def _form_of_events(buffer: Mapping[str, Any]) -> dict[str, Any]:
    dtype, values = buffer["dtype"], buffer["values_per_slot"]
    return {
        "dtype": dtype,
        "number_of_channels": len(dtype.names or ("value",)),
        "number_of_samples": contiguous_samples(dtype, values) or values,
    }


def _called(target: Callable[..., Any], name: str, component: Component) -> Callable[..., Any]:
    """Return the target as its access class calls it, under the name of the user's function."""

    def with_named_metadata(data: Any, metadata: Any) -> Any:
        return target(data, _named(metadata))

    def without_metadata(data: Any, _metadata: Any) -> Any:
        return target(data)

    called = target
    if component.takes_metadata and component.kind != "sink":  # which gets named arrays already
        called = with_named_metadata
    elif not component.takes_metadata and component.kind != "filter":  # which is called without
        called = without_metadata
    if called is not target or isinstance(target, functools.partial):
        setattr(called, "__name__", name)  # noqa: B010 - a partial has no such attribute before
    return called


def _named(metadata: Any) -> Any:
    """Return metadata with their names: those of an event, or of one event from each buffer."""
    if isinstance(metadata, dict):
        return {name: each and Metadata(*each) for name, each in metadata.items()}
    return Metadata(*metadata)


def _run_source(
    function: Callable[..., Any], arguments: Mapping[str, Any], call: WorkerCall
) -> None:
    from mimocorb.sources.from_function import SourceToBuffer

    events = function(**arguments)
    if not isinstance(events, Iterable):
        raise UserFunctionError(
            f"{function.__name__} is a source, so it yields events, or returns something to"
            f" iterate over; it returned {type(events).__name__}"
        )
    with _closed_at_end(events):
        _run(SourceToBuffer, call, data_source=events)


def _merges(component: Component, call: WorkerCall) -> bool:
    """Whether a filter reads several buffers, and so is called with an event of each."""
    return component.kind == "filter" and len(call.spec.reads) > 1


def _run_called(called: Callable[..., Any], component: Component, call: WorkerCall) -> None:
    """Run the access class of a kind; imported here, as a worker loads only what it uses."""
    if _merges(component, call):
        from mimocorb.filters.merge import MergeBuffers

        _run(MergeBuffers, call, function=called, with_metadata=component.takes_metadata)
    elif component.kind == "filter":
        from mimocorb.filters.from_function import BufferToBuffer

        _run(BufferToBuffer, call, filter=called, with_metadata=component.takes_metadata)
    elif component.kind == "sink":
        from mimocorb.sinks.from_function import rbExport

        _run(rbExport, call, ufunc=called, in_batches=True)
    else:
        from mimocorb.displays.observer import rbObserver

        _run(rbObserver, call, ufunc=called)


def _run(access_class: Callable[..., Any], call: WorkerCall, **options: Any) -> None:
    roles = dict(call.spec.roles)
    access_class(
        call.source_list, call.sink_list, call.observe_list, call.config_dict, **options, **roles
    )()


@contextmanager
def _closed_at_end(target: object) -> Iterator[None]:
    """Close a generator or an object that can be closed, however the work ends."""
    try:
        yield
    finally:
        close = getattr(target, "close", None)
        if close is not None:
            close()
