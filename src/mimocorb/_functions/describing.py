"""What can be said of a worker function to somebody who wants to use it in a set-up.

A module is read, not run, as long as its text tells enough. Functions that come from elsewhere, and
those whose parameters another decorator or a base class decides, are loaded.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from mimocorb._functions.forms import MANUAL_PARAMETERS, form_of, is_for_setups
from mimocorb._functions.inspected import plain_signature
from mimocorb.model import FunctionReference
from mimocorb.model.kinds import Choice, keys_of
from mimocorb.model.merge import MergeSettings
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.json_schema import part_schema
from mimocorb.setup.paths import shown
from mimocorb.setup.user_code.configuring import EXTRA_KEYS
from mimocorb.setup.user_code.docstrings import Docstring, described_keys, read_docstring, unit_of
from mimocorb.setup.user_code.keys_used import keys_used
from mimocorb.setup.user_code.own_functions import OWN_MODULES
from mimocorb.setup.user_code.signatures import GIVEN, KINDS, Kind, Parameter, PlainSignature
from mimocorb.setup.user_code.static_signatures import read_signature
from mimocorb.setup.user_code.user_functions import (
    ModuleText,
    check_function,
    load_function,
    read_module,
)

__all__ = ["Description", "describe_function", "worker_functions"]

_LISTS = ("sources", "sinks", "observes")
_ROLES: Mapping[Kind, tuple[str, ...]] = {
    "source": ("sinks",),
    "filter": ("sources", "sinks"),
    "sink": ("sources",),
    "observer": ("observes",),
}


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
    for_setups
        Whether a set-up can name it; otherwise a worker function calls it with the parameters.
    merge
        What is below ``merge`` in the configuration of a worker with several sources; for filters.
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

    @property
    def is_plain(self) -> bool:
        """Whether it is of the plain form."""
        return self.kind in KINDS


def worker_functions(reference: FunctionReference) -> list[str] | Problem:
    """Return the names of the functions for set-ups in the module of a reference."""
    module = read_module(reference)
    if isinstance(module, Problem):
        return module
    if reference.path is None:
        loaded = import_module(str(reference.module))
        names = reversed(getattr(loaded, "__all__", ()))
        values = {getattr(loaded, name): name for name in names}
        found = sorted(name for value, name in values.items() if is_for_setups(value))
    else:
        found = [name for name in module.names if name[0] != "_" and _is_marked(module, name)]
    if found:
        return found
    if reference.path is None:
        remedy = f"there are {', '.join(OWN_MODULES)}"
        return Problem(
            Where(reference.asked), "expected functions for set-ups in it", "found none", remedy
        )
    return Problem(
        Where(shown(reference.path)),
        "expected functions in it that are marked as source, filter, sink or observer",
        "found none",
        "mark one, or name another module",
    )


def _is_marked(module: ModuleText, name: str) -> bool:
    """Whether it is a worker function beyond doubt: its decorator or its parameters say so."""
    statement = module.names[name]
    if read_signature(module.names, name) is not None:
        return True
    if not isinstance(statement, ast.FunctionDef):
        return False
    return bool({argument.arg for argument in statement.args.args} & {"config_dict", "buffer_io"})


def describe_function(reference: FunctionReference) -> Description | Problem:
    """Return what can be said of a function, or why it cannot be used.

    Raises
    ------
    UserFunctionError
        The module had to be loaded, and cannot be.
    """
    module = read_module(reference)
    if isinstance(module, Problem):
        return module
    if reference.path is not None:
        signature = read_signature(module.names, reference.name)
        if signature is not None and (signature.fault or signature.parameters is not None):
            return _of_plain(reference, signature)
        problem = check_function(reference, module)
        if problem is not None:
            return problem
        statement = module.names.get(reference.name)
        if isinstance(statement, ast.FunctionDef) and not statement.decorator_list:
            is_manual = len(statement.args.args) != 1
            docstring = ast.get_docstring(statement)
            form = "manual" if is_manual else "buffer_io"
            used = keys_used(module, reference.name)
            keys = used.parameters if used else _keys(docstring)
            return _of_docstring(reference, form, docstring, keys, statement.lineno)
    return _of_loaded(reference, load_function(reference))


def _of_loaded(reference: FunctionReference, function: Callable[..., Any]) -> Description | Problem:
    signature = plain_signature(function)
    if signature is not None:
        return _of_plain(reference, signature)
    if reference.path is None and not is_for_setups(function):
        return _of_access_class(reference, function)
    docstring = inspect.getdoc(function)
    return _of_docstring(reference, form_of(function).name, docstring, _keys(docstring))


def _of_plain(reference: FunctionReference, signature: PlainSignature) -> Description | Problem:
    if signature.fault is not None:
        return Problem(reference.name_where, *signature.fault)
    given = {name: GIVEN[name] for name in signature.given}
    if signature.takes_metadata:
        given = {"metadata": "counter, timestamp and deadtime", **given}
    return Description(
        reference,
        signature.kind,
        signature.summary,
        (*(signature.parameters or ()), *EXTRA_KEYS[signature.kind]),
        _ROLES[signature.kind],
        given,
        signature.line,
        merge=_merge_keys() if signature.kind == "filter" else (),
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


def _of_docstring(
    reference: FunctionReference,
    form: str,
    docstring: str | None,
    keys: tuple[Parameter, ...],
    line: int = 0,
) -> Description:
    """Return what a function of another form says of itself."""
    text = read_docstring(docstring)
    return Description(reference, form, text.summary, keys, _roles(text), line=line)


def _keys(docstring: str | None) -> tuple[Parameter, ...]:
    """Return the keys of the configuration that a docstring lists."""
    return tuple(
        Parameter(name, key.type_text, Any, key.default, key.meaning, unit_of(name, key.meaning))
        for name, key in described_keys(docstring).items()
        if name != "directory_prefix"
    )


def _of_access_class(reference: FunctionReference, owner: Callable[..., Any]) -> Description:
    """Return what a class, which needs a function of the user, takes besides its buffers."""
    text = read_docstring(inspect.getdoc(owner))
    return Description(
        reference,
        "access class",
        text.summary,
        tuple(
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
        ),
        _roles(text),
        for_setups=False,
    )


def _roles(text: Docstring) -> tuple[str, ...]:
    arguments = {name: text.meanings.get(f"{name[:-1]}_list", "") for name in _LISTS}
    return tuple(
        name for name, meaning in arguments.items() if not meaning.startswith("Must be None")
    )
