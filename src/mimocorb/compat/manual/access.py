"""What all classes of the manual have in common: how they are made, and what they keep."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mimocorb.compat.manual.argument_order import in_documented_order
from mimocorb.compat.manual.assignment import Assignment, Setups, check_assignment
from mimocorb.errors import SetupError

__all__ = ["Access", "Started", "output_directory"]


class Access:
    """A class that is made with the lists that a worker function gets, and then called.

    A class with a classmethod ``preview(setup, config)`` is checked before a run: it is called with
    ``name``, ``values_per_slot`` and ``dtype`` of the buffer and with the configuration, opens
    nothing, and raises a SetupError if the class cannot work with these. If it takes time to load
    what it needs, ``check(setup, config)`` is the quick part of it.

    Parameters
    ----------
    source_list, sink_list, observe_list
        Set-up dictionaries by role.
    config_dict
        Configuration of the worker.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    config_dict : dict
        The configuration, empty if there is none.
    """

    SOURCES: ClassVar[int] = 0
    SINKS: ClassVar[int] = 0
    OBSERVED: ClassVar[int] = 0
    RELEASE_ORDER: ClassVar[Sequence[str]] = ("source_list", "config_dict")
    """The positional arguments of release 1.0.2, which are understood as well."""

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        **rb_info: str,
    ) -> None:
        self._make((source_list, sink_list, observe_list, config_dict), rb_info)

    def _make(self, given: Sequence[Any], rb_info: Mapping[str, str]) -> None:
        """Do what all constructors do with their arguments; a function may be the fifth."""
        (*lists, config_dict), self._function = in_documented_order(
            self, self.RELEASE_ORDER, *given
        )
        assigned = check_assignment(
            self,
            lists,
            rb_info,
            sources=self.SOURCES,
            sinks=self.SINKS,
            observers=self.OBSERVED,
        )
        self._assigned = assigned  # which may be all that keeps the buffers
        self.logger = logging.getLogger(type(self).__module__)
        self.config_dict: Mapping[str, Any] = config_dict or {}
        self._open(assigned)

    def _open(self, assigned: Assignment) -> None:
        """Open the buffers."""

    def _one_function(self, keyword: str, ufunc: Any) -> Any:
        """Return the user function given under its documented keyword or as ``ufunc``."""
        name, documented = type(self).__name__, self._function
        if documented is not None and ufunc is not None:
            raise SetupError(
                f"{name}: give either {keyword}= or ufunc=, not both; they mean the same."
            )
        function = ufunc if documented is None else documented
        if function is None:
            raise SetupError(f"{name} needs a function: pass it as {keyword}= (or ufunc=).")
        return function

    def _callable(self, keyword: str, function: Any) -> Any:
        if not callable(function):
            found = type(function).__name__
            raise SetupError(f"{type(self).__name__}: {keyword} must be a function, found {found}.")
        return function


class Started(Access):
    """One that does its work when it is called, with a loop of :mod:`mimocorb.components.roles`."""

    _loop: Any

    def __call__(self) -> Any:
        """Do the work, to the end of the stream."""
        self._loop.run()

    def start(self) -> Any:
        """Do the same as calling the object."""
        return self()


def output_directory(config: Mapping[str, Any]) -> Path:
    """Return where a worker writes: ``directory_prefix``, or else the current directory."""
    return Path(config.get("directory_prefix") or ".")
