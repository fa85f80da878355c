"""Everything that can be known of a run before it: what ``mimocorb check`` shows.

The set-up is read and checked, the modules are tried out in processes of their own, and what the
run will need is compared with what is free. Nothing is started and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mimocorb._memory import available_bytes, size_in_words
from mimocorb.checks.connections import connection_problems
from mimocorb.checks.examination import Examination, examine
from mimocorb.checks.expectations import FileNeed, Flow, flows
from mimocorb.checks.target import free_bytes, target_of, target_problems
from mimocorb.checks.trial import Manner
from mimocorb.compat.mimocorb2.changed_meaning import changed_meaning
from mimocorb.model import Setup
from mimocorb.model.problem import Problem, has_errors
from mimocorb.setup.dialects import examine_setup
from mimocorb.setup.paths import RUNS_DIRECTORY, shown

__all__ = ["Preflight", "preflight"]


@dataclass(frozen=True)
class Preflight:
    """What was found.

    Parameters
    ----------
    setup
        The set-up as far as it could be read.
    problems
        Everything that is wrong, in the order of the files.
    examination
        What came out when the modules were imported.
    flows
        What is expected of the buffers, by name, in the order of the data flow.
    files
        The files whose size per event is known.
    memory_free_bytes, disk_free_bytes
        What is free now; ``None`` if the directory of runs cannot be made.
    target
        Where directories of runs are made.
    changes
        What means something else here than in mimoCoRB2.
    """

    setup: Setup | None
    problems: Sequence[Problem]
    examination: Examination = field(default_factory=Examination)
    flows: Mapping[str, Flow] = field(default_factory=dict)
    files: Sequence[FileNeed] = ()
    memory_free_bytes: int = 0
    disk_free_bytes: int | None = None
    target: Path = RUNS_DIRECTORY
    changes: Sequence[str] = ()

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        """Number of warnings."""
        return len(self.problems) - self.errors


def preflight(
    path: str | Path,
    settings: Sequence[str] = (),
    data: str | None = None,
    import_timeout_s: float = 30.0,
) -> Preflight:
    """Find out everything; blocks until all modules are imported or out of time.

    Parameters
    ----------
    path, settings, data
        See :func:`mimocorb.setup.dialects.read_setup_or_problems`.
    import_timeout_s
        Time that each module has to be imported.
    """
    setup, problems = examine_setup(path, None, settings, data)
    if setup is None:
        return Preflight(None, problems)
    manner = Manner(import_timeout_s, sizes=True, complete=not has_errors(problems))
    examination = examine(setup, manner)
    target = target_of(setup)
    expected = flows(setup, examination.rates_hz)
    sizes = examination.event_bytes
    files = [
        FileNeed(spec.name, expected[spec.reads[0]], sizes[spec.name])
        for spec in setup.workers
        if spec.name in sizes and spec.reads
    ]
    free = free_bytes(target)
    found = [
        *problems,
        *examination.problems,
        *connection_problems(setup, manner),
        *target_problems(setup),
        *_disk_problems(setup, files, target, free),
    ]
    return Preflight(
        setup,
        sorted(dict.fromkeys(found), key=lambda problem: problem.where),
        examination,
        expected,
        files,
        available_bytes(),
        free,
        target,
        changed_meaning(setup),
    )


def _disk_problems(
    setup: Setup, files: Sequence[FileNeed], target: Path, free: int | None
) -> list[Problem]:
    # What stands behind a filter is most often much less than everything that comes into it.
    certain = [file for file in files if not file.flow.through_filters]
    needed = sum(file.size_bytes or 0 for file in certain)
    if free is None or needed <= free:
        return []
    largest = max(certain, key=lambda file: file.size_bytes or 0)
    return [
        Problem(
            setup.worker(largest.worker).where,
            f"the files need up to {size_in_words(needed)}, that of {largest.worker} up to "
            f"{size_in_words(largest.size_bytes or 0)}",
            f"found {size_in_words(free)} free at {shown(target)}",
            "take fewer events, or choose another place: target_directory, or --output",
            "warning",
        )
    ]
