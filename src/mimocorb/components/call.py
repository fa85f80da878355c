"""What one process of a worker has for its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimocorb.model import WorkerSpec

__all__ = ["Setups", "Work", "WorkerCall"]

Work = Callable[[], None]

Setups = Sequence[Mapping[str, Any]] | None
"""Set-up dictionaries of the buffers of one role, None if there are none."""


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
