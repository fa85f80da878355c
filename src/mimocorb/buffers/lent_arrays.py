"""Views of slots that know when they are no longer valid, for buffers made with ``debug``.

A function that keeps the view of an event sees another event in it later, and nothing tells. In a
buffer made with ``debug`` such a view raises StaleView when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.contract import ReaderPort, WriterPort
from mimocorb.buffers.lengths import SizedViews
from mimocorb.buffers.views import SlotViews
from mimocorb.errors import StaleView

__all__ = ["LentArray", "views_of"]

# What an error message, a debugger or NumPy itself may ask of a view that is no longer valid.
_HARMLESS = {"base", "dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides"}


@dataclass(frozen=True)
class Loan:
    """What is lent together, and how to tell whether it still is."""

    number: int
    what: str
    views: LendingViews

    def check(self) -> None:
        """Raise StaleView unless the slots are still in hand."""
        if not self.views.is_valid(self.number):
            raise StaleView(
                f"{self.what} was used after it had been given back, when its memory may hold"
                " another event. A view is valid until the next call of the Reader or Writer;"
                " keep event.copy() instead"
            )


class LentArray(np.ndarray):
    """A view of slots, or a part of one, that refuses to be used once they are given back.

    Copies and results of calculations are free of that. ``np.asarray`` and the buffer protocol
    get at the memory without being asked.
    """

    _loan: Loan | None = None

    def __array_finalize__(self, source: NDArray[Any] | None) -> None:
        if isinstance(source, LentArray) and not self.flags.owndata:
            self._loan = object.__getattribute__(source, "_loan")

    def _check(self) -> None:
        loan = object.__getattribute__(self, "_loan")
        if loan is not None:
            loan.check()

    def __getattribute__(self, name: str) -> Any:
        if not (name.startswith("_") or name in _HARMLESS):
            LentArray._check(self)
        return super().__getattribute__(name)

    def __getitem__(self, key: Any) -> Any:
        self._check()
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check()
        super().__setitem__(key, value)

    def copy(self, order: Any = "C") -> NDArray[Any]:  # type: ignore[override]
        """Return a plain copy, which may be kept."""
        return np.array(self, order=order)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Check the arguments; the results are plain arrays."""
        return getattr(ufunc, method)(*_plain(inputs), **_plain(options))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Check the arguments, also in a list as of ``np.stack``."""
        return super().__array_function__(function, types, _plain(args), _plain(kwargs))


def _plain(value: Any) -> Any:
    """Return `value` with plain views in place of lent arrays, which have to be valid."""
    if isinstance(value, LentArray):
        value._check()
        return value.view(np.ndarray)
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    if type(value) is dict:
        return {key: _plain(item) for key, item in value.items()}
    return value


class LendingViews(SlotViews):
    """The views of a port, made anew for each event and valid until the next one."""

    def __init__(
        self,
        port: WriterPort | ReaderPort,
        setup: Mapping[str, Any],
        is_in_hand: Callable[[], bool],
    ) -> None:
        super().__init__(port, setup)
        self._what = f"a view of an event of buffer {setup['name']!r}"
        self._is_in_hand = is_in_hand
        self._loans = 0

    def make(self, slot: int) -> NDArray[Any]:
        return self.each([slot])[0]

    def each(self, slots: Sequence[int]) -> Sequence[NDArray[Any]]:
        arrays = [super(LendingViews, self).make(slot) for slot in slots]
        for slot in slots:
            self.arrays[slot] = None  # so that the next event is asked for as well
        return self._lend(arrays)

    def run(self, first: int, count: int) -> NDArray[Any]:
        return self._lend([super().run(first, count)])[0]

    def is_valid(self, number: int) -> bool:
        """Whether what was lent under this number is still in hand."""
        return number == self._loans and self._is_in_hand()

    def _lend(self, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """Lend arrays together, until the next ones are."""
        self._loans += 1
        loan = Loan(self._loans, self._what, self)
        lent = [array.view(LentArray) for array in arrays]
        for array in lent:
            array._loan = loan
        return list(lent)


class _LendingSizedViews(LendingViews, SizedViews):
    """The same where each event has a length of its own."""


def views_of(
    port: WriterPort | ReaderPort, setup: Mapping[str, Any], is_in_hand: Callable[[], bool]
) -> SlotViews:
    """Return the views of a port's slots, in a buffer made with ``debug`` such as know their end.

    Parameters
    ----------
    is_in_hand
        Tells whether the Reader or Writer has anything in hand.
    """
    if setup["variable"]:
        if setup["debug"]:
            return _LendingSizedViews(port, setup, is_in_hand)
        return SizedViews(port, setup)
    return LendingViews(port, setup, is_in_hand) if setup["debug"] else SlotViews(port, setup)
