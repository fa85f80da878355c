"""The configuration of a worker against the parameters of its function.

Used twice, with the same messages: before a run for everything that the text of a module tells, and
in the worker, before data taking begins, for what the loaded function tells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mimocorb.model import WorkerSpec
from mimocorb.model.problem import Problem
from mimocorb.setup.nearest import nearest, slip_of
from mimocorb.setup.paths import absolute
from mimocorb.setup.user_code.annotations import UNKNOWN
from mimocorb.setup.user_code.keys_used import KeysUsed
from mimocorb.setup.user_code.signatures import (
    GIVEN,
    Kind,
    Parameter,
    PlainSignature,
    with_article,
)

__all__ = ["EXTRA_KEYS", "check_manual_function", "check_plain_function", "configure"]

_SLIP = 0.85
"""Likeness of a slip, where a key may also be for something that is not known: random_seed is not
what somebody writes for random."""

_INTERVAL = Parameter(
    "min_sleeptime", "float", float, "1.0", "Least time between two calls, in s.", "s"
)
# What stands below it is no matter of the function, and checked where the set-up is.
_MERGE = Parameter(
    "merge", "", UNKNOWN, "{}", "How events of several buffers are put together.", ""
)
EXTRA_KEYS: Mapping[Kind, tuple[Parameter, ...]] = {
    "source": (),
    "filter": (),
    "sink": (),
    "observer": (_INTERVAL,),
}
"""Keys that are for mimocorb and not for the function."""

_ROLES: Mapping[Kind, tuple[str, str, str]] = {
    "source": ("none", "one", "none"),
    "filter": ("one or more", "one or more", "none"),
    "sink": ("one", "none", "none"),
    "observer": ("none", "none", "one"),
}
_ENOUGH = {"none": (0, 0), "one": (1, 1), "one or more": (1, math.inf)}
_VERBS = ("reads", "writes", "observes")


def check_plain_function(
    signature: PlainSignature, spec: WorkerSpec, *, with_roles: bool = True
) -> list[Problem]:
    """Return everything that is wrong with a worker whose function is of the plain form.

    Parameters
    ----------
    signature, spec
        The function and the worker.
    with_roles
        Whether to look at the buffers as well; not if it is unclear which they are.
    """
    if signature.fault is not None:
        return [Problem(spec.function.name_where, *signature.fault)]
    roles = _roles(signature, spec) if with_roles and spec.roles else ()
    return [*roles, *configure(signature, spec)[1]]


def check_manual_function(used: KeysUsed, spec: WorkerSpec) -> list[Problem]:
    """Return what is wrong with the configuration of a worker of the manual's form.

    A key that nobody names is reported only if it looks like one that is named: somebody else may
    take it.
    """
    function, origin = spec.function.name, spec.config_origin
    by_name = {parameter.name: parameter for parameter in used.parameters}
    missing = {name for name in by_name if name not in spec.config}
    needed = {name for name in missing if by_name[name].default is None and origin.complete}
    problems: list[Problem] = []
    for key in spec.config:
        if key in by_name or not isinstance(key, str):
            continue
        guess = slip_of(key, by_name if used.complete else missing, _SLIP)
        if guess is None or (key in origin.common and guess not in needed):
            continue
        problems.append(
            Problem(
                origin.places.get(key, spec.where),
                f"{function} {'needs' if guess in needed else 'takes'} {guess!r}",
                f"found {key!r} in the configuration of {spec.name}",
                f"did you mean {guess!r}?",
                "error" if guess in needed else "warning",
            )
        )
        needed.discard(guess)
    for name, parameter in by_name.items():
        if name in needed:
            problems.append(_missing(parameter, function, spec))
        elif name not in missing and not (parameter.default and spec.config[name] is None):
            # A docstring is no contract: the function may convert what it gets.
            doubts = _convert({}, parameter, name, function, spec)
            problems += [replace(doubt, severity="warning") for doubt in doubts]
    return problems


def configure(signature: PlainSignature, spec: WorkerSpec) -> tuple[dict[str, Any], list[Problem]]:
    """Check and convert the configuration of a worker.

    Parameters
    ----------
    signature
        The function. What it does not tell is not checked.
    spec
        The worker.

    Returns
    -------
    values, problems
        The arguments for the function, without those that keep their default; what is wrong, each
        with the place of the key.
    """
    if signature.parameters is None:
        return {}, []
    extra = EXTRA_KEYS[signature.kind]
    if signature.kind == "filter" and len(spec.reads) > 1:
        extra = (*extra, _MERGE)
    by_name = {parameter.name: parameter for parameter in (*signature.parameters, *extra)}
    given, problems = _assigned_keys(signature, spec, by_name)
    values: dict[str, Any] = {}
    for name, parameter in by_name.items():
        if name in given:
            problems += _convert(values, parameter, given[name], signature.name, spec)
        elif parameter.default is None and spec.config_origin.complete:
            problems.append(_missing(parameter, signature.name, spec))
    of_mimocorb = {parameter.name for parameter in extra}
    return {key: value for key, value in values.items() if key not in of_mimocorb}, problems


def _assigned_keys(
    signature: PlainSignature, spec: WorkerSpec, by_name: Mapping[str, Parameter]
) -> tuple[dict[str, str], list[Problem]]:
    """Return the key that is meant for each parameter, and problems with all the others.

    A misspelt key is reported and then taken for the parameter that it most likely means.
    """
    given = {name: name for name in by_name if name in spec.config}
    problems: list[Problem] = []
    for key in spec.config:
        is_common = key in spec.config_origin.common
        if key in by_name or is_common:
            continue
        where = spec.config_origin.places.get(key, spec.where)
        if key in GIVEN and key in signature.given:
            asked = f"{key} is the {GIVEN[key]}; mimocorb gives it to {signature.name}"
            problems.append(Problem(where, asked, "found it in the configuration", "remove it"))
            continue
        guess = nearest(key, by_name)
        problems.append(
            Problem(
                where,
                f"{signature.name} has the parameters {', '.join(by_name)}"
                if by_name
                else f"{signature.name} has no parameters",
                f"found {str(key)[:60]!r} in the configuration of {spec.name}",
                f"did you mean {guess!r}?" if guess else "remove it",
            )
        )
        if guess:
            given.setdefault(guess, key)
    return given, problems


def _convert(
    values: dict[str, Any],
    parameter: Parameter,
    key: str,
    function: str,
    spec: WorkerSpec,
) -> list[Problem]:
    """Check one value and put it, converted, among the values."""
    value = spec.config[key]
    if parameter.type is UNKNOWN or parameter.type is Any:
        values[parameter.name] = value
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
        return [
            Problem(where, f"{owner} is {_kind(parameter)}", found, _remedy(adapter, value, error))
        ]
    values[parameter.name] = _anchored(converted, spec.config_origin.directory)
    return []


def _missing(parameter: Parameter, function: str, spec: WorkerSpec) -> Problem:
    return Problem(
        spec.where,
        f"{function} needs {parameter.name}, {_kind(parameter)}",
        f"found none in the configuration of {spec.name}",
        f"add {parameter.name!r}",
    )


def _kind(parameter: Parameter) -> str:
    unit = f" in {parameter.unit}" if parameter.unit else ""
    return f"{parameter.type_text or 'a value'}{unit}"


def _remedy(adapter: Any, value: Any, error: Any) -> str:
    """Return what to write instead of 1e6 for a whole number, or what is wrong."""
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


def _roles(signature: PlainSignature, spec: WorkerSpec) -> Iterator[Problem]:
    """Check that the worker reads, writes and observes what a function of this kind needs."""
    needed = _ROLES[signature.kind]
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
    kind = with_article(signature.kind)
    yield Problem(
        spec.where,
        f"{signature.name} is {kind}, which {' and '.join(uses)}",
        f"found that {spec.name} {' and '.join(has) or 'has no buffer'}",
        "correct its buffers",
    )
