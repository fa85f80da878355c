"""What can be said of a worker function to somebody who wants to use it in a set-up."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mimocorb.buffers.backends import OWN_BACKENDS
from mimocorb.compat.dialects.words import MANUAL_PARAMETERS, TELLING_PARAMETERS
from mimocorb.compat.forms import form_of
from mimocorb.compat.manual.functions import misuse
from mimocorb.components.component import GIVEN, Component, Parameter
from mimocorb.components.configuration import EXTRA_KEYS
from mimocorb.components.docstrings import Docstring, read_docstring, unit_of
from mimocorb.components.form import KINDS, Kind, kind_of
from mimocorb.devices.about import about_device
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.model import FunctionReference
from mimocorb.model.keys import keys_of
from mimocorb.model.kinds import Choice
from mimocorb.model.merge import MergeSettings
from mimocorb.model.problem import Problem, Where
from mimocorb.registry import Group, offered
from mimocorb.setup.json_schema import part_schema
from mimocorb.setup.paths import shown
from mimocorb.setup.user_code.own_functions import (
    OWN_MODULES,
    functions_of,
    is_for_setups,
    offered_function,
)
from mimocorb.setup.user_code.user_functions import load_function, load_module, locate

__all__ = ["Description", "Entry", "available", "describe_function", "functions_in"]

_LISTS = ("sources", "sinks", "observes")
_ROLES: Mapping[Kind, tuple[str, ...]] = {
    "source": ("sinks",),
    "filter": ("sources", "sinks"),
    "sink": ("sources",),
    "observer": ("observes",),
}
_OTHER_GROUPS: Mapping[Group, str] = {"formats": "file format", "backends": "buffer backend"}


@dataclass(frozen=True)
class Description:
    """A worker function for its user.

    Parameters
    ----------
    reference
        Its name and its module.
    kind
        ``"source"``, ``"filter"``, ``"sink"`` or ``"observer"``, or the form of the function where
        that is all that is known: ``"manual"``, ``"buffer_io"``.
    summary
        What its docstring says first.
    parameters
        What can be configured, as far as it is known.
    roles
        Keys of a worker for its buffers: those of ``sources``, ``sinks`` and ``observes`` that it
        needs, as far as that is known.
    given
        What mimocorb gives to it: name and meaning.
    line
        Where it begins in its file; 0 if that is not known.
    for_setups
        Whether a set-up can name it; otherwise a worker function calls it with the parameters.
    merge
        What is below ``merge`` in the configuration of a worker with several sources; for filters.
    device
        What the module of a device says of it: how it is connected, what it costs in dead time.
    """

    reference: FunctionReference
    kind: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    roles: tuple[str, ...] = _LISTS
    given: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    for_setups: bool = True
    merge: tuple[Parameter, ...] = ()
    device: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it is of the plain form."""
        return self.kind in KINDS


@dataclass(frozen=True)
class Entry:
    """One line of the list of what there is.

    Parameters
    ----------
    name
        As a set-up writes it.
    kind
        What it is.
    package
        The installed package that brings it.
    summary
        What its docstring says first; or why it cannot be used.
    """

    name: str
    kind: str
    package: str
    summary: str


def available() -> list[Entry]:
    """Return what set-ups can name without a file of their own; loads all components."""
    found = []
    for name, entry in offered("components").items():
        package = entry.dist.name if entry.dist else entry.value
        found.append(_entry(name, offered_function(name), package))
    for name, packages in offered("components").twice.items():
        why = f"offered by {' and '.join(packages)}: uninstall all but one of them"
        found.append(Entry(name, "–", ", ".join(packages), why))
    for place in OWN_MODULES:
        for each in functions_in(locate(place, "", Path())):
            name = f"{place.rpartition('/')[2]}.{each}"
            found.append(_entry(name, locate(place, each, Path()), "mimocorb"))
    for name, home in OWN_BACKENDS.items():
        found.append(Entry(name, _OTHER_GROUPS["backends"], "mimocorb", home))
    for group, kind in _OTHER_GROUPS.items():
        found += [
            Entry(name, kind, entry.dist.name if entry.dist else "", entry.value)
            for name, entry in offered(group).items()
        ]
    return found


def _entry(name: str, reference: FunctionReference, package: str) -> Entry:
    try:
        described = describe_function(reference)
    except (UserFunctionError, SetupError) as error:
        return Entry(name, "–", package, str(error))
    return Entry(name, described.kind, package, described.summary)


def functions_in(reference: FunctionReference) -> list[str]:
    """Return the names of the functions for set-ups in the module of a reference.

    Raises
    ------
    UserFunctionError
        The module cannot be imported.
    SetupError
        It has no function for set-ups.
    """
    module = load_module(reference)
    if reference.path is None:
        found = functions_of(module)
        where, remedy = Where(reference.asked), f"there are {', '.join(OWN_MODULES)}"
    else:
        own = {key: each for key, each in vars(module).items() if _is_of(each, module)}
        found = [name for name, value in own.items() if name[0] != "_" and _is_worker(value)]
        where, remedy = Where(shown(reference.path)), "mark one as source, filter, sink or observer"
    if not found:
        asked = "expected functions for set-ups in it"
        raise SetupError(Problem(where, asked, "found none", f"{remedy}, or name another module"))
    return found


def _is_of(value: Any, module: Any) -> bool:
    return callable(value) and getattr(value, "__module__", "") == module.__name__


def _is_worker(value: Any) -> bool:
    """Whether it is a worker function beyond doubt: its decorator or its parameters say so."""
    if kind_of(value) is not None:
        return True
    is_function = inspect.isfunction(value)
    return is_function and not TELLING_PARAMETERS.isdisjoint(inspect.signature(value).parameters)


def describe_function(reference: FunctionReference) -> Description:
    """Load a function and return what can be said of it.

    Raises
    ------
    UserFunctionError
        It cannot be loaded.
    SetupError
        It cannot be used.
    """
    function = load_function(reference)
    component = Component.of(function)
    if component.fault is not None:
        raise SetupError(Problem(reference.name_where, *component.fault))
    if component.kind is not None:
        described = _of_plain(reference, component, component.kind)
        if about_device(function) is None:
            return described
        text = inspect.getdoc(sys.modules[function.__module__]) or ""
        return replace(described, device=text.strip())
    if not reference.path and not reference.offered and not is_for_setups(function):
        return _of_access_class(reference, function)
    form = form_of(function).name
    problem = misuse(function, reference) if form == "manual" else None
    if problem is not None:
        raise SetupError(problem)
    roles = _roles(read_docstring(inspect.getdoc(function)))
    return Description(
        reference, form, component.summary, component.parameters, roles, line=component.line
    )


def _of_plain(reference: FunctionReference, component: Component, kind: Kind) -> Description:
    given = {name: GIVEN[name] for name in component.given}
    if component.takes_metadata:
        given = {"metadata": "counter, timestamp, deadtime and time_ns", **given}
    return Description(
        reference,
        kind,
        component.summary,
        (*component.parameters, *EXTRA_KEYS[kind]),
        _ROLES[kind],
        given,
        component.line,
        merge=_merge_keys() if kind == "filter" else (),
    )


def _merge_keys() -> tuple[Parameter, ...]:
    described = part_schema(MergeSettings)["properties"]
    return tuple(
        Parameter(
            name,
            " | ".join(made.kind.words) if isinstance(made.kind, Choice) else "float",
            Any,
            repr(made.field.default),
            described[name]["description"],
            unit_of(name, described[name]["description"]),
        )
        for name, made in keys_of(MergeSettings).items()
    )


def _of_access_class(reference: FunctionReference, owner: Callable[..., Any]) -> Description:
    """Return what a class, which needs a function of the user, takes besides its buffers."""
    text = read_docstring(inspect.getdoc(owner))
    parameters = tuple(
        Parameter(
            name,
            "",
            Any,
            None if parameter.default is parameter.empty else repr(parameter.default),
            text.meanings.get(name, ""),
            "",
        )
        for name, parameter in inspect.signature(owner).parameters.items()
        if name not in MANUAL_PARAMETERS
    )
    kind = "access class"
    return Description(reference, kind, text.summary, parameters, _roles(text), for_setups=False)


def _roles(text: Docstring) -> tuple[str, ...]:
    arguments = {name: text.meanings.get(f"{name[:-1]}_list", "") for name in _LISTS}
    return tuple(
        name for name, meaning in arguments.items() if not meaning.startswith("Must be None")
    )
