"""Everything that can be known to be wrong with a set-up before a process is started.

Types and ranges have been checked while reading; here it is about what the parts say together:
names, data flow, memory. Functions are examined where they are loaded, see
:mod:`mimocorb._functions.examination`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from mimocorb._memory import available_bytes, size_in_words
from mimocorb.setup.form import Form
from mimocorb.setup.graph import Graph
from mimocorb.setup.keys.composite_kinds import Merge
from mimocorb.setup.model import BufferSpec, Setup, WorkerSpec
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import shown
from mimocorb.setup.problems import NOWHERE, Problem, Where
from mimocorb.setup.text.setup_file import node_from_python

__all__ = ["check", "merge_problems"]


def check(
    setup: Setup, *, buffers_complete: bool = True, assignments_complete: bool = True
) -> list[Problem]:
    """Return all problems of a set-up, in the order of the file.

    Parameters
    ----------
    setup
        The set-up.
    buffers_complete, assignments_complete
        Whether all buffers, and ``rb_assign`` of all workers, are what the user wrote. What was
        unreadable may be just what seems to be missing, so that is not reported then.
    """
    repeated = list(_repeated_names(setup))
    problems = [
        *repeated,
        *_shared_files(setup),
        *_memory(setup),
    ]
    if buffers_complete:
        problems += [*_unknown_buffers(setup), *_unknown_subjects(setup)]
    if buffers_complete and assignments_complete:
        problems += [*_idle_workers(setup), *_dead_ends(setup)]
    if not repeated:
        problems += _loops(setup)
    return sorted(problems, key=lambda problem: problem.where)


def _repeated_names(setup: Setup) -> Iterator[Problem]:
    groups: Sequence[tuple[str, Sequence[BufferSpec | WorkerSpec]]] = (
        ("buffer", setup.buffers),
        ("worker", setup.workers),
    )
    for kind, specs in groups:
        first: dict[str, BufferSpec | WorkerSpec] = {}
        for spec in specs:
            if spec.name in first:
                yield Problem(
                    spec.where,
                    f"every {kind} has a name of its own",
                    f"found {spec.name!r} at {first[spec.name].where} already",
                    "choose another name",
                )
            first.setdefault(spec.name, spec)


def merge_problems(spec: WorkerSpec) -> Iterator[Problem]:
    """Yield what is wrong with how a filter puts events of several buffers together."""
    form, origin = Form(), spec.config_origin
    Merge().read(form, node_from_python(spec.config.get("merge"), "merge"), f"merge of {spec.name}")
    below = origin.places.get("merge", spec.where)
    for problem in form.problems:
        # the place of a node from Python is its path
        yield replace(problem, where=origin.places_below.get(problem.where.file, below))


def _unknown_buffers(setup: Setup) -> Iterator[Problem]:
    known = [spec.name for spec in setup.buffers]
    for spec in setup.workers:
        for name in spec.rb_assign:
            if name not in known:
                guess = _meant(name, known)
                yield Problem(
                    spec.rb_where.get(name, spec.where),
                    f"{spec.name} uses buffers that the set-up has",
                    f"found {name!r}",
                    f"did you mean {guess!r}?" if guess else f"the buffers are {_listed(known)}",
                )


def _meant(name: str, known: Iterable[str]) -> str | None:
    """Return the name that is most likely meant; RB_3 is not what somebody means by RB_4."""
    guess = nearest(name, known)
    is_another = guess and re.sub(r"\d+", "", guess) == re.sub(r"\d+", "", name)
    return None if is_another else guess


def _unknown_subjects(setup: Setup) -> Iterator[Problem]:
    """Limits and stop conditions on something that is not there."""
    buffers = [spec.name for spec in setup.buffers]
    workers = [spec.name for spec in setup.workers]
    for name, where in setup.runevents_where.items():
        if name not in buffers:
            guess = _meant(name, buffers)
            yield Problem(
                where,
                "runevents counts events in buffers that the set-up has",
                f"found {name!r}",
                f"did you mean {guess!r}?" if guess else f"the buffers are {_listed(buffers)}",
            )
    for condition in setup.stop_when:
        if condition.subject not in (*buffers, *workers):
            guess = _meant(condition.subject, [*buffers, *workers])
            yield Problem(
                condition.where,
                "a condition of stop_when begins with the name of a buffer or worker",
                f"found {condition.subject!r}",
                f"did you mean {guess!r}?" if guess else "correct the name",
            )
        elif condition.subject not in workers and condition.quantity != "events":
            yield Problem(
                condition.where,
                f"the buffer {condition.subject} reports 'events'",
                f"found {condition.quantity!r}",
                f"write {condition.subject}.events, or name the worker that reports it",
            )


def _idle_workers(setup: Setup) -> Iterator[Problem]:
    if not setup.workers:
        yield Problem(
            _start(setup), "a set-up has at least one function", "found none", "add a source"
        )
    first = setup.buffers[0].name if setup.buffers else "RB_1"
    for spec in setup.workers:
        if not spec.rb_assign:
            yield Problem(
                spec.where,
                f"{spec.name} reads, writes or observes a buffer",
                "found no buffer",
                f"assign one, for example: {_assignment(setup, first, 'read')}",
            )
        elif spec.ordered and not (spec.sources and spec.sinks):
            yield _useless(spec, "ordered", "reads and writes buffers")
        elif spec.rejected_prescale and not spec.sources:
            yield _useless(spec, "rejected_sample", "reads a buffer")


def _useless(spec: WorkerSpec, key: str, needed: str) -> Problem:
    used = ", ".join(f"{role} {name}" for name, role in spec.rb_assign.items())
    return Problem(
        spec.where, f"{key} is for a worker that {needed}", f"found {used}", f"remove {key}"
    )


def _dead_ends(setup: Setup) -> Iterator[Problem]:
    """Buffers that nobody writes, or that nobody reads or observes."""
    if not setup.buffers:
        yield Problem(
            _start(setup), "a set-up has at least one buffer", "found none", "define RB_1"
        )
    graph = Graph(_with_guessed_names(setup))
    for spec in setup.buffers:
        if not graph.writers(spec.name):
            yield Problem(
                spec.where,
                f"buffer {spec.name} is written by a function",
                "found none that writes it",
                f"assign it to a source or filter: {_assignment(setup, spec.name, 'write')}",
            )
        if not graph.readers(spec.name) and not graph.observers(spec.name):
            yield Problem(
                spec.where,
                f"buffer {spec.name} is read or observed by a function",
                "found none that reads or observes it",
                f"assign it to a function: {_assignment(setup, spec.name, 'read')}, or remove"
                " the buffer",
            )


def _assignment(setup: Setup, buffer: str, role: Literal["read", "write"]) -> str:
    """Say how a worker reads or writes a buffer in the form in which the set-up is written."""
    if setup.dialect == "mimoCoRB2":
        return f"{'sources' if role == 'read' else 'sinks'}: [{buffer}]"
    return f'{buffer}: "{role}"'


def _with_guessed_names(setup: Setup) -> Setup:
    """Return the set-up with misspelt buffer names corrected: each slip is reported once."""
    known = [spec.name for spec in setup.buffers]
    workers = []
    for spec in setup.workers:
        exact = {name: role for name, role in spec.rb_assign.items() if name in known}
        guessed = {_meant(name, known) or name: role for name, role in spec.rb_assign.items()}
        assign = {**guessed, **exact}
        workers.append(WorkerSpec(spec.name, spec.function, rb_assign=assign))
    return Setup(buffers=setup.buffers, workers=tuple(workers))


def _loops(setup: Setup) -> Iterator[Problem]:
    places = {spec.name: spec.where for spec in setup.workers}
    places |= {spec.name: spec.where for spec in setup.buffers}
    for loop in Graph(setup).cycles():
        # The message begins with what comes first in the file, whatever the search met first.
        start = min(range(len(loop) - 1), key=lambda index: places[loop[index]])
        turned = [*loop[start:-1], *loop[:start], loop[start]]
        yield Problem(
            places[turned[0]],
            "data flow from sources to sinks without a loop",
            f"found the loop {' → '.join(turned)}",
            "let one of them write into another buffer; a loop can never be drained",
        )


def _shared_files(setup: Setup) -> Iterator[Problem]:
    """Two functions with one and the same output file name."""
    sinks: dict[tuple[str, str, str], list[WorkerSpec]] = defaultdict(list)
    for spec in setup.workers:
        filename = spec.config.get("filename")
        # Those of mimocorb are asked where they are loaded.
        is_own = spec.function.path is None
        if spec.sources and not spec.sinks and not is_own and isinstance(filename, str):
            sinks[spec.function.asked, spec.function.name, filename].append(spec)
    for (_, function, filename), specs in sinks.items():
        for spec in specs[1:]:
            yield Problem(
                spec.where,
                "every function that writes a file has a file of its own",
                f"found {specs[0].name} and {spec.name} both running {function} with the "
                f"filename {filename!r}",
                _other_filename(setup, spec),
                "warning",
            )


def _other_filename(setup: Setup, spec: WorkerSpec) -> str:
    if setup.dialect == "mimoCoRB2":
        return f"give {spec.name} another filename in its config"
    return f"give {spec.name} a config_file of its own"


def _memory(setup: Setup) -> Iterator[Problem]:
    available = available_bytes()
    if not setup.buffers or setup.size_bytes <= available // 2:
        return
    largest = max(setup.buffers, key=lambda spec: spec.size_bytes)
    fits = setup.size_bytes <= available
    yield Problem(
        largest.where,
        f"the buffers need {size_in_words(setup.size_bytes)} of memory, {largest.name} alone "
        f"{size_in_words(largest.size_bytes)}",
        f"found {size_in_words(available)} available",
        f"use fewer slots than {largest.number_of_slots} for {largest.name}",
        "warning" if fits else "error",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _start(setup: Setup) -> Where:
    return Where(shown(setup.path)) if setup.path else NOWHERE
