"""What user functions import from ``mimocorb2``: the names that we offer, found among ours.

Only in worker processes, and there also if mimoCoRB2 is installed: a run is the same on every
machine. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["OFFERED", "RELEASE", "offer_mimocorb2"]

RELEASE = "0.0.4"
"""The release of mimoCoRB2 whose names these are."""

_TEMPLATES = dict.fromkeys(
    (
        "Exporter",
        "Filter",
        "Importer",
        "IsAlive",
        "Observer",
        "Processor",
        "SetupError",
        "UfuncError",
    ),
    "mimocorb.compat.mimocorb2.worker_templates",
)
_BUFFER_IO = {"BufferIO": "mimocorb.compat.mimocorb2.buffer_io"}
_BUFFERS = "mimocorb.compat.mimocorb2.buffer_handles"
_HANDLES = {
    **dict.fromkeys(("BufferObserver", "BufferReader", "BufferWriter"), _BUFFERS),
    "mimoBuffer": f"{_BUFFERS}:BufferHandle",
}


def _prebuilt(module: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, f"mimocorb.compat.mimocorb2.prebuilt.{module}")


OFFERED: Mapping[str, Mapping[str, str]] = {
    "mimocorb2": {**_BUFFER_IO, **_TEMPLATES},
    "mimocorb2.worker_templates": {**_BUFFER_IO, **_TEMPLATES},
    "mimocorb2.mimo_worker": {**_BUFFER_IO, "Config": "mimocorb.compat.mimocorb2.buffer_io"},
    "mimocorb2.mimo_buffer": _HANDLES,
    "mimocorb2.functions": {},
    "mimocorb2.functions.analyzers": _prebuilt("analyzers", "pha"),
    "mimocorb2.functions.data": _prebuilt(
        "data", "clocked_importer", "export", "simulate_importer"
    ),
    "mimocorb2.functions.exporters": {
        **_prebuilt("exporters", "csv", "drain", "histogram"),
        **_prebuilt("visualizers", "visualize_histogram"),
    },
    "mimocorb2.functions.misc": _prebuilt("misc", "copy"),
    "mimocorb2.functions.observers": _prebuilt("observers", "oscilloscope"),
    "mimocorb2.functions.visualizers": _prebuilt("visualizers", "csv", "histogram"),
}
"""Module of mimoCoRB2 → name in it → our module that has it (and its name there, if another)."""


class _Names(Loader):
    """Makes a module that has our names, and says which ones there are if asked for another."""

    def __init__(self, module: str) -> None:
        self._module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002
        """Leave it to the import system to make an empty module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its names."""
        offered = OFFERED[self._module]
        vars(module).update(__getattr__=self._get, __all__=list(offered))

    def _get(self, name: str) -> Any:
        if name == "__version__" and self._module == "mimocorb2":
            return RELEASE
        if name.startswith("__"):
            raise AttributeError(name)
        home = OFFERED[self._module].get(name)
        if home is not None:
            place, _, ours = home.partition(":")
            return getattr(import_module(place), ours or name)
        if f"{self._module}.{name}" in OFFERED:
            return import_module(f"{self._module}.{name}")
        raise ImportError(_not_offered(self._module, name))


class _Finder(MetaPathFinder):
    """Answers for everything whose name begins with ``mimocorb2``."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return how to make the module, None for modules of others."""
        if fullname.partition(".")[0] != "mimocorb2":
            return None
        if fullname not in OFFERED:
            module, _, name = fullname.rpartition(".")
            raise ModuleNotFoundError(_not_offered(module, name), name=fullname)
        return ModuleSpec(fullname, _Names(fullname), is_package=True)


def _not_offered(module: str, name: str) -> str:
    below = [
        other.removeprefix(f"{module}.") for other in OFFERED if other.startswith(f"{module}.")
    ]
    inside = sorted([*OFFERED.get(module, ()), *(part for part in below if "." not in part)])
    has = f"{module} has {', '.join(inside)}" if inside else f"there is no {module} either"
    return (
        f"{name!r} of {module} is not offered by mimocorb, under which this function runs; {has}."
        " See 'Use a set-up of mimoCoRB2' in the documentation"
    )


def offer_mimocorb2() -> None:
    """Let this process find the names of mimoCoRB2 among ours. Idempotent."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
