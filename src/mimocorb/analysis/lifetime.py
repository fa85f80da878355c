"""Lifetimes from decay times: an unbinned fit in a window, with a flat background.

Decay times t in a window from t1 to t2 are distributed as

    f(t) = (1 - b) s(t) + b / (t2 - t1)
    s(t) = exp(-t / tau) / (tau (exp(-t1 / tau) - exp(-t2 / tau)))

with the lifetime tau, and the fraction b of events that come at any time with the same
probability: accidental second pulses. A mean of the decay times is not the lifetime: it knows
neither of the background nor of the end of the window.

The estimate is the one of largest likelihood, without bins, with 0 <= b <= 1. The uncertainties
are those of the profile likelihood: the values of tau for which ln L, at the best b for each of
them, is at most 1/2 below its largest value (MINOS: F. James, M. Roos, Comput. Phys. Commun. 10
(1975) 343, doi:10.1016/0010-4655(75)90039-9; "Statistics" in the Review of Particle Physics,
https://pdg.lbl.gov). With few events the likelihood is no parabola, and the two sides differ; the
interval contains the true lifetime in 68 of 100 experiments, from 25 events on, with much and
without any background (``tests/physics/lifetime_campaign.py`` shows it). For few decays in much
background this takes a correction of the kind of M. S. Bartlett (Proc. R. Soc. A 160 (1937) 268):
ln L may fall by (1 + 7 b / n) / 2, with n decays. Where the data do not say what the lifetime is,
the result is a sentence.

**Negative muons.** In matter, a stopped negative muon decays, or is captured by a nucleus, and
then no electron is seen. Its lifetime is shorter than that of a free one (T. Suzuki, D. F.
Measday, J. P. Roalsvig, Phys. Rev. C 35 (1987) 2212, doi:10.1103/PhysRevC.35.2212), so that a
mixture of both signs, as in cosmic rays, seems to live shorter: by 7 % in water, 3 % in plastic.
With `capture` the second component is part of s(t), and tau is the lifetime of the positive muons.
The rate at which negative muons decay into electrons is that of free ones, for as long as they are
there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from mimocorb._words import how_many, with_error
from mimocorb.analysis.lifetime_likelihood import (
    Capture,
    Floats,
    Profile,
    crossing,
    highest,
    signal,
)
from mimocorb.errors import SetupError

__all__ = [
    "FREE_MUON_US",
    "MUON_IN_MATTER_US",
    "Capture",
    "LifetimeFit",
    "fit_lifetime",
    "lifetime_density",
    "muon_capture",
]

FREE_MUON_US = 2.1969811
"""Lifetime of the free muon, Review of Particle Physics; known to 1 part in a million."""

MUON_IN_MATTER_US = {
    "carbon": 2.0263,
    "nitrogen": 1.9068,
    "oxygen": 1.7954,
    "aluminium": 0.8640,
    "silicon": 0.7560,
    "iron": 0.2060,
    "copper": 0.1635,
    "lead": 0.0754,
}
"""Lifetime of negative muons in matter: Suzuki, Measday and Roalsvig (1987).

In plastic they are captured by carbon, in water by oxygen.
"""

FEWEST_EVENTS = 10
"""In the window. Below, the interval would not contain the truth as often as it says."""
LEAST_RISE = 3.0
"""Of ln L, by the decays: 95 % of samples that are background only stay below."""
_STEP = 0.5
_OF_FEW = 7.0
"""How much further ln L may fall with few decays in much background, as the campaign has found."""
_COARSE = 48


def muon_capture(material: str, *, negative_fraction: float = 0.44) -> Capture:
    """Return what is known of negative muons in a material, in µs.

    Examples
    --------
    >>> muon_capture("oxygen").lifetime
    1.7954
    """
    if material not in MUON_IN_MATTER_US:
        raise SetupError(
            f"the lifetime of muons is known here in {', '.join(MUON_IN_MATTER_US)}; found"
            f" {material!r} (water: oxygen, plastic: carbon; others: Capture(lifetime))"
        )
    return Capture(MUON_IN_MATTER_US[material], negative_fraction)


@dataclass(frozen=True)
class LifetimeFit:
    """The result of :func:`fit_lifetime`.

    Attributes
    ----------
    events
        Decay times in the window.
    window, unit
        As they were given.
    lifetime
        Not-a-number if `sentence` says why there is none.
    lower_error, upper_error
        How far the 68 % interval reaches to each side; both positive.
    background, background_low, background_high
        Fraction of the events in the window that are background, and its 68 % interval; the same
        numbers if it was given.
    sentence
        Why there is no result; empty if there is one.
    capture
        As it was given.
    outside
        Decay times that are not in the window.
    """

    events: int
    window: tuple[float, float]
    unit: str
    lifetime: float = math.nan
    lower_error: float = math.nan
    upper_error: float = math.nan
    background: float = math.nan
    background_low: float = math.nan
    background_high: float = math.nan
    sentence: str = ""
    capture: Capture | None = None
    outside: int = 0

    @property
    def has_result(self) -> bool:
        """Whether there is a lifetime."""
        return not self.sentence

    @property
    def error(self) -> float:
        """The mean of the two errors, for those who need one number."""
        return (self.lower_error + self.upper_error) / 2

    @property
    def interval(self) -> tuple[float, float]:
        """The 68 % interval."""
        return (self.lifetime - self.lower_error, self.lifetime + self.upper_error)

    def pull(self, known: float) -> float:
        """Return the distance to a known value, in errors of the side on which it is."""
        side = self.upper_error if known > self.lifetime else self.lower_error
        return (self.lifetime - known) / side

    def density(self, times: ArrayLike) -> Floats:
        """Return f(t), normalised to 1 in the window."""
        return lifetime_density(
            times, self.lifetime, self.background, self.window, capture=self.capture
        )

    def lines(self) -> list[str]:
        """Return what came out, for people."""
        low, high = self.window
        where = f"{how_many(self.events, 'event')} between {low:g} and {high:g} {self.unit}"
        if self.sentence:
            return [self.sentence]
        both = _with_sides(self.lifetime, self.lower_error, self.upper_error)
        kind = " of the positive muons" if self.capture else ""
        lines = [f"lifetime{kind} {both} {self.unit}, from {where}"]
        if self.background_low < self.background_high:
            lines.append(
                f"background {100 * self.background:.1f} %, between"
                f" {100 * self.background_low:.1f} and {100 * self.background_high:.1f} %"
            )
        else:
            lines.append(f"background {100 * self.background:.1f} %, as given")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


def lifetime_density(
    times: ArrayLike,
    lifetime: float,
    background: float,
    window: tuple[float, float],
    *,
    capture: Capture | None = None,
) -> Floats:
    """Return f(t), the formula at the top of the module; its integral over the window is 1.

    Examples
    --------
    >>> float(lifetime_density(3.0, 2.2, 1.0, (1.0, 11.0)))
    0.1
    """
    low, high = window
    decays = signal(np.asarray(times, float), lifetime, window, capture)
    return (1 - background) * decays + background / (high - low)


def fit_lifetime(
    times: ArrayLike,
    *,
    window: tuple[float, float],
    background: float | None = None,
    capture: Capture | None = None,
    unit: str = "µs",
) -> LifetimeFit:
    """Fit a lifetime to decay times, with a flat background.

    Parameters
    ----------
    times
        Decay times; those outside of the window are left out.
    window
        From when to when every decay is found with the same probability, whatever its time: behind
        the pulse of the muon and its after-pulses, and before the end of the waveform.
    background
        Fraction of the events in the window that are background, if it is known: 0 for none. Fitted
        if not given.
    capture
        The second component of negative muons: :func:`muon_capture`.
    unit
        Of times, window and lifetime, for the words.

    Returns
    -------
    LifetimeFit
        With a sentence instead of numbers if the events are too few, or do not say how long the
        lifetime is.

    Raises
    ------
    SetupError
        A window, a background or a capture that cannot be; times that are not finite numbers.

    Examples
    --------
    >>> random = np.random.default_rng(seed=3)
    >>> times_us = np.append(random.exponential(2.197, 900), random.uniform(0, 20, 100))
    >>> fit = fit_lifetime(times_us, window=(0.4, 19.0))
    >>> abs(fit.pull(2.197)) < 2, 0.02 < fit.background < 0.2
    (True, True)
    """
    low, high = _checked(window, background, capture)
    all_times = np.asarray(times, float).reshape(-1)
    if not np.isfinite(all_times).all():
        wrong = how_many(int((~np.isfinite(all_times)).sum()), "decay time")
        raise SetupError(f"{wrong} of {len(all_times)} are no finite numbers: leave them out")
    inside = all_times[(all_times >= low) & (all_times < high)]
    result = LifetimeFit(
        events=len(inside),
        window=(low, high),
        unit=unit,
        capture=capture,
        outside=len(all_times) - len(inside),
    )
    where = f"between {low:g} and {high:g} {unit}"
    if len(inside) < FEWEST_EVENTS:
        few = how_many(len(inside), "decay time")
        return replace(
            result, sentence=f"{few} {where} are too few for a lifetime: {FEWEST_EVENTS} are needed"
        )
    return _fitted(result, Profile(inside, (low, high), background, capture), where)


def _checked(
    window: tuple[float, float], background: float | None, capture: Capture | None
) -> tuple[float, float]:
    low, high = (float(each) for each in window)
    if not (0 <= low < high < math.inf):
        raise SetupError(f"a window is 0 or later, and ends after it begins; found {low} to {high}")
    if background is not None and not 0 <= background < 1:
        raise SetupError(f"the background is a fraction from 0 to below 1; found {background}")
    if capture and not (capture.lifetime > 0 and 0 <= capture.negative_fraction < 1):
        raise SetupError(
            "a capture has a lifetime above 0, and a fraction of negative muons from 0 to below 1;"
            f" found {capture.lifetime} and {capture.negative_fraction}"
        )
    return low, high


def _fitted(result: LifetimeFit, profile: Profile, where: str) -> LifetimeFit:
    coarse = np.geomspace(*profile.limits, _COARSE)
    values = [profile(tau) for tau in coarse]
    best = int(np.argmax(values))
    events = how_many(result.events, "event")
    around = float(coarse[max(best - 1, 0)]), float(coarse[min(best + 1, _COARSE - 1)])
    tau = highest(profile, *around, steps=30)
    top = profile(tau)
    if profile.background is None and top < LEAST_RISE:
        sentence = f"the {events} {where} are compatible with a flat background: no decays are seen"
        return replace(result, sentence=sentence)
    part = profile.best(profile.excess(tau))
    least = top - _STEP * (1 + _OF_FEW * (1 - part) / (part * result.events))
    low = crossing(profile, least, coarse[:best][::-1], tau)
    high = crossing(profile, least, coarse[best + 1 :], tau)
    if low is None or high is None:
        limit = f"is above {low:.3g}" if low is not None else f"is below {high or coarse[-1]:.3g}"
        sentence = f"the {events} {where} only say that the lifetime {limit} {result.unit}"
        return replace(result, sentence=sentence)
    background_low = background_high = 1 - part
    if profile.background is None:
        span = (max(low / 2, profile.limits[0]), min(high * 2, profile.limits[1]))

        def of_background(background: float) -> float:
            return profile.of_background(background, span)

        ends = [
            crossing(of_background, least, np.array([end]), 1 - part, steps=9) for end in (0.0, 1)
        ]
        background_low, background_high = (
            default if end is None else end for end, default in zip(ends, (0.0, 1.0), strict=True)
        )
    return replace(
        result,
        lifetime=tau,
        lower_error=tau - low,
        upper_error=high - tau,
        background=1 - part,
        background_low=background_low,
        background_high=background_high,
    )


def _with_sides(value: float, lower: float, upper: float) -> str:
    """Return a value with both errors, or with one if they are alike."""
    if abs(upper - lower) < 0.1 * (upper + lower):
        return with_error(value, (upper + lower) / 2)
    digits = max(0, 1 - math.floor(math.log10(max(min(lower, upper), 1e-9 * value))))
    return f"{value:.{digits}f} (+{upper:.{digits}f} -{lower:.{digits}f})"
