"""What is found out about the functions of one module, in the child of :mod:`..trial`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mimocorb.checks.around import around_problems
from mimocorb.checks.expectations import declared_rate
from mimocorb.checks.never_returns import never_returns
from mimocorb.checks.previews import Preview, misfit, parts_used, previewed
from mimocorb.checks.undefined_names import undefined_names
from mimocorb.compat.forms import form_of
from mimocorb.compat.manual.functions import misuse as misuse_of_manual
from mimocorb.components.component import Component
from mimocorb.components.configuration import configure, misuse
from mimocorb.components.field_checks import check_fields
from mimocorb.components.fields_used import event_function
from mimocorb.errors import MimocorbError, UserFunctionError
from mimocorb.model import FunctionReference, Setup, WorkerSpec
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.checks import merge_problems, standstill_problems
from mimocorb.setup.paths import shown
from mimocorb.setup.user_code.own_functions import is_for_setups
from mimocorb.setup.user_code.user_functions import MissingFunctionError, load_function

__all__ = ["Examined", "examined"]


@dataclass(frozen=True)
class Examined:
    """What is known of a worker when its function has been loaded.

    Parameters
    ----------
    problems
        What is wrong.
    form
        The form of its function; empty if it could not be loaded.
    preview
        What it will write.
    rate_hz
        The mean rate that a source declares; None if it declares none.
    takes_data
        Whether recorded data can be given to it, by ``--data``.
    """

    problems: tuple[Problem, ...]
    form: str = ""
    preview: Preview = field(default_factory=Preview)
    rate_hz: float | None = None
    takes_data: bool = False


def examined(
    setup: Setup, names: Sequence[str], *, sizes: bool, complete: bool
) -> dict[str, Examined]:
    """Load the functions of these workers, which are in one module, and look at each.

    Parameters
    ----------
    setup
        The set-up.
    names
        Of the workers.
    sizes
        Whether it is wanted how much an event takes in a file, which may load a library.
    complete
        Whether the set-up is what the user wrote; otherwise a buffer may seem to be missing.
    """
    found: dict[str, Examined] = {}
    for name in names:
        spec = setup.worker(name)
        try:
            function = load_function(spec.function)
        except MissingFunctionError as error:
            found[name] = Examined((error.problem,))
        except UserFunctionError as error:
            return {name: Examined((_not_loaded(spec.function, error),))}
        else:
            try:
                found[name] = _of_function(function, spec, setup, sizes=sizes, complete=complete)
            except Exception as error:  # of what is odd in a way that nobody has thought of
                found[name] = Examined((_not_understood(spec, error),))
    return found


def _not_understood(spec: WorkerSpec, error: Exception) -> Problem:
    traceback.print_exc()  # what the module prints is shown
    return Problem(
        spec.function.name_where,
        f"{spec.function.name} of {spec.function.asked} can be looked at before it is called",
        f"found {' '.join(f'{type(error).__name__}: {error}'.split())}",
        "write it as an ordinary function or class, with a decorator above it",
    )


def _of_function(
    function: Callable[..., Any], spec: WorkerSpec, setup: Setup, *, sizes: bool, complete: bool
) -> Examined:
    component = Component.of(function)
    problems = list(_problems(function, component, spec, setup if complete else None))
    preview = Preview()
    try:
        if all(problem.severity == "warning" for problem in problems):
            preview = previewed(function, spec, setup, sizes=sizes)
    except MimocorbError as error:
        found = misfit(function, spec, error)
        if sizes or found.severity == "error":  # a doubt is for who checks, not for who runs
            problems.append(found)
    except ImportError as error:  # packages of versions that do not go together, as well
        asked = f"what {spec.name} needs can be imported"
        found_text = f"found {' '.join(f'{type(error).__name__}: {error}'.split())}"
        remedy = "install what is missing, or versions that go together"
        problems.append(Problem(spec.where, asked, found_text, remedy))
    takes_data = "data" in (spec.config.keys() - spec.config_origin.common) or any(
        parameter.name == "data" for parameter in component.parameters
    )
    return Examined(
        tuple(problems),
        form_of(function).name,
        preview,
        declared_rate(component, spec),
        takes_data,
    )


def _problems(
    function: Callable[..., Any], component: Component, spec: WorkerSpec, setup: Setup | None
) -> Iterator[Problem]:
    """Yield what is wrong between a function and its worker, and their buffers if given."""
    if not spec.function.path and not spec.function.offered and not is_for_setups(function):
        yield Problem(
            spec.function.name_where,
            f"{spec.function.name} can be named by a set-up",
            "found that it works with a function of yours",
            "call it from a worker function, or mark your function as source, filter, sink or"
            " observer, and name that",
        )
        return
    if form_of(function).name == "manual":
        origin = str(getattr(function, "__module__", "")).partition(".")[0]
        if origin in sys.stdlib_module_names or origin == "numpy":
            yield Problem(
                spec.function.name_where,
                f"{spec.function.name} in {spec.function.asked} is a worker function",
                f"found that of {getattr(function, '__module__', origin)}, which is imported there",
                "name one of your functions",
            )
            return
        problem = misuse_of_manual(function, spec.function)
        if problem is not None:
            yield problem
            return
    yield from undefined_names(function, spec.function)
    unusable = misuse(component, spec, with_roles=setup is not None)
    yield from (*unusable, *configure(component, spec)[1])
    if len(spec.reads) > 1 and _merges(function, component, spec):
        yield from merge_problems(spec)
        if setup is not None:
            yield from standstill_problems(spec, setup)
    yield from around_problems(component, spec, setup)
    text = event_function(function, component, spec)
    if text is not None:
        yield from never_returns(text, spec)
    if setup is not None and text is not None and not unusable:
        yield from check_fields(spec, text, setup.buffers)


def _merges(function: Callable[..., Any], component: Component, spec: WorkerSpec) -> bool:
    """Whether a function that reads several buffers gets the events put together."""
    names = [getattr(part, "__name__", "") for part in parts_used(function)]
    return component.kind == "filter" or ("MergeBuffers" in names and "merge" in spec.config)


def _not_loaded(reference: FunctionReference, error: UserFunctionError) -> Problem:
    """Say what an import raised, and where in the user's files."""
    cause = error.__cause__ or error
    text = " ".join(f"{type(cause).__name__}: {cause}".split())
    near = str(reference.path.parent) if reference.path else None
    if isinstance(cause, SyntaxError) and near and str(cause.filename).startswith(near):
        return Problem(
            Where(shown(Path(str(cause.filename))), cause.lineno or 0, cause.offset or 0),
            f"{reference.asked!r} must be valid Python",
            f"found: {cause.msg}",
            "correct the module",
        )
    remedy = "correct the module"
    if isinstance(cause, ModuleNotFoundError):
        remedy = f"install {str(cause.name).partition('.')[0]}, or correct the import"
    elif isinstance(cause, SystemExit):
        remedy = "let a module define functions only"
    if reference.offered:
        return Problem(reference.name_where, str(error), "", "correct or uninstall the package")
    places = [
        Where(shown(Path(frame.filename)), frame.lineno)
        for frame in traceback.extract_tb(cause.__traceback__)
        if frame.lineno and near and frame.filename.startswith(near)
    ]
    return Problem(
        places[-1] if places else reference.where,
        f"{reference.asked!r} can be imported, as {reference.where} asks",
        f"found {text}",
        remedy,
    )
