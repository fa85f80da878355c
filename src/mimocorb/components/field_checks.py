"""The fields that functions read and write against the types of their buffers.

What cannot be otherwise is an error, what depends on how the function goes on is a warning: a field
that only a branch reads, or a record that does not fit beside others that do, or that may.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mimocorb.components.fields_used import (
    EventFunction,
    Written,
    as_written,
    fields_read,
    is_copy,
    is_rejection,
    results_written,
)
from mimocorb.model import BufferSpec, WorkerSpec
from mimocorb.model.problem import Problem, Severity
from mimocorb.setup.nearest import did_you_mean, nearest

__all__ = ["check_fields", "unlike"]


class _Misfit(NamedTuple):
    """A record that does not fit into a buffer, or a dictionary of other sinks than there are."""

    buffer: str
    line: int
    asked: str
    found: str
    remedy: str


def check_fields(
    spec: WorkerSpec, function: EventFunction, buffers: Iterable[BufferSpec]
) -> Iterator[Problem]:
    """Yield what does not fit between a function and the buffers of its worker.

    Parameters
    ----------
    spec, function
        The worker and its function, which needs as many buffers as the worker has.
    buffers
        Those of the set-up.
    """
    known = {buffer.name: buffer for buffer in buffers if buffer.data_dtype.itemsize}
    reads = (*spec.reads, *spec.observes)
    if function.kind != "source" and all(name in known for name in reads):
        yield from _unreadable(spec, function, known)
    if all(name in known for name in spec.writes):
        yield from _unwritable(spec, function, known)


def _unreadable(
    spec: WorkerSpec, function: EventFunction, known: dict[str, BufferSpec]
) -> Iterator[Problem]:
    for names, line, certain in fields_read(function):
        place = f"in line {line} of {spec.function.asked}"
        severity: Severity = "error" if certain else "warning"
        if len(spec.reads) > 1:  # which are called with a dictionary of buffers
            if names[0] not in spec.reads:
                guess = nearest(names[0], spec.reads)
                yield Problem(
                    spec.where,
                    f"{function.name} looks for the event of {names[0]!r} {place}",
                    f"found that {spec.name} reads {', '.join(spec.reads)}",
                    did_you_mean(guess, names[0]) if guess else "name one of these",
                    severity,
                )
                continue
            buffer, fields = known[names[0]], names[1:2]
        else:
            buffer, fields = known[(*spec.reads, *spec.observes)[0]], names[:1]
        for field in fields:
            if field not in (buffer.data_dtype.names or ()):
                guess = nearest(field, buffer.data_dtype.names or ())
                yield Problem(
                    spec.places.get(buffer.name, spec.where),
                    f"{function.name} reads the field {field!r} of {buffer.name} {place}",
                    f"found that {buffer.name} has {_fields(buffer)}",
                    did_you_mean(guess, field) if guess else _remedy(buffer),
                    severity,
                )


def _unwritable(
    spec: WorkerSpec, function: EventFunction, known: dict[str, BufferSpec]
) -> Iterator[Problem]:
    sinks = [known[name] for name in spec.writes]
    if not sinks:
        return
    source = known.get(spec.reads[0]) if len(spec.reads) == 1 else None
    checked = [
        misfit
        for result in results_written(function)
        for misfit in _misfits(result, source, sinks, is_source=function.kind == "source")
    ]
    for misfit in checked:
        if misfit is not None:
            place = f"in line {misfit.line} of {spec.function.asked}"
            yield Problem(
                spec.places.get(misfit.buffer, spec.where),
                misfit.asked,
                f"found {misfit.found}, which {function.name} writes {place}",
                misfit.remedy,
                "warning" if None in checked else "error",
            )


def _misfits(
    result: ast.expr, source: BufferSpec | None, sinks: list[BufferSpec], *, is_source: bool
) -> Iterator[_Misfit | None]:
    """Yield for each record what is wrong with it, or None: nothing, as far as the text tells."""
    if is_source and isinstance(result, ast.Tuple) and len(result.elts) == 2:
        result = result.elts[0]  # and metadata
    if not is_source and is_rejection(result):
        return
    written = as_written(result)
    names = [buffer.name for buffer in sinks]
    if written is not None:
        if not is_source and all(key in names for key in written.items):  # none of them: rejected
            by_name = dict(zip(names, sinks, strict=True))
            for name, item in written.items.items():
                yield from _misfits_of_item(item, source, by_name[name])
        elif len(sinks) == 1:
            yield _misfit(written, sinks[0])
        else:
            yield _unknown_sink(written, names)
    elif isinstance(result, ast.List) and not is_source and len(result.elts) <= len(sinks):
        behind = sinks[1:] if len(result.elts) < len(sinks) else sinks
        if behind is not sinks:
            yield _misfit_of_copy(result, source, sinks[0])
        for item, buffer in zip(result.elts, behind, strict=False):
            yield from _misfits_of_item(item, source, buffer)
    elif not is_source and is_copy(result):
        yield _misfit_of_copy(result, source, sinks[0])
    else:
        yield None


def unlike(source: BufferSpec, sink: BufferSpec) -> tuple[str, str, str] | None:
    """Return why copies of the events of a buffer do not fit into another; None if they do.

    What was asked, what was found, and what to do.
    """
    remedy = f"give {sink.name} the form of {source.name}, or hand on records of its own form"
    names, wanted = source.data_dtype.names, sink.data_dtype.names
    form, other = _fields(source), _fields(sink)
    if not names or not wanted or set(names) == set(wanted):
        if source.data_length == sink.data_length or source.variable or sink.variable:
            return None
        form, other = (f"data_length {buffer.data_length}" for buffer in (source, sink))
    copies = f"copies of events of {source.name}, with {form}"
    return f"an event of {sink.name} has {other}", copies, remedy


def _misfit_of_copy(
    result: ast.expr, source: BufferSpec | None, sink: BufferSpec
) -> _Misfit | None:
    found = unlike(source, sink) if source else None
    return _Misfit(sink.name, result.lineno, *found) if found else None


def _misfits_of_item(
    item: ast.expr, source: BufferSpec | None, buffer: BufferSpec
) -> Iterator[_Misfit | None]:
    for part in item.elts if isinstance(item, ast.List) else [item]:
        written = as_written(part)
        if written is not None:
            yield _misfit(written, buffer)
        elif is_copy(part):
            yield _misfit_of_copy(part, source, buffer)
        elif not is_rejection(part):
            yield None


def _misfit(written: Written, buffer: BufferSpec) -> _Misfit | None:
    fields = buffer.data_dtype.names or ("value",)  # so a plain value is called
    unknown = [name for name in written.items if name not in fields]
    if set(written.items) == set(fields):
        return None
    guess = nearest(unknown[0], (*fields, buffer.name)) if unknown else None
    asked = f"a record of {buffer.name} has {_fields(buffer)}"
    found = ", ".join(written.items) or "no field"
    remedy = did_you_mean(guess, unknown[0]) if guess else _remedy(buffer)
    return _Misfit(buffer.name, written.line, asked, found, remedy)


def _unknown_sink(written: Written, sinks: list[str]) -> _Misfit:
    unknown = next(name for name in written.items if name not in sinks)
    guess = nearest(unknown, sinks)
    remedy = did_you_mean(guess, unknown) if guess else "name one of these, or return a list"
    asked = f"a dictionary of results names sinks: {', '.join(sinks)}"
    return _Misfit("", written.line, asked, repr(unknown), remedy)


def _fields(buffer: BufferSpec) -> str:
    return (
        ", ".join(buffer.data_dtype.names or ()) or f"no fields, but values of {buffer.data_dtype}"
    )


def _remedy(buffer: BufferSpec) -> str:
    if buffer.data_dtype.names is None:
        return "give its type fields, or write the function for plain values"
    return "correct the function, or the type of the buffer"
