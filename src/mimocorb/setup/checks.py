"""Everything that can be known to be wrong with a set-up before a process is started.

Types and ranges have been checked while reading; here it is about what the parts say together:
names, data flow, memory. Functions are examined where they are loaded, see
:mod:`mimocorb.checks.examination`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from mimocorb._memory import available_bytes, size_in_words
from mimocorb.model import Setup, WorkerSpec
from mimocorb.model.buffer import CONNECTS
from mimocorb.model.keys import keys_of
from mimocorb.model.merge import MergeSettings, merge_fault
from mimocorb.model.problem import NOWHERE, Problem, Where
from mimocorb.setup.form import Form
from mimocorb.setup.graph import Graph
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import shown
from mimocorb.setup.reading.parts import read_keys
from mimocorb.setup.text.setup_file import MappingNode, node_from_python

__all__ = ["check", "merge_problems", "standstill_problems"]


def check(
    setup: Setup, *, buffers_complete: bool = True, assignments_complete: bool = True
) -> list[Problem]:
    """Return all problems of a set-up, in the order of the file.

    Parameters
    ----------
    setup
        The set-up.
    buffers_complete, assignments_complete
        Whether all buffers, and the buffers of all workers, are what the user wrote. What was
        unreadable may be just what seems to be missing, so that is not reported then.
    """
    problems = [
        *_shared_files(setup),
        *_memory(setup),
        *_hosts(setup),
    ]
    if buffers_complete:
        problems += [*_unknown_buffers(setup), *_unknown_subjects(setup)]
    if buffers_complete and assignments_complete:
        problems += [*_idle_workers(setup), *_dead_ends(setup)]
        problems += _lost_channels(setup)
    problems += _loops(setup)
    return sorted(problems, key=lambda problem: problem.where)


def _lost_channels(setup: Setup) -> Iterator[Problem]:
    """Yield filters between two buffers of the same counts, of which one knows no units, or others.

    Such a filter hands events on as they are, so that a count would get another meaning.
    """
    buffers = {buffer.name: buffer for buffer in setup.buffers}
    for worker in setup.workers:
        for name in worker.writes if len(worker.reads) == 1 else ():
            before, behind = buffers.get(worker.reads[0]), buffers.get(name)
            if before is None or behind is None:
                continue  # which is reported
            if before.data_dtype != behind.data_dtype or not before.data_dtype.names:
                continue
            known = [{each.name: each for each in one.channels} for one in (before, behind)]
            for field in before.data_dtype.names:
                one, other = (channels.get(field) for channels in known)
                raw = (one is not None and one.is_raw) or (other is not None and other.is_raw)
                if raw and one != other:
                    yield Problem(
                        behind.where,
                        f"{behind.name} has the channels of {before.name}, whose events"
                        f" {worker.name} hands on",
                        f"found that {field} is {other or 'a number without a scale'}, and"
                        f" {one or 'a number without a scale'} in {before.name}",
                        "copy the channels, or choose a type such as float32 for values in units",
                        "warning",
                    )
                    break


def merge_problems(spec: WorkerSpec) -> Iterator[Problem]:
    """Yield what is wrong with how a filter puts events of several buffers together."""
    form, origin = Form(), spec.config_origin
    _read_merge(form, spec.config.get("merge"), f"merge of {spec.name}")
    below = origin.places.get("merge", spec.where)
    for problem in form.problems:
        # the place of a node from Python is its path
        yield replace(problem, where=origin.places_below.get(problem.where.file, below))


def _read_merge(form: Form, given: object, what: str) -> None:
    if isinstance(given, Mapping):  # nothing given is as good as not given: timeout_s: null
        given = {key: value for key, value in given.items() if value is not None}
    example = "merge: {by: time, window_s: 0.001}"
    table = form.mapping(node_from_python(given, "merge"), what, example)
    if table is None:
        return
    entries = form.entries(what, table, {key: (key,) for key in keys_of(MergeSettings)})
    before = len(form.problems)
    values = read_keys(form, MergeSettings, MappingNode(entries, table.where), what)
    fault = merge_fault(values)
    if fault and len(form.problems) == before:
        key, asked, found, remedy = fault
        form.error(entries[key].key.where, f"{what}: {asked}", found, remedy)


def standstill_problems(spec: WorkerSpec, setup: Setup) -> Iterator[Problem]:
    """Yield why a filter that puts events together may bring everything to a standstill.

    It waits for a partner with events in its hands. If both come from one worker, that one may wait
    for room for more of these events, and never come to the partner.
    """
    merge = spec.config.get("merge")
    if isinstance(merge, Mapping) and merge.get("timeout_s") is not None:
        return
    graph = Graph(setup)
    for number, first in enumerate(spec.reads):
        for second in spec.reads[number + 1 :]:
            common = graph.upstream(first) & graph.upstream(second)
            if common:
                nearest_one = [name for name in graph.worker_order if name in common][-1]
                yield Problem(
                    spec.config_origin.places.get("merge", spec.where),
                    f"{spec.name} cannot wait for ever for events of {first} or {second}, which "
                    f"both come from {nearest_one}",
                    "found no timeout_s: if one of them gets nothing for long, the other one is "
                    f"full, {nearest_one} waits for room, and everything stands still",
                    "add merge: {timeout_s: …} to its config, with the longest time in s between "
                    "partners",
                    "warning",
                )
                return


def _unknown_buffers(setup: Setup) -> Iterator[Problem]:
    known = [spec.name for spec in setup.buffers]
    for spec in setup.workers:
        for name in spec.roles:
            if name not in known:
                guess = _meant(name, known)
                yield Problem(
                    spec.places.get(name, spec.where),
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
    for name, where in setup.places.items():
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
        if not spec.roles:
            yield Problem(
                spec.where,
                f"{spec.name} reads, writes or observes a buffer",
                "found no buffer",
                f"assign one, for example: {_assignment(setup, first, 'read')}",
            )
            continue
        for key, needed in spec.useless_keys():
            yield _useless(spec, key, needed)


def _useless(spec: WorkerSpec, key: str, needed: str) -> Problem:
    used = ", ".join(f"{role} {name}" for name, role in spec.roles.items())
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
        used = [*graph.writers(spec.name), *graph.readers(spec.name)]
        if spec.backend == CONNECTS and used:
            continue  # the other end may be in another set-up
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
        reads, writes, observes = (
            tuple(name if name in known else _meant(name, known) or name for name in names)
            for names in (spec.reads, spec.writes, spec.observes)
        )
        workers.append(replace(spec, reads=reads, writes=writes, observes=observes))
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


def _hosts(setup: Setup) -> Iterator[Problem]:
    """Workers on hosts that are not there, or on none."""
    for spec in setup.workers:
        if setup.hosts and not spec.host:
            yield Problem(
                spec.where,
                "every worker of a set-up with Hosts has a host",
                f"found none at {spec.name}",
                f"add host: {setup.hosts[0]}",
            )
        for name in spec.host:
            if name not in setup.hosts:
                guess = nearest(name, setup.hosts)
                yield Problem(
                    spec.where,
                    f"the host of {spec.name} is one of Hosts",
                    f"found {name!r}",
                    f"did you mean {guess!r}?" if guess else f"add {name} to Hosts",
                )


def _shared_files(setup: Setup) -> Iterator[Problem]:
    """Two functions with one and the same output file name."""
    sinks: dict[tuple[str, str, str], list[WorkerSpec]] = defaultdict(list)
    for spec in setup.workers:
        filename = spec.config.get("filename")
        # Those of mimocorb are asked where they are loaded.
        is_own = spec.function.path is None
        if spec.reads and not spec.writes and not is_own and isinstance(filename, str):
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
        f"use fewer slots than {largest.slot_count} for {largest.name}",
        "warning" if fits else "error",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _start(setup: Setup) -> Where:
    return Where(shown(setup.path)) if setup.path else NOWHERE
