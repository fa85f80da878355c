"""The sink ``fit_lifetime``: the lifetime of what decays, while the decays come."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many
from mimocorb.analysis.lifetime import Capture, LifetimeFit, fit_lifetime, muon_capture
from mimocorb.components.form import sink
from mimocorb.components.reporting import report
from mimocorb.errors import SetupError

__all__ = ["FitLifetime"]

logger = logging.getLogger(__name__)

_PER_US = {"ns": 1e3, "us": 1.0, "ms": 1e-3, "s": 1e-6}
_INTERVAL_S = 1.0
_SHARE_OF_TIME = 0.1


@sink
class FitLifetime:
    """Fit a lifetime to the decay times of events, and report it with its uncertainty.

    The unbinned fit of :func:`mimocorb.analysis.lifetime.fit_lifetime`, made again and again while
    events come. It reports ``lifetime_us`` (``_ns``, ``_ms``, ``_s``: as the field), the errors to
    both sides, ``lifetime_lower_error_us`` and ``lifetime_upper_error_us``, and ``relative_error``,
    the larger of these over the lifetime; ``background``, the part of the events that is flat in
    time; and ``decay_times``, the number of events in the window. A set-up can end the run on them.
    As long as the events do not say what the lifetime is, only that number is reported. At the end
    the log has the result in words.

    Parameters
    ----------
    times
        Name of the field with the decay times. It ends with its unit: ``decay_time_ns``.
    window_from, window_to
        Decay times that are fitted, in the unit of the field: from where no decay is missed any
        more behind the first pulse, to where the waveform ends.
    background
        Part of the events in the window that is flat in time, if it is known; fitted if not given.
    material
        In which negative muons are captured, such as ``carbon`` (plastic) or ``oxygen`` (water):
        the result then is the lifetime of positive muons.
    negative_fraction
        Of the muons that stop in the material.
    buffer
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration.
    """

    def __init__(
        self,
        *,
        times: str,
        window_from: float,
        window_to: float,
        background: float | None = None,
        material: str | None = None,
        negative_fraction: float = 0.44,
        buffer: Mapping[str, Any],
    ) -> None:
        unit = _unit(times, buffer)
        capture = None
        if material is not None:
            known = muon_capture(material, negative_fraction=negative_fraction)
            capture = Capture(known.lifetime * _PER_US[unit], negative_fraction)
        self._field, self._unit = times, unit
        self._options: dict[str, Any] = {
            "window": (window_from, window_to),
            "background": background,
            "capture": capture,
            "unit": unit.replace("u", "µ"),
        }
        fit_lifetime([], **self._options)  # raises what cannot be
        self._times: list[NDArray[np.float64]] = []
        self._no_numbers = 0
        self._is_new = False
        self._not_before_s = 0.0

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> None:
        """Raise a SetupError for what the configuration cannot mean."""
        cls(buffer=buffer, **config)

    @classmethod
    def reports(cls, *, times: str, **_others: Any) -> set[str]:
        """Return the names of the results."""
        unit = times.rpartition("_")[2]
        sides = {f"lifetime_{side}_error_{unit}" for side in ("lower", "upper")}
        return {f"lifetime_{unit}", *sides, "relative_error", "background", "decay_times"}

    def __call__(self, events: NDArray[Any]) -> None:
        """Take a batch of decays, and fit if it is time."""
        times = np.asarray(events[self._field], float).reshape(-1)
        finite = np.isfinite(times)
        self._no_numbers += int((~finite).sum())
        self._times.append(times[finite])
        self._is_new = True
        if time.monotonic() >= self._not_before_s:
            self._fit()

    def idle(self) -> None:
        """Fit what has come since the last time."""
        if self._is_new and time.monotonic() >= self._not_before_s:
            self._fit()

    def _fit(self) -> LifetimeFit:
        began_s = time.monotonic()
        self._times = [np.concatenate([*self._times, np.zeros(0)])]
        fit = fit_lifetime(self._times[0], **self._options)
        self._is_new = False
        took_s = time.monotonic() - began_s
        self._not_before_s = began_s + max(_INTERVAL_S, took_s / _SHARE_OF_TIME)
        found: dict[str, float] = {"decay_times": fit.events}
        if fit.has_result:
            found |= {
                f"lifetime_{self._unit}": fit.lifetime,
                f"lifetime_lower_error_{self._unit}": fit.lower_error,
                f"lifetime_upper_error_{self._unit}": fit.upper_error,
                "relative_error": max(fit.lower_error, fit.upper_error) / fit.lifetime,
                "background": fit.background,
            }
        report(**found)
        return fit

    def close(self) -> None:
        """Fit all of it, and say what came out."""
        fit = self._fit()
        for line in fit.lines():
            logger.info("%s", line)
        if self._no_numbers:
            logger.warning("%s without a number left out", how_many(self._no_numbers, "event"))


def _unit(times: str, buffer: Mapping[str, Any]) -> str:
    names = np.dtype(buffer["dtype"]).names or ()
    if times not in names:
        raise SetupError(
            f"fit_lifetime: times is a field of the events, {', '.join(names) or 'none'};"
            f" found {times!r}"
        )
    unit = times.rpartition("_")[2]
    if unit not in _PER_US:
        raise SetupError(
            f"fit_lifetime: the name of the field with the times ends with its unit,"
            f" {', '.join(f'_{each}' for each in _PER_US)}; found {times!r}"
        )
    return unit
