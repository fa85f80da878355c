"""The sink that fills a histogram from all events of a buffer."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many
from mimocorb.analysis.histograms.axes import MOST_BINS, Bins
from mimocorb.analysis.histograms.expression import Expression, Fields, by_length
from mimocorb.analysis.histograms.page import (
    DIRECTORY,
    HistogramPage,
    Tally,
    page_name,
    pages_of,
    read_page,
)
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.jagged import Jagged
from mimocorb.components.docstrings import unit_of
from mimocorb.components.form import sink
from mimocorb.components.worker import current_worker
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.model.channels import channels_of

if TYPE_CHECKING:
    import boost_histogram as bh

__all__ = ["Histogram"]

logger = logging.getLogger(__name__)

_OWNER = "histogram"


@sink
class Histogram:
    """Fill a histogram from all events of a buffer, for everybody to look at while the run goes on.

    It is called as its worker is. With ``x`` it has one dimension, with ``y`` as well it has two,
    with ``mean_of`` it is a profile: the mean of that, and its spread, in each bin. What is filled
    is a field of the events, in the unit of the buffer, or arithmetic on fields: ``height_mV``,
    ``max(chA) - min(chA)``;
    ``(counter, timestamp, deadtime, time_ns)`` are known as well. An expression that has a value
    for each sample of an event fills all of them; ``max``, ``mean`` and the like make one number.

    What is below the first bin and above the last one is counted, too. Every event that has been
    acknowledged is in it, once, also after the kill of a process. The run directory keeps it;
    ``mimocorb histograms`` shows and exports it.

    Parameters
    ----------
    x
        What is filled: a field or an expression.
    x_bins
        Number of bins between `x_from` and `x_to`.
    x_from, x_to
        Where the first bin begins and the last one ends.
    x_scale
        ``log``: the logarithms of the bins are equally wide.
    x_edges
        All edges of the bins, instead of their number, begin and end.
    x_unit
        Unit, where the name of the field does not say it.
    y
        For a histogram of two dimensions: what its second axis is.
    y_bins
        As for x.
    y_from, y_to
        As for x.
    y_scale
        As for x.
    y_edges
        As for x.
    y_unit
        As for x.
    mean_of
        For a profile: of what the mean is taken in each bin.
    mean_unit
        Unit of that.
    weight
        What each value counts; 1 if not given.
    where
        A condition such as ``height_mV > 20``: only what fulfils it is filled.
    title
        For pictures; the name of the worker if not given.
    buffer, directory
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration.
    OutputError
        The file of the counts cannot be written.
    """

    wants_sequences: ClassVar[bool] = True
    is_followed: ClassVar[bool] = True
    """It has to know which events it has counted already."""

    def __init__(
        self,
        *,
        x: str,
        x_bins: int = 100,
        x_from: float | None = None,
        x_to: float | None = None,
        x_scale: Literal["linear", "log"] = "linear",
        x_edges: list[float] | None = None,
        x_unit: str = "",
        y: str | None = None,
        y_bins: int = 100,
        y_from: float | None = None,
        y_to: float | None = None,
        y_scale: Literal["linear", "log"] = "linear",
        y_edges: list[float] | None = None,
        y_unit: str = "",
        mean_of: str | None = None,
        mean_unit: str = "",
        weight: str | None = None,
        where: str | None = None,
        title: str = "",
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        bins = [Bins("x", x_bins, x_from, x_to, x_scale, x_edges)]
        if y is not None:
            bins.append(Bins("y", y_bins, y_from, y_to, y_scale, y_edges))
        self._filled = _Filled(buffer, x=x, y=y, mean_of=mean_of, weight=weight, where=where)
        units = {"x": x_unit, "y": y_unit, "mean_of": mean_unit}
        self._histogram = self._new(bins, units)
        self._counts = np.asarray(self._histogram.view(flow=True))
        self._tally = Tally()
        self._repeats = 0
        worker = current_worker()
        self._name = worker.spec.name or _OWNER
        self._directory = directory
        about = {
            "name": self._name,
            "title": title or self._name,
            "buffer": str(buffer.get("name", "")),
            "filled": self._filled.texts,
            "mean_unit": self._filled.unit("mean_of", mean_unit),
            "counts_bytes": self._counts.nbytes,
            "uhi": _without_counts(self._histogram),
        }
        path = directory / DIRECTORY / page_name(self._name, worker.process_number, worker.attempt)
        self._page = HistogramPage(path, about, self._counts.nbytes)
        self._page.publish(self._tally, self._counts, np.empty(0, np.int64))

    def _new(self, bins: list[Bins], units: Mapping[str, str]) -> bh.Histogram[Any]:
        import boost_histogram as bh

        texts, unit = self._filled.texts, self._filled.unit
        axes = [each.build(texts[each.axis], unit(each.axis, units[each.axis])) for each in bins]
        is_profile, is_weighted = "mean_of" in texts, "weight" in texts
        storage: Any
        if is_profile:
            storage = bh.storage.WeightedMean() if is_weighted else bh.storage.Mean()
        else:
            storage = bh.storage.Weight() if is_weighted else bh.storage.Int64()
        return bh.Histogram(*axes, storage=storage)

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> None:
        """Raise a SetupError if this configuration makes no histogram of the events of a buffer."""
        bins = [cls._bins("x", config)]
        if config.get("y") is not None:
            bins.append(cls._bins("y", config))
            if config.get("mean_of") is not None:
                raise SetupError(
                    f"{_OWNER}: mean_of makes a profile, y a histogram of two dimensions; found"
                    " both: remove one of them"
                )
        else:
            unused = [name for name in config if name.startswith("y_") and config[name]]
            if unused:
                raise SetupError(f"{_OWNER}: {', '.join(unused)} without y: add y, or remove them")
        for each in bins:
            each.check()
        total = int(np.prod([float(each.number) for each in bins]))
        if total > MOST_BINS:
            raise SetupError(
                f"{_OWNER}: a histogram has at most {MOST_BINS} bins, found {total}: choose fewer"
            )
        _Filled(buffer, **{name: config.get(name) for name in _PARTS})

    @staticmethod
    def _bins(axis: str, config: Mapping[str, Any]) -> Bins:
        return Bins(
            axis,
            config.get(f"{axis}_bins", 100),
            config.get(f"{axis}_from"),
            config.get(f"{axis}_to"),
            config.get(f"{axis}_scale", "linear"),
            config.get(f"{axis}_edges"),
        )

    def __call__(self, events: NDArray[Any], metadata: BatchMetadata) -> None:
        """Fill a batch, and publish the counts with it: the batch is acknowledged afterwards.

        Raises
        ------
        OutputError
            They could not be published.
        """
        held = metadata.sequence
        assert held is not None  # asked for above
        if metadata.may_repeat is not None:
            events, metadata = self._not_yet_counted(events, metadata)
            if not len(events):
                return
        filled = self._filled.of(events, metadata)
        entries = len(filled.x[0])
        if entries:
            self._histogram.fill(*filled.x, **filled.more)
        self._tally += Tally(len(events), entries, filled.no_numbers)
        self._page.publish(self._tally, self._counts, held)

    def _not_yet_counted(
        self, events: NDArray[Any], metadata: BatchMetadata
    ) -> tuple[NDArray[Any], BatchMetadata]:
        """Leave out what a process counted that was killed before it acknowledged it."""
        assert metadata.sequence is not None
        counted: set[int] = set()
        for path in pages_of(self._directory, self._name):
            with contextlib.suppress(FileNotFoundError, DamagedFile):
                counted.update(read_page(path).held.tolist())
        new = np.array([number not in counted for number in metadata.sequence.tolist()], bool)
        self._repeats += int(np.count_nonzero(~new))
        places = np.flatnonzero(new)
        return events[places], metadata.at(places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._page.finish()
        self._page.close()
        again = self._repeats
        repeated = f"; {how_many(again, 'event')} came again and counted once" if again else ""
        logger.info(
            "%s of %s%s",
            how_many(self._tally.entries, "value"),
            how_many(self._tally.events, "event"),
            repeated,
        )


_PARTS = ("x", "y", "mean_of", "weight", "where")


class _Batch:
    """What is filled from a batch."""

    def __init__(self, x: list[NDArray[Any]], more: dict[str, Any], no_numbers: int) -> None:
        self.x = x
        self.more = more
        self.no_numbers = no_numbers


def _joined(batches: list[_Batch]) -> _Batch:
    return _Batch(
        [np.concatenate(parts) for parts in zip(*(each.x for each in batches), strict=True)],
        {name: np.concatenate([each.more[name] for each in batches]) for name in batches[0].more},
        sum(each.no_numbers for each in batches),
    )


class _Filled:
    """What is filled: the expressions by the keys under which they are configured."""

    def __init__(self, buffer: Mapping[str, Any], **texts: str | None) -> None:
        self._channels = channels_of(buffer)
        self._fields = Fields(buffer)
        self.texts = {name: text for name, text in texts.items() if text is not None}
        self._parts = {
            name: Expression(text, self._fields.names, f"{_OWNER}: {name}")
            for name, text in self.texts.items()
        }
        self._names = frozenset().union(*(part.names for part in self._parts.values()))
        self._fields.check(self._names, f"{_OWNER}: histograms are made of numbers")

    def unit(self, part: str, given: str) -> str:
        """Return the unit of a part: as configured, or that in the name of its field."""
        expression = self._parts.get(part)
        if given or expression is None or not expression.is_field:
            return given
        name = expression.text.strip()
        known = self._channels.get(name)
        return known.unit if known is not None and known.unit else unit_of(name, "")

    def of(self, events: NDArray[Any] | Jagged, metadata: BatchMetadata) -> _Batch:
        """Return what is to be filled from these events, without what is no number."""
        if isinstance(events, Jagged):
            return _joined(
                [self._of(rows, known) for _, rows, known in by_length(events, metadata)]
            )
        return self._of(events, metadata)

    def _of(self, events: NDArray[Any], metadata: BatchMetadata) -> _Batch:
        values = {name: self._fields.value(name, events, metadata) for name in self._names}
        parts = {name: part(values) for name, part in self._parts.items()}
        try:
            spread = dict(zip(parts, np.broadcast_arrays(*parts.values()), strict=True))
        except ValueError:
            shapes = ", ".join(f"{name} {part.shape[1:]}" for name, part in parts.items())
            raise SetupError(
                f"{_OWNER}: the parts have different numbers of values in an event: {shapes}"
            ) from None
        flat = {name: np.ascontiguousarray(part).reshape(-1) for name, part in spread.items()}
        where = flat.pop("where", None)
        if where is not None:
            flat = {name: part[where.astype(bool)] for name, part in flat.items()}
        flat = {name: part.astype(np.float64, copy=False) for name, part in flat.items()}
        good = ~np.logical_or.reduce([np.isnan(part) for part in flat.values()])
        no_numbers = len(good) - int(np.count_nonzero(good))
        if no_numbers:
            flat = {name: part[good] for name, part in flat.items()}
        more = {
            key: flat[name]
            for key, name in (("sample", "mean_of"), ("weight", "weight"))
            if name in flat
        }
        return _Batch([flat[name] for name in ("x", "y") if name in flat], more, no_numbers)


def _without_counts(histogram: bh.Histogram[Any]) -> dict[str, Any]:
    """Return axes and storage in the form of UHI, for a page."""
    from boost_histogram.serialization import to_uhi

    content = to_uhi(histogram)
    for axis in content["axes"]:
        if "edges" in axis:
            axis["edges"] = [float(edge) for edge in axis["edges"]]
    content["storage"] = {"type": content["storage"]["type"]}
    return content
