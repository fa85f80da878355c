"""How the bins of an axis are chosen, and how an axis is named."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mimocorb.errors import SetupError

if TYPE_CHECKING:
    import boost_histogram as bh

__all__ = ["MOST_BINS", "Bins", "Scale"]

MOST_BINS = 4_000_000
"""Of a histogram: 32 MB of counts in each process."""

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Bins:
    """The bins of one axis as they are configured.

    Parameters
    ----------
    axis
        ``"x"`` or ``"y"``: what the keys begin with.
    count
        Number of bins between `low` and `high`.
    low, high
        Where the first bin begins and the last one ends.
    scale
        Whether the bins are equally wide, or their logarithms are.
    edges
        All edges of the bins, instead of the others.
    """

    axis: str
    count: int
    low: float | None
    high: float | None
    scale: Scale
    edges: Sequence[float] | None

    def check(self) -> None:
        """Raise a SetupError if these are no bins."""
        if self.edges is not None:
            self._check_edges(self.edges)
        else:
            self._check_range()

    def _check_edges(self, edges: Sequence[float]) -> None:
        name = f"{self.axis}_edges"
        if self.low is not None or self.high is not None:
            raise SetupError(
                f"{name} are all edges of the bins; found {self.axis}_from or {self.axis}_to as"
                " well: remove one or the other"
            )
        if not all(map(math.isfinite, edges)):
            raise SetupError(f"{name} are finite numbers; found {list(edges)!r:.80}")
        if len(edges) < 2 or any(a >= b for a, b in itertools.pairwise(edges)):
            raise SetupError(
                f"{name} are two numbers or more that increase; found {list(edges)!r:.80}"
            )

    def _check_range(self) -> None:
        axis, low, high = self.axis, self.low, self.high
        if low is None or high is None:
            missing = " and ".join(
                name
                for name, value in ((f"{axis}_from", low), (f"{axis}_to", high))
                if value is None
            )
            raise SetupError(f"the bins of {axis} need {missing}, or {axis}_edges; found neither")
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise SetupError(
                f"{axis}_from is below {axis}_to; found {axis}_from {low:g} and {axis}_to {high:g}"
            )
        if self.scale == "log" and low <= 0:
            raise SetupError(f"with {axis}_scale log, {axis}_from is above 0; found {low:g}")
        if self.count < 1:
            raise SetupError(f"{axis}_bins is 1 or more; found {self.count}")

    @property
    def number(self) -> int:
        """How many bins there are, with those below and above."""
        return (self.count if self.edges is None else len(self.edges) - 1) + 2

    def build(self, label: str, unit: str) -> bh.axis.Axis:
        """Return the axis; its label and unit go with it wherever the histogram goes."""
        import boost_histogram as bh

        axis: Any
        if self.edges is not None:
            axis = bh.axis.Variable(self.edges)
        else:
            assert self.low is not None
            assert self.high is not None
            transform = bh.axis.transform.log if self.scale == "log" else None
            axis = bh.axis.Regular(self.count, self.low, self.high, transform=transform)
        axis.label, axis.unit = label, unit
        built: bh.axis.Axis = axis
        return built
