"""The observer that fits a histogram while the run goes on."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from numpy.typing import NDArray

from mimocorb.analysis.histograms.files import read_histograms
from mimocorb.analysis.histograms.fit_result import Fit, ModelName, write_fit
from mimocorb.analysis.histograms.fits import fit_histogram, new_model
from mimocorb.analysis.histograms.page import pages_of, read_page
from mimocorb.components.form import observer
from mimocorb.components.reporting import report
from mimocorb.components.worker import current_worker
from mimocorb.errors import DamagedFile, SetupError

__all__ = ["HistogramFit", "results_of"]

logger = logging.getLogger(__name__)

_INTERVAL_S = 1.0
_SHARE_OF_TIME = 0.1
_LAST_EVENTS_S = 5.0
"""How long to wait, without any progress, for what is still being filled at the end."""
_BEGIN_S = 10.0
_LATER = 10


@observer
class HistogramFit:
    """Fit a histogram of the run while it is filled, and report the results with uncertainties.

    It is a process of its own, with low priority, and holds up nobody. It observes the buffer whose
    events are in the histogram. Results are reported under the names of the parameters, with the
    unit of the axis: ``tau_ns``, ``tau_error_ns``, ``tau_relative_error``, ``p_value``; a set-up
    can end the run on them. As long as there are too few entries, a sentence says so, and nothing
    is reported.

    Parameters
    ----------
    histogram
        Name of the worker that fills the histogram.
    model
        ``exponential``, ``gaussian`` or ``peaks``, each on a background.
    fit_from, fit_to
        Range of the fit; all bins if not given.
    peaks
        Where the peaks are, about; for ``peaks``.
    background
        Whether the model has a background.
    directory
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration.
    """

    def __init__(
        self,
        *,
        histogram: str,
        model: Literal["exponential", "gaussian", "peaks"],
        fit_from: float | None = None,
        fit_to: float | None = None,
        peaks: list[float] | None = None,
        background: bool = True,
        directory: Path,
    ) -> None:
        self._histogram = histogram
        self._model = model
        self._range = {"low": fit_from, "high": fit_to}
        self._peaks = peaks or []
        self._background = background
        self._directory = directory
        self._name = current_worker().spec.name or "fit"
        self._sequence = 0
        self._not_before_s = 0.0
        self._began_s = time.monotonic()
        self._last: Fit | None = None
        self._told = ""
        os.nice(_LATER)

    @classmethod
    def check(cls, _buffer: Mapping[str, Any], **config: Any) -> None:
        """Raise a SetupError if its range is none, or peaks do not fit the model."""
        peaks = config.get("peaks") or []
        if (config["model"] == "peaks") != bool(peaks):
            found = "no peaks" if not peaks else f"peaks for the model {config['model']}"
            raise SetupError(
                f"fit: peaks says where the peaks are, about, for the model peaks; found {found}"
            )
        low, high = config.get("fit_from"), config.get("fit_to")
        if low is not None and high is not None and not low < high:
            raise SetupError(f"fit: fit_from is below fit_to; found {low:g} and {high:g}")

    @classmethod
    def follows(cls, *, histogram: str, **_others: Any) -> set[str]:
        """Return the worker that fills the histogram."""
        return {histogram}

    @classmethod
    def reports(
        cls,
        *,
        model: ModelName,
        peaks: list[float] | None = None,
        background: bool = True,
        **_others: Any,
    ) -> set[str]:
        """Return the names of the results, without those that depend on the unit of the axis."""
        plan = new_model(model, 0.0, 1.0, peaks or (), background=background)
        errors = {f"{name}_error" for name in plan.names}
        return {*plan.names, *errors, f"{plan.main}_relative_error", "p_value"}

    def __call__(self, event: NDArray[Any]) -> None:
        """Do nothing with an event: what is fitted has been filled by another worker."""

    def idle(self) -> None:
        """Fit again, if there is something new and it is time."""
        if time.monotonic() >= self._not_before_s:
            began_s = time.monotonic()
            self._fit()
            took_s = time.monotonic() - began_s
            self._not_before_s = began_s + max(_INTERVAL_S, took_s / _SHARE_OF_TIME)

    def _fit(self) -> None:
        try:
            found = read_histograms(self._directory)
        except DamagedFile as error:
            self._tell(str(error))
            return
        one = found.get(self._histogram)
        if one is None:
            # Its worker may begin after this one.
            if found and time.monotonic() - self._began_s > _BEGIN_S:
                known = ", ".join(found)
                self._tell(f"there is no histogram {self._histogram!r}: this run has {known}")
            return
        if one.sequence == self._sequence:
            return
        self._sequence = one.sequence
        fit = fit_histogram(
            one,
            self._model,
            **self._range,
            peaks=self._peaks,
            background=self._background,
            name=self._name,
        )
        self._last = fit
        write_fit(self._directory, fit)
        report(**results_of(fit))

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            logger.warning("%s", text)

    def _wait_for_the_last(self) -> None:
        """Wait until those who fill have ended, and counted everything."""
        state: object = None
        changed_s = time.monotonic()
        while time.monotonic() - changed_s < _LAST_EVENTS_S:
            copies = [read_page(path) for path in pages_of(self._directory, self._histogram)]
            if all(copy.is_final for copy in copies):
                return
            now = [(copy.number, copy.is_final) for copy in copies]
            if now != state:
                state, changed_s = now, time.monotonic()
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and issubclass(kind, Exception):
            return
        try:
            self._wait_for_the_last()
        finally:
            self._fit()
            if self._last is not None:
                for line in self._last.lines():
                    logger.info("%s: %s", self._histogram, line)


def results_of(fit: Fit) -> dict[str, float]:
    """Return the numbers of a fit under the names for :func:`mimocorb.report`; units come last."""
    found: dict[str, float] = {}
    for parameter in fit.parameters:
        ascii_unit = parameter.unit.replace("µ", "u")
        unit = f"_{ascii_unit}" if ascii_unit.isidentifier() else ""
        found[f"{parameter.name}{unit}"] = parameter.value
        found[f"{parameter.name}_error{unit}"] = parameter.error
    if fit.parameters:
        main = fit.parameters[0]
        if main.value:
            found[f"{main.name}_relative_error"] = abs(main.error / main.value)
        if fit.p_value is not None:
            found["p_value"] = fit.p_value
    return found
