"""A simulated CosmicWatch, version 2 or 3X, at a pseudo-terminal.

As the twin of an experiment, for as long as it is not ended::

    python -m mimocorb.testing.fakes.cosmic_watch /tmp/cosmic_watch --version 3X --rate-hz 2
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mimocorb.testing.fakes.lines import LinesAtSerialPort
from mimocorb.testing.fakes.simulated import Event

__all__ = ["CosmicWatch", "muons"]

DEAD_S = {"2": 0.0031, "3X": 0.000794}
"""Dead time of each event."""


def muons(version: str, rate_hz: float, seed: int = 1) -> Iterator[Event]:
    """Yield pulses of cosmic muons as the detector sees them, each after its waiting time."""
    chance = random.Random(seed)
    clock_s = dead_s = 0.0
    number = 0
    while True:
        wait_s = chance.expovariate(rate_hz)
        time.sleep(wait_s)
        clock_s += wait_s + (DEAD_S[version] if number else 0.0)
        number += 1
        height_mV = round(min(300.0, 15.0 + chance.expovariate(1 / 25.0)), 1)  # noqa: N806
        yield {
            "event": number,
            "time_s": round(clock_s, 3 if version == "2" else 6),
            "coincident": -1 if version == "2" else int(chance.random() < 0.2),
            "adc": min(1023, round(3 * height_mV)),
            "sipm_mV": height_mV,
            "deadtime_s": round(dead_s, 3 if version == "2" else 6),
            "temperature_C": 24.9,
        }
        dead_s += DEAD_S[version]


def _line_of_2(event: Event) -> str:
    time_ms, dead_ms = round(event["time_s"] * 1e3), round(event["deadtime_s"] * 1e3)
    values = (event["event"], time_ms, event["adc"], event["sipm_mV"], dead_ms)
    return " ".join(map(str, (*values, f"{event['temperature_C']:.2f}")))


def _line_of_3(event: Event) -> str:
    cells = (
        *(event["event"], f"{event['time_s']:.6f}", event["coincident"], event["adc"]),
        *(f"{event['sipm_mV']:.1f}", f"{event['deadtime_s']:.6f}"),
        *(f"{event['temperature_C']:.1f}", 101394, "-0.003:-0.006:-1.005", "0.1:-0.1:0.1", "Twin"),
    )
    return "\t".join(map(str, cells))


class CosmicWatch(LinesAtSerialPort):
    """A CosmicWatch that sees simulated muons.

    Parameters
    ----------
    port
        Name of its port.
    version
        ``2`` or ``3X``.
    rate_hz
        Mean rate while it is live.
    """

    def __init__(self, port: Path, version: str, rate_hz: float = 200.0) -> None:
        line_of = _line_of_2 if version == "2" else _line_of_3
        super().__init__(port, muons(version, rate_hz), line_of, period_s=0.001)
        self.config = {"address": str(port), "version": version}
        self.greeting = [
            "#" * 60,
            "# CosmicWatch: The Desktop Muon Detector",
            "# Event  Timestamp[s]  Flag  ADC[12b]  SiPM[mV]  Deadtime[s]  Temp[C]",
        ]


def main() -> None:
    """Simulate a detector until the program is ended."""
    parser = argparse.ArgumentParser(description="Simulate a CosmicWatch at a pseudo-terminal.")
    parser.add_argument("port", type=Path, help="name that the port gets, such as /tmp/muons")
    parser.add_argument("--version", choices=["2", "3X"], default="3X")
    parser.add_argument("--rate-hz", type=float, default=2.0, help="mean rate, in Hz")
    chosen = parser.parse_args()
    with CosmicWatch(chosen.port, chosen.version, chosen.rate_hz):
        print(f"a CosmicWatch {chosen.version} is at {chosen.port}, until Ctrl-C")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
