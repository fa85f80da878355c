"""The functions of mimocorb in set-ups: how they are named there, and where they are.

The recommended form writes ``plot.plot_graph``, that of the manual ``mimocorb/plot`` and
``plot_graph``. Functions that come with mimoCoRB2 are named as there, such as ``exporters.csv``.
Components of installed packages have names of their own; those of devices begin with ``devices.``.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from mimocorb.model import FunctionReference
from mimocorb.model.problem import NOWHERE, Where
from mimocorb.registry import offered

__all__ = [
    "OWN_MODULES",
    "functions_of",
    "is_for_setups",
    "is_offered",
    "offered_function",
    "own_functions",
    "own_module",
    "place_in_mimocorb",
    "text_of_mimocorb",
]

# Modules of functions that come with mimoCoRB2; ours of the same name are in mimocorb.functions.
_PREBUILT = ("analyzers", "data", "exporters", "misc", "observers", "visualizers")

OWN_MODULES = (
    "mimocorb/buffer_control",
    "mimocorb/plot",
    *(f"mimocorb/functions/{name}" for name in _PREBUILT),
)
"""The modules of mimocorb that have functions for set-ups."""

_OFFERED = ("devices.",)
"""What the names of offered components begin with that have a dot in them."""


def place_in_mimocorb(text: str) -> tuple[str, str] | None:
    """Return module and function for a name such as ``plot.plot_graph``; None without a dot.

    The module is written as in the manual, ``mimocorb/plot``; whether it is there is not looked at.
    """
    module, _, name = text.rpartition(".")
    if not module or not name:
        return None
    return own_module(module), name


def own_module(name: str) -> str:
    """Return a module of mimocorb as the manual writes it: ``mimocorb/plot`` for ``plot``."""
    inside = name.removeprefix("mimocorb.").replace(".", "/")
    return f"mimocorb/functions/{inside}" if inside in _PREBUILT else f"mimocorb/{inside}"


def is_offered(name: str) -> bool:
    """Whether a function without ``file`` is a component of some package, such as ``record``."""
    return "." not in name or name.startswith(_OFFERED)


def offered_function(name: str, where: Where = NOWHERE) -> FunctionReference:
    """Return what such a name means: a component of mimocorb, or of another package."""
    entry = offered("components").get(name)
    is_ours = entry is not None and entry.module.startswith("mimocorb.")
    asked = "mimocorb" if is_ours else "an installed package"
    return FunctionReference(asked, name, None, None, where, where, offered=True)


def is_for_setups(value: Any) -> bool:
    """Whether a set-up can name something of mimocorb: it needs no function of the user."""
    if not callable(value):
        return False
    if hasattr(value, "__mimocorb_kind__"):
        return True
    from mimocorb.compat.dialects.words import PARAMETERS

    return tuple(inspect.signature(value).parameters) in PARAMETERS


def functions_of(module: Any) -> list[str]:
    """Return the names of what a module of mimocorb has for set-ups; one for each function."""
    names = reversed(getattr(module, "__all__", ()))
    values = {getattr(module, name): name for name in names}
    return sorted(name for value, name in values.items() if is_for_setups(value))


def own_functions() -> list[str]:
    """Return all functions of mimocorb as set-ups write them, such as ``plot.plot_graph``."""
    return [
        f"{place.rpartition('/')[2]}.{name}"
        for place in OWN_MODULES
        for name in functions_of(import_module(place.replace("/", ".")))
    ]


def text_of_mimocorb(function: FunctionReference) -> str:
    """Return what ``function`` says without ``file``."""
    if function.offered:
        return function.name
    module = (function.module or "").removeprefix("mimocorb.")
    prebuilt = module.removeprefix("functions.")
    return f"{prebuilt if prebuilt in _PREBUILT else module}.{function.name}"
