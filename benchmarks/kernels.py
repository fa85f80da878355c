"""What kernels take for a waveform of 4000 samples, beside SciPy, NumPy and numba.

    python benchmarks/kernels.py [--rows 256] [--repeats 30]

Each kernel works on a block of float32 waveforms, on one core; the time is that of the best of the
repeats, for each waveform. The last column is how many bytes are read and written in a second, over
those that a copy of the same bytes takes: the rate of the machine. numba is shown where it is
installed (dependency group ``bench``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import signal

from mimocorb.analysis import waveforms
from mimocorb.analysis.pulses import find_pulses

SAMPLES = 4000
RISE, FLAT, DECAY = 200, 40, 800.0
WIDTH = 15
PATTERN = np.exp(-np.arange(60) / 20.0)

Calls = dict[str, Callable[[np.ndarray[Any, Any]], Any]]


def block(rows: int) -> np.ndarray[Any, Any]:
    """Return waveforms with two pulses each, in noise."""
    random = np.random.default_rng(1)
    place = np.arange(SAMPLES)
    found = random.normal(0.0, 1.0, (rows, SAMPLES))
    for start, height in ((500, 100.0), (1500, 60.0)):
        found += np.where(place < start, 0.0, height * np.exp(-(place - start) / 50.0))
    return found.astype(np.float32)


def trapezoid_of_numpy(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Pole-zero and two running sums."""
    loss = 1 - np.exp(-1 / DECAY)
    values = x.astype(float)
    undecayed = values + loss * (np.cumsum(values, axis=1) - values)
    sums = np.cumsum(undecayed, axis=1)
    padded = np.pad(sums, ((0, 0), (2 * RISE + FLAT, 0)))
    late = padded[:, 2 * RISE + FLAT :] - padded[:, RISE + FLAT : -RISE]
    early = padded[:, RISE : -(RISE + FLAT)] - padded[:, : -(2 * RISE + FLAT)]
    return (late - early) / RISE


def kernels() -> dict[str, Calls]:
    """Return what is compared: for each kernel, who does it and how."""
    return {
        "pulse search": {
            "mimocorb": lambda x: find_pulses(x, height=20, prominence=20),
            "SciPy": lambda x: [signal.find_peaks(row, height=20, prominence=20) for row in x],
        },
        "baseline, median": {
            "mimocorb": waveforms.baseline,
            "NumPy": lambda x: np.median(x, axis=1),
        },
        "baseline, mean": {
            "mimocorb": lambda x: waveforms.baseline(x, method="mean"),
            "NumPy": lambda x: (x.mean(axis=1), x.std(axis=1)),
        },
        "height": {
            "mimocorb": waveforms.height,
            "NumPy": lambda x: (x.max(axis=1), x.argmax(axis=1)),
        },
        "leading edge": {
            "mimocorb": lambda x: waveforms.leading_edge_time(x, 50.0),
            "NumPy": lambda x: (x >= 50.0).argmax(axis=1),
        },
        "constant fraction": {
            "mimocorb": lambda x: waveforms.constant_fraction_time(x, 0.5),
            "NumPy": lambda x: (x >= 0.5 * x.max(axis=1)[:, None]).argmax(axis=1),
        },
        "integral": {
            "mimocorb": waveforms.integral,
            "NumPy": lambda x: x.sum(axis=1, dtype=float),
        },
        "smooth": {
            "mimocorb": lambda x: waveforms.smooth(x, WIDTH),
            "SciPy": lambda x: signal.lfilter(np.ones(WIDTH) / WIDTH, [1.0], x, axis=1),
        },
        "pole-zero and trapezoid": {
            "mimocorb": lambda x: waveforms.trapezoid(x, rise=RISE, flat=FLAT, decay=DECAY),
            "NumPy": trapezoid_of_numpy,
        },
        "correlation, 60 samples": {
            "mimocorb": lambda x: waveforms.correlate(x, PATTERN),
            "NumPy": lambda x: [np.correlate(row, PATTERN, "valid") for row in x],
        },
    }


def with_numba(compared: dict[str, Calls]) -> None:
    """Add what numba makes of plain loops, if it is there."""
    try:
        from numba import njit
    except ImportError:
        print("numba is not installed: pip install --group bench\n")
        return

    @njit
    def heights(x: Any) -> Any:
        out = np.empty((x.shape[0], 2))
        for row in range(x.shape[0]):
            best = 0
            for i in range(x.shape[1]):
                if x[row, i] > x[row, best]:
                    best = i
            out[row, 0], out[row, 1] = x[row, best], best
        return out

    @njit
    def trapezoids(x: Any, rise: int, flat: int, loss: float) -> Any:
        out = np.empty(x.shape)
        for row in range(x.shape[0]):
            undecayed = np.zeros(x.shape[1])
            total = height = 0.0
            for i in range(x.shape[1]):
                undecayed[i] = x[row, i] + loss * total
                total += x[row, i]
                height += undecayed[i]
                if i >= rise:
                    height -= undecayed[i - rise]
                if i >= rise + flat:
                    height -= undecayed[i - rise - flat]
                if i >= 2 * rise + flat:
                    height += undecayed[i - 2 * rise - flat]
                out[row, i] = height / rise
        return out

    compared["height"]["numba"] = heights
    loss = 1 - np.exp(-1 / DECAY)
    compared["pole-zero and trapezoid"]["numba"] = lambda x: trapezoids(x, RISE, FLAT, loss)


def best_us(call: Callable[[], Any], rows: int, repeats: int) -> float:
    """Return the time for a waveform, of the best of the repeats."""
    call()
    times = []
    for _ in range(repeats):
        began = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - began)
    return min(times) / rows / 1e3


def bytes_of(found: Any) -> int:
    """Return how large results are."""
    if isinstance(found, np.ndarray):
        return found.nbytes
    return sum(map(bytes_of, found)) if isinstance(found, tuple | list) else 0


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Kernels beside SciPy, NumPy and numba.")
    parser.add_argument("--rows", type=int, default=256, help="waveforms in a block")
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    x = block(options.rows)
    compared = kernels()
    with_numba(compared)
    out = np.empty_like(x)
    copied_us = best_us(lambda: np.copyto(out, x), options.rows, options.repeats)
    rate = 2 * x[0].nbytes / copied_us
    print(
        f"copy of {SAMPLES} float32: {copied_us:.2f} µs, {rate / 1e3:.1f} GB/s read and written\n"
    )
    print("| kernel | mimocorb | NumPy | SciPy | numba | part of the rate of a copy |")
    print("|---|---|---|---|---|---|")
    for name, calls in compared.items():
        times_us = {
            who: best_us(lambda call=call: call(x), options.rows, options.repeats)
            for who, call in calls.items()
        }
        moved = x[0].nbytes + bytes_of(calls["mimocorb"](x)) / options.rows
        cells = [
            f"{times_us[who]:.2f} µs" if who in times_us else ""
            for who in ("mimocorb", "NumPy", "SciPy", "numba")
        ]
        print(f"| {name} | {' | '.join(cells)} | {moved / times_us['mimocorb'] / rate:.2f} |")


if __name__ == "__main__":
    main()
