"""The filter ``shape_waveforms``: waveforms smoothed, shaped or correlated with a pattern."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb.analysis.traces import as_traces
from mimocorb.analysis.waveforms import baseline, correlate, smooth, trapezoid
from mimocorb.components.form import filter
from mimocorb.errors import SetupError

__all__ = ["ShapeWaveforms"]


@filter
class ShapeWaveforms:
    """Hand on each waveform in another shape: without its baseline, smoothed, as trapezoid.

    ``smooth`` is a running mean; ``trapezoid`` corrects the exponential decay of a preamplifier
    (pole-zero) and shapes trapezoids, whose flat top is the energy: the shaper for germanium
    detectors; ``correlate`` is the correlation with a pattern, a matched filter if the pattern has
    the shape of the pulses: its highest value is the best estimate of their height in white noise;
    ``baseline`` only takes the baseline away. The buffers of the source and of the sink have the
    same fields, and the sink as many samples; behind the end of a correlation there are zeros.

    Parameters
    ----------
    kind
        What is done.
    polarity
        Whether pulses go up or down; what is handed on goes up.
    level
        How the baseline of each waveform is found; ``zero``: the waveforms have none.
    level_samples
        Number of first samples that the baseline is found from; 0: all of them.
    width
        Of the running mean, an odd number of samples.
    rise, flat
        Of the trapezoid, in samples.
    decay
        Time constant of the pulses in samples, for the trapezoid; not given: they do not decay.
    pattern
        For the correlation; it is divided by the sum of its squares, so that a pulse of this shape
        comes out with its height.
    """

    def __init__(
        self,
        *,
        kind: Literal["baseline", "smooth", "trapezoid", "correlate"],
        polarity: Literal["positive", "negative"] = "positive",
        level: Literal["median", "most_probable", "mean", "zero"] = "median",
        level_samples: int = 0,
        width: int = 5,
        rise: int = 40,
        flat: int = 10,
        decay: float | None = None,
        pattern: list[float] | None = None,
    ) -> None:
        if level_samples < 0:
            raise SetupError(f"level_samples is 0 or more; found {level_samples}")
        if (kind == "correlate") != (pattern is not None):
            raise SetupError(
                f"pattern is the shape of the pulses, for the kind correlate; found"
                f" {'none' if pattern is None else 'one'} for the kind {kind}"
            )
        self._sign = 1.0 if polarity == "positive" else -1.0
        self._level, self._level_samples = level, level_samples or None
        self._kind = kind
        self._width, self._rise, self._flat = width, rise, flat
        self._decay = math.inf if decay is None else decay
        self._pattern = np.asarray(pattern or [], float)
        if kind == "correlate" and not (self._pattern**2).sum() > 0:
            raise SetupError("pattern has a number that is not 0; found none")
        length = max(2, len(self._pattern))
        self._shaped(np.zeros((1, length)), np.zeros(1))  # raises what cannot be

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> None:
        """Raise a SetupError for what the configuration cannot mean."""
        shaper = cls(**config)
        samples = buffer["values_per_slot"]
        if len(shaper._pattern) > samples:
            raise SetupError(
                f"pattern is at most as long as the waveforms, {samples} samples; found"
                f" {len(shaper._pattern)}"
            )

    def __call__(self, event: NDArray[Any]) -> Any:
        """Return the waveforms of all channels."""
        traces = as_traces(event)
        levels: Any = np.zeros(len(traces))
        if self._level != "zero":
            end = self._level_samples or traces.shape[1]
            levels = baseline(traces, method=self._level, end=end).value
        return list(self._shaped(traces, levels))

    def _shaped(self, traces: NDArray[Any], levels: NDArray[np.float64]) -> NDArray[np.float64]:
        options: dict[str, Any] = {"baseline": levels, "scale": self._sign}
        if self._kind == "smooth":
            return smooth(traces, self._width, **options)
        if self._kind == "trapezoid":
            return trapezoid(traces, rise=self._rise, flat=self._flat, decay=self._decay, **options)
        if self._kind == "correlate":
            found = np.zeros(traces.shape)
            weights = self._pattern / (self._pattern**2).sum()
            correlated = correlate(traces, weights, **options)
            found[:, : correlated.shape[1]] = correlated
            return found
        return (np.asarray(traces, float) - levels[:, np.newaxis]) * self._sign
