"""The numbers that a run has found, each with its uncertainty as far as that is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.record.run_result import RunResult
from mimocorb.run.wording import error_of

__all__ = ["Quantity", "quantities_of"]


@dataclass(frozen=True)
class Quantity:
    """A number and its uncertainty.

    Parameters
    ----------
    value
        The number.
    error
        One standard deviation; None if nobody knows it.
    is_reported
        Whether a worker has reported it.
    """

    value: float
    error: float | None = None
    is_reported: bool = False


def quantities_of(record: RunRecord) -> dict[str, Quantity]:
    """Return everything that a run has measured, by ``worker.result`` or ``buffer.quantity``.

    Results that workers have reported come first, with the uncertainty that was reported. Then the
    part of the events that each filter kept (binomial), and rate and number of events of each
    buffer (Poisson, where events come at random).
    """
    if record.result is None:
        return {}
    return {
        **dict(_reported(record.result)),
        **dict(_kept(record.result)),
        **dict(_buffers(record.result)),
    }


def _reported(result: RunResult) -> Iterator[tuple[str, Quantity]]:
    for worker, found in result.results.items():
        errors = {name: error_of(name, found) for name in found}
        for name, value in found.items():
            if name not in errors.values():
                error = found.get(errors[name])
                yield f"{worker}.{name}", Quantity(value, error, is_reported=True)


def _kept(result: RunResult) -> Iterator[tuple[str, Quantity]]:
    for each in result.accounts.get("decisions", []):
        total = each["accepted"] + each["rejected"] if each.get("known") else 0
        if total:
            part = each["accepted"] / total
            # as if half an event more had been seen of each kind: 0 of 100 is not 0 ± 0
            shrunk = (each["accepted"] + 0.5) / (total + 1)
            error = math.sqrt(shrunk * (1 - shrunk) / (total + 1))
            yield f"{each['name'].split()[0]}.kept_fraction", Quantity(part, error)


def _buffers(result: RunResult) -> Iterator[tuple[str, Quantity]]:
    for buffer in result.buffers:
        is_random = buffer.rate is not None
        if buffer.rate is not None:
            rate = Quantity(buffer.rate.value_hz, buffer.rate.sigma_hz)
            yield f"{buffer.name}.rate_hz", rate
        error = math.sqrt(buffer.published) if is_random else None
        yield f"{buffer.name}.events", Quantity(float(buffer.published), error)
