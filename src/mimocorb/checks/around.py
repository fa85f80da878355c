"""Whether a filter can hand on events around those that its function keeps."""

from __future__ import annotations

from collections.abc import Iterator

from mimocorb.components.component import Component
from mimocorb.model import BufferSpec, Setup, WorkerSpec
from mimocorb.model.problem import Problem

__all__ = ["around_problems"]


def around_problems(
    component: Component, spec: WorkerSpec, setup: Setup | None
) -> Iterator[Problem]:
    """Yield why ``events_before`` and ``events_after`` of a worker make no sense.

    Parameters
    ----------
    component, spec
        The function and its worker.
    setup
        The set-up; None if its buffers are not complete.
    """
    if not (spec.looks_around and spec.reads and spec.writes):
        return  # without both, the keys are reported as useless
    if component.kind != "filter":
        yield _problem(
            spec,
            "is for a function marked with @filter, which says what is kept",
            f"found {component.name}, a function of an older form",
            "write @filter above a function that returns True or None for an event",
        )
        return
    if len(spec.reads) > 1:
        yield _problem(
            spec,
            "needs one buffer, in whose order events are before and after each other",
            f"found {', '.join(spec.reads)}",
            "let a filter before it merge them into one buffer",
        )
    if len(spec.writes) > 1:
        yield _problem(
            spec,
            "hands events on into one buffer",
            f"found {', '.join(spec.writes)}",
            "let a filter behind it distribute them",
        )
    if spec.number_of_processes > 1:
        yield _problem(
            spec,
            "needs one process: several share the events, so that what is before and after an"
            " event is in the hands of others",
            f"found number_of_processes: {spec.number_of_processes}",
            "set it to 1, and let several processes work before it (with ordered: true) or behind",
        )
    if setup is not None and len(spec.reads) == len(spec.writes) == 1:
        buffers = {buffer.name: buffer for buffer in setup.buffers}
        source, sink = buffers.get(spec.reads[0]), buffers.get(spec.writes[0])
        if source is not None and sink is not None:
            yield from _of_buffers(spec, source, sink)


def _problem(spec: WorkerSpec, asked: str, found: str, remedy: str) -> Problem:
    keys = " and ".join(
        f"{key}: {getattr(spec, key)}"
        for key in ("events_before", "events_after")
        if getattr(spec, key)
    )
    return Problem(spec.where, f"{keys} of {spec.name} {asked}", found, remedy)


def _of_buffers(spec: WorkerSpec, source: BufferSpec, sink: BufferSpec) -> Iterator[Problem]:
    held = max(spec.events_before, spec.events_after + 1)
    if source.slot_count < held + 2:
        yield _problem(
            spec,
            f"keeps up to {held} events in the slots of {source.name} until they are decided, and"
            " the next ones need slots, too",
            f"found slot_count: {source.slot_count}",
            f"give {source.name} at least {held + 2} slots; {2 * held + 16} let it work in batches",
        )
    forms = [(each.data_dtype, each.data_length, each.variable) for each in (source, sink)]
    if forms[0] != forms[1]:
        yield _problem(
            spec,
            f"copies whole events from {source.name} into {sink.name}",
            f"found data_length: {source.data_length} and {sink.data_length}, data_dtype:"
            f" {source.data_dtype} and {sink.data_dtype}",
            "give both buffers the same, and let a filter behind it reduce the events",
        )
