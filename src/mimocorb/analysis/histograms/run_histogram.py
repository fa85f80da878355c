"""A histogram of a run at one moment, as everybody else sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.analysis.histograms.fit_result import Fit
from mimocorb.components.docstrings import unit_of
from mimocorb.errors import SetupError

if TYPE_CHECKING:
    import boost_histogram as bh

__all__ = ["RunHistogram"]

_OURS = "mimocorb"


@dataclass(frozen=True)
class RunHistogram:
    """A histogram of a run at one moment.

    It is one of the histograms that UHI describes: ``hist``, ``mplhep`` and others draw it as it
    is, and ``counts`` has it as a histogram of boost-histogram.

    Attributes
    ----------
    name
        Of the worker that fills it.
    counts : boost_histogram.Histogram
        Its bins, under- and overflow included. Axes have ``label`` and ``unit``.
    title, buffer
        For pictures, and whose events are in it.
    filled
        The expressions by what they are for: x, y, mean_of, weight, where.
    mean_unit
        Unit of the mean in a profile.
    events, entries, no_numbers
        Events that were given, values that have been filled, and values that are in no bin because
        they were no numbers.
    sequence
        Number that grows whenever there is something new.
    updated_s
        UTC when something was last filled; 0 if nothing was yet.
    live_time_s, real_time_s
        How long the source was able to take the events, and how long it took in all; None if that
        is not known.
    fits : tuple of Fit
        What has been fitted to it, newest results.
    newer
        Returns it as it is now, and whether it is the last one; None if it will not change.
    """

    name: str
    counts: bh.Histogram[Any]
    title: str = ""
    buffer: str = ""
    filled: Mapping[str, str] = field(default_factory=dict)
    mean_unit: str = ""
    events: int = 0
    entries: int = 0
    no_numbers: int = 0
    sequence: int = 0
    updated_s: float = 0.0
    live_time_s: float | None = None
    real_time_s: float | None = None
    fits: tuple[Fit, ...] = ()
    newer: Callable[[], tuple[RunHistogram, bool]] | None = field(
        default=None, repr=False, compare=False
    )

    def __repr__(self) -> str:
        bins = " × ".join(str(len(axis.edges) - 1) for axis in self.axes)
        return f"<histogram {self.name}: {self.entries} entries in {bins} bins>"

    def _ipython_display_(self) -> None:
        """Draw itself in a notebook, and go on as long as the run does."""
        from mimocorb.displays.figures import histogram_figure, picture_of
        from mimocorb.displays.notebook import show_live

        shown = [self]

        def draw() -> bytes:
            return picture_of(histogram_figure([shown[0]]), "png")

        def is_over() -> bool:
            assert self.newer is not None
            shown[0], over = self.newer()
            return over

        show_live(draw, is_over if self.newer else None, repr(self))

    # --- the protocol of UHI

    @property
    def axes(self) -> Any:
        """The axes."""
        return self.counts.axes

    @property
    def kind(self) -> Any:
        """``COUNT``, or ``MEAN`` for a profile."""
        return self.counts.kind

    def values(self, flow: bool = False) -> NDArray[Any]:
        """Return the contents of the bins: counts, sums of weights, or means."""
        found: NDArray[Any] = self.counts.values(flow=flow)
        return found

    def variances(self, flow: bool = False) -> NDArray[Any]:
        """Return the squares of one standard deviation of these."""
        found = self.counts.variances(flow=flow)
        return self.values(flow).astype(float) if found is None else np.asarray(found)

    def counts_in_bins(self, flow: bool = False) -> NDArray[Any]:
        """Return how many entries are in each bin, whatever the values are."""
        found: NDArray[Any] = self.counts.counts(flow=flow)
        return found

    # --- as others want it

    @property
    def is_profile(self) -> bool:
        """Whether the bins have means."""
        return str(self.kind) == "MEAN"

    @property
    def outside(self) -> int:
        """How many entries are below or above all bins."""
        found = self.counts_in_bins(flow=True).sum() - self.counts_in_bins().sum()
        return round(float(np.nan_to_num(found)))

    def axis_label(self, number: int) -> str:
        """Return the label of an axis with its unit, for pictures."""
        axis = self.axes[number]
        return labelled(getattr(axis, "label", ""), getattr(axis, "unit", ""))

    @property
    def value_label(self) -> str:
        """What the values are, for pictures."""
        if self.is_profile:
            return labelled(f"mean of {self.filled.get('mean_of', '?')}", self.mean_unit)
        return "sum of weights" if "weight" in self.filled else "entries"

    def as_plain(self) -> dict[str, Any]:
        """Return all of it in lists, numbers and texts, for pages and programs.

        ``values`` and ``variances`` have no under- and overflow; of one dimension ``underflow`` and
        ``overflow`` say these, of two ``outside``. ``counts`` are the entries of each mean.
        """
        values, variances = self.values(), self.variances()
        if self.is_profile:
            values, variances = np.nan_to_num(values), np.nan_to_num(variances)
        plain = {
            "name": self.name,
            **self._about(),
            "kind": str(self.kind),
            "value_label": self.value_label,
            "axes": [
                {
                    "label": getattr(axis, "label", ""),
                    "unit": getattr(axis, "unit", ""),
                    "edges": axis.edges.tolist(),
                    "scale": "log" if is_log(axis) else "linear",
                }
                for axis in self.axes
            ],
            "values": values.tolist(),
            "variances": variances.tolist(),
        }
        if len(self.axes) == 1:
            flow = self.values(flow=True)
            plain |= {"underflow": flow[0].item(), "overflow": flow[-1].item()}
        else:
            plain["outside"] = self.outside
        if self.is_profile:
            plain["counts"] = self.counts.counts().tolist()
        return plain

    def to_uhi(self) -> dict[str, Any]:
        """Return it in the form of UHI for JSON and other files, with what is known besides."""
        from boost_histogram.serialization import to_uhi

        content = to_uhi(self.counts)
        storage = content["storage"]
        for part in ("values", "variances"):  # of a mean of no value, or the spread of one
            if part in storage:
                storage[part] = np.nan_to_num(storage[part])
        content["metadata"] = {"name": self.name, _OURS: self._about()}
        return content

    @classmethod
    def from_uhi(cls, name: str, content: Mapping[str, Any]) -> RunHistogram:
        """Make one of a histogram in the form of UHI, whoever wrote it."""
        from boost_histogram.serialization import from_uhi

        about = dict((content.get("metadata") or {}).get(_OURS, {}))
        counts = from_uhi(dict(content))
        if not about:
            about = {"title": name, "entries": int(np.sum(counts.counts(flow=True)))}
        fits = tuple(map(Fit.from_plain, about.pop("fits", ())))
        return cls(name, counts, **about, fits=fits)

    def _about(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "buffer": self.buffer,
            "filled": dict(self.filled),
            "mean_unit": self.mean_unit,
            "events": self.events,
            "entries": self.entries,
            "no_numbers": self.no_numbers,
            "sequence": self.sequence,
            "updated_s": self.updated_s,
            "live_time_s": self.live_time_s,
            "real_time_s": self.real_time_s,
            "fits": [fit.as_plain() for fit in self.fits],
        }

    def __add__(self, other: RunHistogram) -> RunHistogram:
        """Return the sum with a histogram of another process or run.

        Raises
        ------
        SetupError
            It has other bins, or other things are filled.
        """
        if self.counts.axes != other.counts.axes or self.filled != other.filled:
            raise SetupError(
                f"{self.name}: these histograms cannot be added, as their bins, or what is filled"
                f" into them, are not the same: {self._what()}; {other._what()}"
            )
        return replace(
            self,
            counts=self.counts + other.counts,
            events=self.events + other.events,
            entries=self.entries + other.entries,
            no_numbers=self.no_numbers + other.no_numbers,
            sequence=self.sequence + other.sequence,
            updated_s=max(self.updated_s, other.updated_s),
            live_time_s=_sum_if_known(self.live_time_s, other.live_time_s),
            real_time_s=_sum_if_known(self.real_time_s, other.real_time_s),
            fits=(),
        )

    def _what(self) -> str:
        axes = " and ".join(
            f"{len(axis.edges) - 1} bins from {axis.edges[0]:g} to {axis.edges[-1]:g}"
            for axis in self.axes
        )
        return f"{', '.join(self.filled.values())} in {axes}"


def _sum_if_known(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def labelled(label: str, unit: str) -> str:
    """Return a label with its unit, unless the name of the field has it at its end."""
    if not unit:
        return label
    stem = label.rpartition("_")[0] if unit_of(label, "") == unit else label
    return f"{stem or label} / {unit}"


def is_log(axis: Any) -> bool:
    """Whether the logarithms of the bins are equally wide."""
    transform = getattr(axis, "transform", None)
    return transform is not None and "log" in repr(transform)
