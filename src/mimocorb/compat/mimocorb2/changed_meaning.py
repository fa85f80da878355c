"""What a set-up of mimoCoRB2 means here in another way than there.

A set-up is read and run as it is; what its parts do is not always the same to the last detail.
Each difference is told once for a run, by ``mimocorb check`` and by ``mimocorb convert``, and only
if the set-up has something that it concerns.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mimocorb.compat.forms import is_buffer_io
from mimocorb.model import Setup, WorkerSpec
from mimocorb.setup.paths import absolute
from mimocorb.setup.user_code.user_functions import parsed

__all__ = ["bound_to_directory", "changed_meaning"]

_PREBUILT = "mimocorb.functions."


class Change(NamedTuple):
    """A difference, and the workers that it concerns."""

    text: str
    concerns: Callable[[WorkerSpec], bool]


def _is(*names: str) -> Callable[[WorkerSpec], bool]:
    """Whether a worker runs one of these functions that come with mimoCoRB2."""
    return lambda spec: prebuilt_name(spec) in names


CHANGES = (
    Change(
        "every worker that reads a buffer gets all of its events; in mimoCoRB2 two workers at one"
        " buffer shared them, as the processes of one worker still do",
        lambda spec: bool(spec.reads),
    ),
    Change(
        "an event whose function fails is given back and delivered again, or set aside if it fails"
        " every time; mimoCoRB2 lost it and drained the source",
        lambda spec: bool(spec.reads),
    ),
    Change(
        "a stream ends when the last process that writes it has finished; in mimoCoRB2 the first"
        " one ended it while others still worked",
        lambda spec: bool(spec.writes) and spec.number_of_processes > 1,
    ),
    Change(
        "a sink for which a filter returns False or None gets no event; mimoCoRB2 published what"
        " was left in the slot",
        lambda spec: bool(spec.reads) and len(spec.writes) > 1,
    ),
    Change(
        "a source waits while its buffer is paused, and the pause is counted as such; mimoCoRB2"
        " let it go on and threw its events away",
        lambda spec: spec.is_source,
    ),
    Change(
        "an observer gets a copy of the newest event, each at most once; in mimoCoRB2 it took an"
        " event out of the queue and put it back behind the others, out of order",
        lambda spec: bool(spec.observes),
    ),
    Change(
        "data.export writes Parquet files in a tar archive instead of a .mimo file; for"
        " data.simulate_importer and data.clocked_importer, existing .mimo files are still read",
        _is("data.export"),
    ),
    Change(
        "data.clocked_importer with distribution 'poisson' waits for exponentially distributed"
        " times with the mean 1/rate; mimoCoRB2 waited for whole seconds",
        lambda spec: (
            prebuilt_name(spec) == "data.clocked_importer"
            and spec.config.get("distribution") == "poisson"
        ),
    ),
    Change(
        "observers.oscilloscope is the display of mimocorb: it takes update_interval and"
        " trigger_level, and no scaling of the axes",
        _is("observers.oscilloscope"),
    ),
    Change(
        "visualizers.csv and visualizers.histogram show histograms as those of mimocorb look: as"
        " steps, whatever plot_type and histtype say, and without a window in a picture",
        _is("visualizers.csv", "visualizers.histogram", "exporters.visualize_histogram"),
    ),
)


def bound_to_directory(setup: Setup) -> list[str]:
    """Return why a set-up means something else in another directory than its own."""
    found = [
        f"{spec.name} runs a function of mimoCoRB2, which may look for files beside the set-up"
        for spec in setup.workers
        if _is_theirs(spec) and not prebuilt_name(spec)
    ]
    for spec in setup.workers:
        for key, value in spec.config.items():
            if isinstance(value, str) and value and not Path(value).expanduser().is_absolute():
                beside = absolute(spec.config_origin.directory, value)
                if os.path.lexists(beside):
                    found.append(f"{spec.name} is given {key}: {value}, which is beside the set-up")
    return found


def changed_meaning(setup: Setup) -> list[str]:
    """Return the differences that concern a set-up, each with the workers that it concerns."""
    theirs = [spec for spec in setup.workers if _is_theirs(spec)]
    found = []
    for change in CHANGES:
        names = [spec.name for spec in theirs if change.concerns(spec)]
        if names:
            found.append(f"{', '.join(names)}: {change.text}")
    if theirs and setup.output_directory is None and setup.base_directory != Path.cwd():
        found.append(
            "without target_directory, runs go into target in the current directory; those of"
            " mimoCoRB2 go into target beside the set-up"
        )
    return found


def prebuilt_name(spec: WorkerSpec) -> str:
    """Return the name of a function that comes with mimoCoRB2 as set-ups write it, or nothing."""
    module = spec.function.module or ""
    if not module.startswith(_PREBUILT):
        return ""
    return f"{module.removeprefix(_PREBUILT)}.{spec.function.name}"


def _is_theirs(spec: WorkerSpec) -> bool:
    """Whether a worker runs a function that is written for mimoCoRB2, or comes with it."""
    if prebuilt_name(spec):
        return True
    tree = parsed(spec.function.path) if spec.function.path else None
    functions = [each for each in (tree.body if tree else ()) if isinstance(each, ast.FunctionDef)]
    return any(each.name == spec.function.name and _takes_buffer_io(each) for each in functions)


def _takes_buffer_io(function: ast.FunctionDef) -> bool:
    """Whether a function has one parameter, which it calls as mimoCoRB2 does."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    others = (arguments.defaults, arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    if len(positional) != 1 or function.decorator_list or any(others):
        return False
    annotation = positional[0].annotation
    return is_buffer_io(positional[0].arg, ast.unparse(annotation) if annotation else "")
