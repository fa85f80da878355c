"""The configuration of a worker against the parameters of its component.

The same in the child process of ``mimocorb check`` and in the worker before data taking begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mimocorb._texts import identifier
from mimocorb.components.component import GIVEN, Component, Parameter
from mimocorb.components.form import Kind
from mimocorb.components.form_faults import with_article
from mimocorb.model import WorkerSpec
from mimocorb.model.problem import Problem, Severity
from mimocorb.setup.nearest import nearest, slip_of
from mimocorb.setup.paths import absolute

__all__ = ["EXTRA_KEYS", "configure", "misuse"]

_INTERVAL = Parameter(
    "min_sleeptime", "float", float, "1.0", "Least time between two calls, in s.", "s"
)
# What stands below it is no matter of the function, and checked by MergeSettings.
_MERGE = Parameter("merge", "", Any, "{}", "How events of several buffers are put together.", "")
EXTRA_KEYS: Mapping[Kind, tuple[Parameter, ...]] = {
    "source": (),
    "filter": (),
    "sink": (),
    "observer": (_INTERVAL,),
}
"""Keys that are for mimocorb and not for the function."""

_SLIP = 0.85
"""Likeness of a slip where a list of keys is a docstring, which may have been forgotten."""

_ROLES: Mapping[Kind, tuple[str, str, str]] = {
    "source": ("none", "one", "none"),
    "filter": ("one or more", "one or more", "none"),
    "sink": ("one", "none", "none"),
    "observer": ("none", "none", "one"),
}
_ENOUGH = {"none": (0, 0), "one": (1, 1), "one or more": (1, math.inf)}
_VERBS = ("reads", "writes", "observes")


def misuse(component: Component, spec: WorkerSpec, *, with_roles: bool = True) -> list[Problem]:
    """Return why a worker cannot run a component, whatever it configures.

    Parameters
    ----------
    component, spec
        What its function takes, and the worker.
    with_roles
        Whether to look at its buffers as well; not if it is unclear which they are.
    """
    if component.fault is not None:
        return [Problem(spec.function.name_where, *component.fault)]
    if (
        component.kind is None or not with_roles or not spec.roles
    ):  # which is reported of every worker
        return []
    return list(_roles(component.kind, _name(component, spec), spec))


def _name(component: Component, spec: WorkerSpec) -> str:
    """Return what the set-up calls a component, ``record`` and not ``Record``."""
    return spec.function.name if spec.function.offered else component.name


def configure(component: Component, spec: WorkerSpec) -> tuple[dict[str, Any], list[Problem]]:
    """Check and convert the configuration of a worker.

    Parameters
    ----------
    component
        What its function takes. What is not known of that is not checked.
    spec
        The worker.

    Returns
    -------
    arguments, problems
        The arguments for the function, without those that keep their default; what is wrong, each
        with the place of the key.
    """
    if component.fault is not None:
        return {}, []
    extra = EXTRA_KEYS[component.kind] if component.kind else ()
    if component.kind == "filter" and len(spec.reads) > 1:
        extra = (*extra, _MERGE)
    by_name = {parameter.name: parameter for parameter in (*component.parameters, *extra)}
    given, problems = _assigned_keys(component, spec, by_name)
    values: dict[str, Any] = {}
    for name, parameter in by_name.items():
        if name in given:
            found = _convert(values, parameter, given[name], _name(component, spec), spec)
            if component.kind is None:
                # A docstring is no contract: the function may convert. Ours say more themselves.
                is_fine = parameter.default and spec.config[given[name]] is None
                found = [replace(one, severity="warning") for one in found if not is_fine]
                found = found if spec.function.path else []
            problems += found
        elif parameter.default is None and spec.config_origin.complete:
            problems.append(_missing(parameter, _name(component, spec), spec))
    of_mimocorb = {parameter.name for parameter in extra}
    return {key: value for key, value in values.items() if key not in of_mimocorb}, problems


def _assigned_keys(
    component: Component, spec: WorkerSpec, by_name: Mapping[str, Parameter]
) -> tuple[dict[str, str], list[Problem]]:
    """Return the key that is meant for each parameter, and problems with all the others.

    A misspelt key is reported and then taken for the parameter that it most likely means.
    """
    name, given = _name(component, spec), _known_keys(component, spec, by_name)
    known = {*by_name, *given.values(), *spec.config_origin.common}
    problems: list[Problem] = []
    for key in spec.config:
        if key in known:
            continue
        where = spec.config_origin.places.get(key, spec.where)
        if key in GIVEN and key in component.given:
            asked = f"{key} is the {GIVEN[key]}; mimocorb gives it to {name}"
            problems.append(Problem(where, asked, "found it in the configuration", "remove it"))
            continue
        guess = nearest(key, by_name)
        severity: Severity = "error"
        if component.kind is None:
            written = [str(other) for other in spec.config if other != key]
            meant = [*by_name, *written] if where.is_option else by_name
            slip = slip_of(str(key), meant, _SLIP)
            if slip is None and not component.complete:
                continue  # it may be for something that the docstring does not name
            guess = slip or guess
            severity = "error" if slip or where.is_option else "warning"
        problems.append(
            Problem(
                where,
                f"{name} has the parameters {', '.join(by_name)}"
                if by_name
                else f"{name} has no parameters",
                f"found {str(key)[:60]!r} in the configuration of {spec.name}",
                f"did you mean {guess!r}?" if guess else "remove it",
                severity,
            )
        )
        if guess:
            given.setdefault(guess, key)
    return given, problems


def _known_keys(
    component: Component, spec: WorkerSpec, by_name: Mapping[str, Parameter]
) -> dict[str, str]:
    """Return the key for each parameter that has one; what Python reads as one name is one.

    A function that gets a dictionary looks its keys up letter by letter.
    """
    given = {name: name for name in by_name if name in spec.config}
    if component.kind is not None:
        for key in spec.config:
            if isinstance(key, str) and identifier(key) in by_name:
                given[identifier(key)] = key
    return given


def _convert(
    values: dict[str, Any],
    parameter: Parameter,
    key: str,
    function: str,
    spec: WorkerSpec,
) -> list[Problem]:
    """Check one value and put it, converted, among the values."""
    value = spec.config[key]
    converted = _without_pydantic(parameter.type, value)
    if converted is not _UNDECIDED:
        values[parameter.name] = _anchored(converted, spec.config_origin.directory)
        return []
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    owner = f"{parameter.name} of {function}"
    try:
        adapter: Any = TypeAdapter(_strict(parameter.type))
    except PydanticUserError:
        problem = Problem(
            spec.function.name_where,
            f"{owner} has a type whose values can be written in a set-up",
            f"found {parameter.type_text}",
            "use int, float, bool, str, Path, Literal, list, dict, an Enum, or unions of these",
        )
        return [problem]
    try:
        converted = adapter.validate_python(value)
    except ValidationError as error:
        # Only for this message: workers configure their functions, and need to read no YAML.
        from mimocorb.setup.form import describe
        from mimocorb.setup.text.setup_file import node_from_python

        where = spec.config_origin.places.get(key, spec.where)
        found = describe(node_from_python(value, key))
        remedy = _remedy(parameter, adapter, value, error)
        return [Problem(where, f"{owner} is {parameter}", found, remedy)]
    values[parameter.name] = _anchored(converted, spec.config_origin.directory)
    return []


_UNDECIDED: Any = object()
_FROM: Mapping[Any, tuple[type, ...]] = {
    **{kind: (kind,) for kind in (int, str, bool, list, dict, NoneType)},
    float: (int, float),
    Path: (str,),
}
"""Types that nearly all parameters have, each with the types of values that it is made from."""


def _without_pydantic(kind: Any, value: Any) -> Any:
    """Return the value for a parameter of a common type; a worker then loads no pydantic.

    What does not fit is left to pydantic as well, which says what is wrong.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal and any(type(one) is type(value) and one == value for one in inner):
        return value
    if origin is list and type(value) is list:
        items = [_without_pydantic(inner[0], item) for item in value]
        return _UNDECIDED if _UNDECIDED in items else items
    kinds = inner if origin in (Union, UnionType) else (kind,)
    if kind is Any or not all(isinstance(one, type) and one in _FROM for one in kinds):
        return value if kind is Any else _UNDECIDED
    fitting = [one for one in kinds if type(value) in _FROM[one]]
    chosen = type(value) if type(value) in fitting else next(iter(fitting), None)
    with suppress(OverflowError):  # a whole number that is too large for a float
        return _UNDECIDED if chosen is None else chosen(value) if value is not None else None
    return _UNDECIDED


def _missing(parameter: Parameter, function: str, spec: WorkerSpec) -> Problem:
    return Problem(
        spec.where,
        f"{function} needs {parameter.name}, {parameter}",
        f"found none in the configuration of {spec.name}",
        f"add {parameter.name!r}",
    )


def _remedy(parameter: Parameter, adapter: Any, value: Any, error: Any) -> str:
    """Return what to write instead of 1e6 for a whole number, or what is wrong."""
    if parameter.words:
        guess = nearest(str(value), [str(word) for word in parameter.words])
        return f"did you mean {guess!r}?" if guess else "write one of these"
    if isinstance(value, float) and value.is_integer():
        with suppress(type(error)):
            return f"write {adapter.validate_python(int(value))}"
    return _said(error)


def _said(error: Any) -> str:
    """Return what pydantic says, once for each part of a value."""
    parts = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        place = "".join(f"item {step}: " for step in fault["loc"] if isinstance(step, int))
        said = fault["msg"].partition(" for <class")[0]
        parts.append(place + said[:1].lower() + said[1:])
    return ", or ".join(dict.fromkeys(parts))


def _strict(kind: Any) -> Any:
    """Return the type, with numbers and truth values that are not made from each other or text.

    So ``"20"`` is no number and ``yes`` is none either, as everywhere else in a set-up; a Path is
    still made from a text, and a tuple from a list.
    """
    from pydantic import Strict

    if kind in (int, float, bool):
        return Annotated[kind, Strict()]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (None, Literal) or not inner:
        return kind
    if origin is Annotated:
        return Annotated[(_strict(inner[0]), *inner[1:])]
    strict = tuple(_strict(part) for part in inner)
    return Union[strict] if origin in (Union, UnionType) else origin[strict]  # noqa: UP007


def _anchored(value: Any, directory: Path) -> Any:
    """Return the value with relative paths made absolute: they start at the set-up file."""
    if isinstance(value, Path):
        return absolute(directory, str(value))
    if isinstance(value, list | tuple | set):
        return type(value)(_anchored(item, directory) for item in value)
    if isinstance(value, dict):
        return {key: _anchored(item, directory) for key, item in value.items()}
    return value


def _roles(kind: Kind, name: str, spec: WorkerSpec) -> Iterator[Problem]:
    """Check that the worker reads, writes and observes what a function of this kind needs."""
    needed = _ROLES[kind]
    found = (spec.reads, spec.writes, spec.observes)
    limits = [_ENOUGH[word] for word in needed]
    if all(low <= len(names) <= high for (low, high), names in zip(limits, found, strict=True)):
        if len(spec.reads) > 1 and spec.number_of_processes > 1:
            yield Problem(
                spec.where,
                f"{spec.name} merges {' and '.join(spec.reads)}, which one process can do only",
                f"found {spec.number_of_processes} processes, which would share the events of each",
                "set number_of_processes to 1, and let several processes work before or behind it",
            )
        return
    uses = [
        f"{verb} {word} buffer{'s' if word == 'one or more' else ''}"
        for verb, word in zip(_VERBS, needed, strict=True)
        if word != "none"
    ]
    has = [f"{verb} {', '.join(names)}" for verb, names in zip(_VERBS, found, strict=True) if names]
    yield Problem(
        spec.where,
        f"{name} is {with_article(kind)}, which {' and '.join(uses)}",
        f"found that {spec.name} {' and '.join(has) or 'has no buffer'}",
        "correct its buffers",
    )
