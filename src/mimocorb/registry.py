"""What installed packages bring to mimocorb, by the names that a set-up uses.

A package on PyPI offers a part under an entry point of its ``pyproject.toml``, and mimocorb's own
parts are offered in the same way::

    [project.entry-points."mimocorb.components"]
    picoscope = "my_package.picoscope:Picoscope"

What to use when
----------------

=======================  ==========================================================================
group                    an entry is
=======================  ==========================================================================
``mimocorb.components``  a source, filter, sink or observer: a decorated function or class
``mimocorb.formats``     a file format, see :mod:`mimocorb.recording`
``mimocorb.backends``    a kind of ring buffer, see :mod:`mimocorb.buffers.contract`
=======================  ==========================================================================

Nothing is imported before it is asked for by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

__all__ = ["Group", "offered"]

Group = Literal["components", "formats", "backends"]


class Offered(Mapping[str, EntryPoint]):
    """The entry points of one group by name.

    Parameters
    ----------
    group
        Which kind of part.

    Attributes
    ----------
    twice : dict of str to tuple of str
        Names that several packages offer, and these packages. Such a name is not in the mapping: it
        would depend on chance which part a set-up gets.
    """

    def __init__(self, group: Group) -> None:
        found: dict[str, dict[str, EntryPoint]] = {}
        for entry in entry_points(group=f"mimocorb.{group}"):
            # an editable installation beside an older one shows the same entry twice
            found.setdefault(entry.name, {})[entry.value] = entry
        self._entries = {
            name: next(iter(each.values())) for name, each in found.items() if len(each) == 1
        }
        self.twice = {
            name: tuple(entry.dist.name if entry.dist else entry.value for entry in each.values())
            for name, each in found.items()
            if len(each) > 1
        }

    def __getitem__(self, name: str) -> EntryPoint:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


@cache
def offered(group: Group) -> Offered:
    """Return what all installed packages offer; reads their descriptions, imports nothing.

    It does so once in a process, and forked workers have it from the main process.

    Examples
    --------
    >>> from mimocorb.registry import offered
    >>> offered("components").get("no_such_part") is None
    True
    """
    return Offered(group)
