"""The words that everybody shares: what a set-up says, and what is wrong with it.

The classes here are the set-up: a field with a kind (:mod:`mimocorb.model.kinds`) is a key of the
file, with its documentation and what may be its value. From them come the reader
(:mod:`mimocorb.setup.dialects`), the JSON schema (:mod:`mimocorb.setup.json_schema`), the writer
(:mod:`mimocorb.setup.recommended_form`) and the record of the run; the checks, the graph and the
run use the objects themselves. They are dataclasses of the standard library: a worker process,
which gets one of them, loads no pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Nothing is imported before it is asked for: a command that prints its help needs no NumPy.
if TYPE_CHECKING:
    from mimocorb.model.buffer import BufferSpec
    from mimocorb.model.setup import Comparison, Setup, StopCondition
    from mimocorb.model.worker import (
        Action,
        ConfigLayer,
        ConfigOrigin,
        FunctionReference,
        OnFailure,
        Role,
        WorkerSpec,
    )

__all__ = [
    "Action",
    "BufferSpec",
    "Comparison",
    "ConfigLayer",
    "ConfigOrigin",
    "FunctionReference",
    "OnFailure",
    "Role",
    "Setup",
    "StopCondition",
    "WorkerSpec",
]

_HOMES = {
    "BufferSpec": "buffer",
    **dict.fromkeys(("Comparison", "Setup", "StopCondition"), "setup"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'worker')}"), name)
