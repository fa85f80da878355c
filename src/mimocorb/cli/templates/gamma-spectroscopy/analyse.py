"""Calibrate with the lines of Na-22, and measure those of another source."""

import json
import sys
from pathlib import Path

import numpy as np

import mimocorb
from mimocorb.analysis.calibration import calibrate
from mimocorb.analysis.peaks import fit_peaks
from mimocorb.analysis.spectra import spectrum

NA_22_KEV = (510.999, 1274.54)
NEAR_NA_22 = (327, 804)  # channels, read off the picture of the spectrum
NEAR_CS_137 = (421,)


def spectrum_of(channels, name):
    """Return the spectrum of these pulse heights."""
    counts = np.bincount(channels[channels < 1024], minlength=1024)
    return spectrum(counts, low=0, high=1024, name=name)


def measured(calibration_channels, unknown_channels):
    """Return the calibration, the peak, its energy and its resolution, with uncertainties."""
    calibration = calibrate(
        fit_peaks(spectrum_of(calibration_channels, "Na-22"), NEAR_NA_22), NA_22_KEV
    )
    (peak,) = fit_peaks(spectrum_of(unknown_channels, "Cs-137"), NEAR_CS_137)
    slope = float(calibration.slope(peak.position))
    energy = float(calibration(peak.position))
    error = float(np.hypot(slope * peak.position_error, calibration.error(peak.position)))
    resolution = slope * peak.fwhm / energy
    return calibration, peak, (energy, error), (resolution, slope * peak.fwhm_error / energy)


def newest_by_nuclide(target):
    """Return the pulse heights of the newest run of each nuclide."""
    found = {}
    for run in sorted(target.glob("*_run[0-9]*"), key=lambda path: path.name[-4:]):
        record = json.loads((run / "run.json").read_text())
        nuclides = record["setup"]["Workers"]["detector"]["config"]["nuclides"]
        if len(nuclides) == 1 and record["result"]:
            found[nuclides[0]] = mimocorb.open(run)["pulses"][:].data["channel"].ravel()
    return found


def draw(channels, calibration, energy, path):
    """Draw the spectrum over the energy, with the fitted line."""
    from matplotlib.figure import Figure

    figure = Figure((7, 4), layout="constrained")
    axes = figure.subplots()
    axes.stairs(np.bincount(channels, minlength=1024)[:1024], calibration(np.arange(1025.0)))
    axes.axvline(energy[0], color="C1", label=f"{energy[0]:.2f} ± {energy[1]:.2f} keV")
    axes.set(xlabel="energy (keV)", ylabel="counts per channel", xlim=(0, 1500), yscale="log")
    axes.legend(loc="upper right")
    figure.savefig(path)


def main():
    """Print and draw what came out."""
    channels = newest_by_nuclide(Path("target"))
    if not {"Na-22", "Cs-137"} <= channels.keys():
        sys.exit(
            "a run with Na-22 and one with Cs-137 are needed: mimocorb scan setup.yaml --set"
            ' "detector.nuclides=[Na-22],[Cs-137]"'
        )
    calibration, peak, energy, resolution = measured(channels["Na-22"], channels["Cs-137"])
    print(calibration)
    print(f"peak: {peak}")
    print(f"energy: {energy[0]:.2f} ± {energy[1]:.2f} keV")
    print(f"resolution: {100 * resolution[0]:.2f} ± {100 * resolution[1]:.2f} %")
    draw(channels["Cs-137"], calibration, energy, "spectrum.png")


if __name__ == "__main__":
    main()
