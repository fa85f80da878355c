"""Energy calibration: from positions in a spectrum to energies.

A calibration is a polynomial, E(x) = c0 + c1 x + c2 x² + ..., found by weighted least squares from
positions of peaks whose energies are known. Uncertainties of positions count: σ_E = abs(dE/dx) σ_x
("effective variance": J. Orear, Am. J. Phys. 50 (1982) 912, doi:10.1119/1.12972); the covariance of
the coefficients, and with it the uncertainty of every energy, is that of the linear least squares
method ("Statistics" in the Review of Particle Physics, https://pdg.lbl.gov).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb._words import how_many, with_error
from mimocorb.analysis.counting import p_value
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import SetupError

__all__ = ["Calibration", "calibrate", "calibrated"]

Floats = NDArray[np.float64]

_HIGHEST_DEGREE = 5
_ROUNDS = 4


@dataclass(frozen=True)
class Calibration:
    """A polynomial from positions to energies.

    Attributes
    ----------
    coefficients
        c0, c1, ...
    covariance
        Of the coefficients; None if the points do not say it: as many as coefficients, without
        uncertainties.
    unit
        Of the energies.
    chi2, degrees_of_freedom, p_value
        Goodness, if the points had uncertainties and were more than the coefficients.
    """

    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...] | None = None
    unit: str = "keV"
    chi2: float | None = None
    degrees_of_freedom: int | None = None
    p_value: float | None = None

    def __call__(self, positions: ArrayLike) -> Floats:
        """Return the energies at positions."""
        return _value(positions, self.coefficients)

    def slope(self, positions: ArrayLike) -> Floats:
        """Return dE/dx at positions: widths are multiplied by it."""
        return _value(positions, np.polynomial.polynomial.polyder(self.coefficients))

    def error(self, positions: ArrayLike) -> Floats:
        """Return one standard deviation of the energies at positions, from the calibration only."""
        if self.covariance is None:
            return np.full(np.shape(positions), np.nan)
        powers = np.vander(np.ravel(positions).astype(float), len(self.coefficients), True)
        variance = np.einsum("ij,jk,ik->i", powers, np.asarray(self.covariance), powers)
        found: Floats = np.sqrt(np.maximum(variance, 0.0)).reshape(np.shape(positions))
        return found

    def lines(self) -> list[str]:
        """Return what came out, for people."""
        errors = (
            [math.nan] * len(self.coefficients)
            if self.covariance is None
            else np.sqrt(np.diag(self.covariance)).tolist()
        )
        found = [
            f"c{power} = {with_error(value, error)} {self.unit}"
            for power, (value, error) in enumerate(zip(self.coefficients, errors, strict=True))
        ]
        if self.p_value is not None:
            found.append(
                f"χ² = {self.chi2:.1f} for {self.degrees_of_freedom} degrees of freedom,"
                f" p = {self.p_value:.2g}"
            )
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines())


def calibrate(
    positions: Sequence[Any] | Floats,
    energies: ArrayLike,
    *,
    degree: int = 1,
    position_errors: ArrayLike | None = None,
    energy_errors: ArrayLike | None = None,
    unit: str = "keV",
) -> Calibration:
    """Fit a polynomial to positions of peaks whose energies are known.

    Parameters
    ----------
    positions
        Numbers; or the peaks that :func:`~mimocorb.analysis.peaks.fit_peaks` returns, which have
        their uncertainties.
    energies
        One for each position.
    degree
        1: linear. At most one less than there are positions.
    position_errors, energy_errors
        One standard deviation each. Without any, the scatter of the points about the curve says
        how uncertain they are, if they are more than the coefficients.
    unit
        Of the energies.

    Raises
    ------
    SetupError
        Too few points, points at one position, or a curve that does not rise between them.

    Examples
    --------
    >>> calibration = calibrate([100.0, 200.0], [350.0, 700.0], position_errors=[1.0, 1.0])
    >>> calibration([100.0, 150.0]).round(6).tolist()
    [350.0, 525.0]
    >>> calibration.error(150.0).round(2).tolist()  # 3.5 keV/√2 for the mean of both
    2.47
    """
    x, position_errors = _positions(positions, position_errors)
    y = np.asarray(energies, float)
    _check_points(x, y, degree)
    sigma_x = _errors("position_errors", position_errors, x)
    sigma_y = _errors("energy_errors", energy_errors, x)
    has_errors = bool((sigma_x + sigma_y > 0).all())
    middle, width = float(x.mean()), float(np.ptp(x)) / 2
    scaled = np.vander((x - middle) / width, degree + 1, True)
    weights: Floats = np.ones(len(x))
    solution: Floats = np.zeros(degree + 1)
    for _ in range(_ROUNDS if has_errors else 1):
        solution = np.asarray(
            np.linalg.lstsq(scaled * weights[:, None], y * weights, rcond=None)[0], float
        )
        if not has_errors:
            break
        derived = np.polynomial.polynomial.polyder(solution)
        slope = _value((x - middle) / width, derived) / width
        weights = 1 / np.hypot(sigma_y, slope * sigma_x)
    weighted = scaled * weights[:, None]
    inverse = np.asarray(np.linalg.inv(weighted.T @ weighted), float)
    chi2 = float((((y - scaled @ solution) * weights) ** 2).sum())
    freedom = len(x) - degree - 1
    found = _in_positions(solution, inverse, middle, width, unit)
    if has_errors:
        found = replace(
            found, chi2=chi2, degrees_of_freedom=freedom, p_value=p_value(chi2, freedom)
        )
    elif freedom:
        found = replace(found, covariance=_tuples(np.asarray(found.covariance) * chi2 / freedom))
    else:
        found = replace(found, covariance=None)
    between = np.linspace(x.min(), x.max(), 200)
    if not (np.diff(found(between)) > 0).all():
        raise SetupError(
            f"this calibration of degree {degree} does not rise between {x.min():g} and"
            f" {x.max():g}: positions and energies do not belong together, or the degree is too"
            " high"
        )
    return found


def calibrated(
    histogram: RunHistogram, calibration: Calibration, *, label: str = "energy"
) -> RunHistogram:
    """Return a spectrum with another axis: the same counts, at energies.

    Raises
    ------
    SetupError
        The histogram has two dimensions, or the calibration does not rise over all of its bins.

    Examples
    --------
    >>> from mimocorb.analysis.spectra import spectrum
    >>> raw = spectrum([3, 1, 0, 5], unit="channels", low=0.0, high=4.0)
    >>> calibrated(raw, Calibration((10.0, 2.0))).axes[0].edges.tolist()
    [10.0, 12.0, 14.0, 16.0, 18.0]
    """
    import boost_histogram as bh

    if len(histogram.axes) != 1:
        raise SetupError(f"{histogram.name}: a spectrum has one dimension; this histogram has two")
    edges = np.asarray(histogram.axes[0].edges)
    energies = calibration(edges)
    if not (np.diff(energies) > 0).all():
        first = float(edges[1:][np.diff(energies) <= 0][0])
        raise SetupError(
            f"{histogram.name}: the calibration does not rise at {first:g}; take a lower degree, or"
            " a spectrum that ends where the calibration does"
        )
    axis: Any
    if len(calibration.coefficients) == 2 and np.allclose(
        np.diff(energies), energies[1] - energies[0]
    ):
        axis = bh.axis.Regular(len(energies) - 1, energies[0], energies[-1])
    else:
        axis = bh.axis.Variable(energies)
    axis.label, axis.unit = label, calibration.unit
    counts: Any = bh.Histogram(axis, storage=histogram.counts.storage_type())
    counts.view(flow=True)[...] = histogram.counts.view(flow=True)
    return replace(histogram, counts=counts, fits=(), newer=None)


def _value(positions: ArrayLike, coefficients: Any) -> Floats:
    found: Any = np.polynomial.polynomial.polyval(np.asarray(positions, float), coefficients)
    return np.asarray(found)


def _positions(
    positions: Sequence[Any] | Floats, errors: ArrayLike | None
) -> tuple[Floats, ArrayLike | None]:
    """Return numbers, and the uncertainties that fitted peaks have."""
    if any(hasattr(each, "position_error") for each in positions):
        without = [each for each in positions if getattr(each, "sentence", "")]
        if without:
            raise SetupError(f"a peak has no position: {without[0].sentence}")
        if errors is None:
            errors = [each.position_error for each in positions]
        return np.array([each.position for each in positions], float), errors
    return np.asarray(positions, float), errors


def _check_points(x: Floats, y: Floats, degree: int) -> None:
    if x.ndim != 1 or x.shape != y.shape or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SetupError(
            f"a calibration takes as many energies as positions, finite numbers; found {x.size}"
            f" positions and {y.size} energies"
        )
    if not 1 <= degree <= _HIGHEST_DEGREE:
        raise SetupError(f"the degree is from 1 to {_HIGHEST_DEGREE}; found {degree}")
    different = len(np.unique(x))
    if different < degree + 1:
        raise SetupError(
            f"a calibration of degree {degree} takes {degree + 1} different positions or more;"
            f" found {how_many(different, 'position')}"
        )


def _errors(name: str, errors: ArrayLike | None, x: Floats) -> Floats:
    if errors is None:
        return np.zeros(len(x))
    found = np.broadcast_to(np.asarray(errors, float), x.shape)
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise SetupError(f"{name} are finite and not negative; found {np.asarray(errors).tolist()}")
    return np.array(found)


def _in_positions(
    solution: Floats, covariance: Floats, middle: float, width: float, unit: str
) -> Calibration:
    """Return the polynomial in x of one in (x - middle) / width, with its covariance."""
    one_step = np.array([-middle / width, 1 / width])
    rows = [np.array([1.0])]
    while len(rows) < len(solution):
        rows.append(np.polynomial.polynomial.polymul(rows[-1], one_step))
    change = np.zeros((len(solution), len(solution)))
    for power, row in enumerate(rows):
        change[: len(row), power] = row
    return Calibration(
        tuple((change @ solution).tolist()), _tuples(change @ covariance @ change.T), unit
    )


def _tuples(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
