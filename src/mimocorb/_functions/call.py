"""Calling a worker function of any form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from mimocorb._access.assignment import Setups
from mimocorb._functions.forms import form_of, has_preview
from mimocorb.model import WorkerSpec

__all__ = ["Work", "WorkerCall", "bind_function"]

Work = Callable[[], None]


@dataclass(frozen=True)
class WorkerCall:
    """What one process of a worker has for its function.

    Parameters
    ----------
    spec
        The worker in the set-up.
    source_list, sink_list, observe_list
        Set-up dictionaries of its buffers; None where there are none.
    directory_prefix
        Directory of the run, with a slash at its end.
    """

    spec: WorkerSpec
    source_list: Setups = None
    sink_list: Setups = None
    observe_list: Setups = None
    directory_prefix: str = ""

    @property
    def setup_directory(self) -> Path:
        """Directory of the set-up file, where relative names in the configuration start."""
        return self.spec.config_origin.directory

    @property
    def config_dict(self) -> dict[str, Any]:
        """The documented configuration: that of the set-up, and where to write."""
        return {**self.spec.config, "directory_prefix": self.directory_prefix}


def bind_function(function: Callable[..., Any], call: WorkerCall) -> Work:
    """Prepare a worker function as far as possible without data; returns the work itself.

    Parameters
    ----------
    function
        Of any form; see :mod:`mimocorb._functions.forms`.
    call
        What it works with.

    Returns
    -------
    callable
        To be called once, without arguments; returns at the end of the data.

    Raises
    ------
    SetupError
        The configuration or the buffers do not fit to the function.
    """
    buffers = [*(call.source_list or ()), *(call.observe_list or ())]
    if has_preview(function) and len(buffers) == 1:
        cast("Any", function).preview(buffers[0], call.spec.config)  # as `mimocorb check` does
    work: Work = import_module(form_of(function).module).bind(function, call)
    return work
