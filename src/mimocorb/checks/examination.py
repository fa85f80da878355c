"""The functions of a set-up, loaded and looked at before anything is started.

``mimocorb check`` shows what comes out, and no run starts unless it is in order. Each module is
loaded in a process of its own, see :mod:`mimocorb.checks.trial`; here stands what concerns
several workers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mimocorb.buffers.new_buffer import MAX_READER_GROUPS
from mimocorb.buffers.shared_memory import MAX_HANDLES
from mimocorb.checks.examining import Examined
from mimocorb.checks.trial import Manner, Trial, try_functions
from mimocorb.components.field_checks import unlike
from mimocorb.components.reported_names import reported_names
from mimocorb.errors import SetupError
from mimocorb.model import BufferSpec, Setup, StopCondition, WorkerSpec
from mimocorb.model.problem import Problem, Where, has_errors
from mimocorb.setup.nearest import slip_of

__all__ = ["Examination", "examine", "warnings_of"]

_OF_THE_RUN = (
    "run.json",
    "log.txt",
    "log.jsonl",
    "summary.txt",
    "set_aside",
    "histograms",
    "histograms.json",
    "spill.zip",
    "spill_is_elsewhere.txt",
    "spill_finished.json",
)
"""Files that every run writes into its directory, beside the copies of what it was made with."""


@dataclass(frozen=True)
class Examination:
    """What was found.

    Parameters
    ----------
    problems
        Everything that is wrong, in the order of the files.
    trials
        What came out for each module.
    """

    problems: Sequence[Problem] = ()
    trials: Sequence[Trial] = ()

    @property
    def forms(self) -> Mapping[str, str]:
        """Form of the functions by name of the worker, as far as they could be loaded."""
        return {name: one.form for trial in self.trials for name, one in trial.workers.items()}

    @property
    def event_bytes(self) -> Mapping[str, int]:
        """The most bytes that an event takes in the file of a worker, where that is known."""
        return {
            name: one.preview.event_bytes
            for trial in self.trials
            for name, one in trial.workers.items()
            if one.preview.event_bytes is not None
        }

    @property
    def rates_hz(self) -> Mapping[str, float]:
        """The mean rate that a source declares, by name of the worker."""
        return {
            name: one.rate_hz
            for trial in self.trials
            for name, one in trial.workers.items()
            if one.rate_hz is not None
        }


def examine(setup: Setup, manner: Manner | None = None) -> Examination:
    """Load the functions of a set-up and say what is wrong; blocks until all have been tried.

    Parameters
    ----------
    setup
        The set-up as far as it could be read.
    manner
        How modules are tried out.
    """
    manner = manner or Manner()
    workers = [spec for spec in setup.workers if spec.function.asked and spec.function.name]
    trials = try_functions(setup, workers, manner)
    examined = {name: one for trial in trials for name, one in trial.workers.items()}
    found = [problem for trial in trials for problem in trial.problems]
    found += [problem for one in examined.values() for problem in one.problems]
    if manner.complete:
        files = {
            name: one.preview.filename
            for name, one in examined.items()
            if one.preview.filename and one.preview.certain
        }
        shared = {name for name, one in examined.items() if one.preview.is_shared}
        found += [*_taken_names(setup, files, shared), *_crowded_buffers(setup)]
        found += [*_not_followed(setup, examined), *_not_handed_on(setup, examined)]
        for condition in setup.stop_when:
            found += _unreported(setup, condition, examined)
        if not has_errors(found) and not any(one.takes_data for one in examined.values()):
            found += _useless_data(setup)
    return Examination(sorted(dict.fromkeys(found), key=lambda one: one.where), trials)


def warnings_of(setup: Setup, start_method: str | None = None) -> Sequence[Problem]:
    """Return what a user should know of the functions of a set-up before they run.

    Parameters
    ----------
    setup
        A set-up without errors.
    start_method
        How processes are started, as in :mod:`multiprocessing`.

    Raises
    ------
    SetupError
        The functions cannot run as the set-up says; with all that is wrong.
    """
    problems = examine(setup, Manner(start_method=start_method)).problems
    if has_errors(problems):
        raise SetupError(*problems)
    return problems


def _taken_names(
    setup: Setup, files: Mapping[str, str], shared: Collection[str]
) -> Iterator[Problem]:
    """Yield the workers whose file would already be there when they make it."""
    copies = [setup.path, *setup.config_files]
    copies += [spec.function.path for spec in setup.workers]
    copied = {path.name for path in copies if path and path.parent == setup.base_directory}
    owners: dict[str, list[str]] = defaultdict(list)
    for spec in setup.workers:
        if spec.name not in files:
            continue
        worker, name, taken = spec.name, files[spec.name], ""
        if name in {*_OF_THE_RUN, *copied}:
            taken = f"found {name}, which the run writes itself"
        elif owners[name]:
            taken = f"found {name} for {owners[name][0]} and {worker}"
        elif spec.number_of_processes > 1 and worker not in shared:
            taken = f"found {name} for {spec.number_of_processes} processes"
        owners[name].append(worker)
        if taken:
            remedy = "set number_of_processes to 1" if "processes" in taken else "another filename"
            yield Problem(
                spec.config_origin.places.get("filename", spec.where),
                f"{worker} writes a file of its own in the directory of the run",
                taken,
                remedy if remedy.startswith("set") else f"give {worker} {remedy}",
            )


def _crowded_buffers(setup: Setup) -> Iterator[Problem]:
    """Yield buffers that more workers or processes use than a ring takes."""
    for buffer in setup.buffers:
        readers = [spec for spec in setup.workers if buffer.name in spec.reads]
        users = [*readers, *(spec for spec in setup.workers if buffer.name in spec.writes)]
        processes = sum(spec.number_of_processes for spec in users)
        for what, number, limit in (
            ("workers that read it", len(readers), MAX_READER_GROUPS),
            ("processes that read or write it", processes, MAX_HANDLES),
        ):
            if number > limit:
                asked = f"a buffer has at most {limit} {what}"
                remedy = "copy its events into another buffer, and let some of them read that"
                yield Problem(buffer.where, asked, f"found {number} for {buffer.name}", remedy)


def _not_followed(setup: Setup, examined: Mapping[str, Examined]) -> Iterator[Problem]:
    """Yield workers that work on the results of one that there is not, or that has none."""
    known = [spec.name for spec in setup.workers]
    has_none = {
        spec.name: ", which fills nothing"
        for spec in setup.workers
        if spec.name in examined
        and examined[spec.name].form
        and not examined[spec.name].preview.is_followed
    }
    possible = [name for name in known if name not in has_none]
    for spec in setup.workers:
        followed = examined[spec.name].preview.follows if spec.name in examined else ()
        for name in sorted(set(followed) - set(possible)):
            guess = slip_of(name, possible)
            written = [key for key, value in spec.config.items() if value == name]
            places = [spec.config_origin.places.get(key, spec.where) for key in written]
            yield Problem(
                places[0] if places else spec.where,
                f"{spec.name} works on what a worker of the set-up fills",
                f"found {name!r}{has_none.get(name, '')}",
                f"did you mean {guess!r}?"
                if guess
                else f"write one of {', '.join(possible) or 'those that you add for it'}",
            )


def _not_handed_on(setup: Setup, examined: Mapping[str, Examined]) -> Iterator[Problem]:
    """Yield workers that write other fields than their buffer has."""
    buffers = {buffer.name: buffer for buffer in setup.buffers}
    for spec in setup.workers:
        fields = examined[spec.name].preview.hands_on if spec.name in examined else None
        if spec.name in examined and examined[spec.name].preview.copies:
            yield from _unlike_copies(spec, buffers, only_if_several=fields is not None)
        buffer = buffers.get(spec.writes[-1]) if spec.writes else None
        names = set(buffer.data_dtype.names or ()) if buffer else set()
        if buffer and fields is not None and names and names != fields:
            yield Problem(
                spec.places.get(buffer.name, spec.where),
                f"{spec.name} writes {', '.join(sorted(fields))} into {buffer.name}",
                f"found that {buffer.name} has {', '.join(sorted(names))}",
                "give the buffer and the configuration the same names",
            )


def _unlike_copies(
    spec: WorkerSpec, buffers: Mapping[str, BufferSpec], *, only_if_several: bool
) -> Iterator[Problem]:
    """Yield why the copies of events that a component hands on do not fit into its first sink."""
    if len(spec.reads) == 1 and len(spec.writes) > int(only_if_several):
        source, sink = buffers.get(spec.reads[0]), buffers.get(spec.writes[0])
        found = unlike(source, sink) if source and sink else None
        if found and sink:
            asked, other, remedy = found
            place = spec.places.get(sink.name, spec.where)
            copied = f"found {other}, which {spec.function.name} hands on"
            yield Problem(place, asked, copied, remedy)


def _unreported(
    setup: Setup, condition: StopCondition, examined: Mapping[str, Examined]
) -> Iterator[Problem]:
    """Look whether a worker can report what a condition is about; a merge reports by itself."""
    buffers = [spec.name for spec in setup.buffers]
    spec = next((one for one in setup.workers if one.name == condition.subject), None)
    if spec is None or condition.subject in buffers or len(spec.reads) > 1:
        return
    told = examined[spec.name].preview.reports if spec.name in examined else None
    names = reported_names(spec.function) if told is None else set(told)
    if names is None or condition.quantity in names:
        return
    if told and condition.quantity.rpartition("_")[0] in told:
        return  # with a unit behind it, which is known when there are data
    guess = slip_of(condition.quantity, names)
    remedy = f"add to it: report({condition.quantity}=…)"
    if spec.function.path is None:
        remedy = "name a worker with a function of yours, or the events of a buffer"
    # An installed package that the module uses may report, too; so only a slip is beyond doubt.
    is_sure = guess or (spec.function.path is None and not spec.function.offered)
    yield Problem(
        condition.where,
        f"{spec.name} reports {condition.quantity!r}, which {condition} asks for",
        f"found that {spec.function.asked} reports {', '.join(sorted(names)) or 'nothing'}",
        f"did you mean {guess!r}?" if guess else remedy,
        "error" if is_sure else "warning",
    )


def _useless_data(setup: Setup) -> Iterator[Problem]:
    """Yield the option that gives recorded data to sources, if none of them takes any."""
    for setting in setup.settings:
        if setting.startswith("--data "):
            yield Problem(
                Where(setting),
                "--data is for a source with a parameter 'data', or this key in its configuration",
                "found none",
                "remove it, or add the key to the configuration of the source",
            )
