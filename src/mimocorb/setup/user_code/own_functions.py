"""The functions of mimocorb in set-ups: how they are named there, and where they are.

The recommended form writes ``plot.plot_graph``, that of the manual ``mimocorb/plot`` and
``plot_graph``. Functions that come with mimoCoRB2 are named as there, such as ``exporters.csv``.
"""

from __future__ import annotations

from mimocorb.model import FunctionReference

__all__ = ["OWN_MODULES", "own_module", "place_in_mimocorb", "text_of_mimocorb"]

# Modules of functions that come with mimoCoRB2; ours of the same name are in mimocorb.functions.
_PREBUILT = ("analyzers", "data", "exporters", "misc", "observers", "visualizers")

OWN_MODULES = (
    "mimocorb/buffer_control",
    "mimocorb/plot",
    *(f"mimocorb/functions/{name}" for name in _PREBUILT),
)
"""The modules of mimocorb that have functions for set-ups."""


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


def text_of_mimocorb(function: FunctionReference) -> str:
    """Return what ``function`` says without ``file``."""
    if function.offered:
        return function.name
    module = (function.module or "").removeprefix("mimocorb.")
    prebuilt = module.removeprefix("functions.")
    return f"{prebuilt if prebuilt in _PREBUILT else module}.{function.name}"
