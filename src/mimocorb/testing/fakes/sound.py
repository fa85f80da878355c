"""A simulated sound card: the plug-in ``file`` of ALSA, fed with samples through a pipe.

As the twin of an experiment, for as long as it is not ended::

    python -m mimocorb.testing.fakes.sound /tmp/sound --rate-hz 5

It prints the variable of the environment by which programs find the card ``simulated``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mimocorb.testing.fakes.simulated import Event, SendingDevice

__all__ = ["PULSE", "SoundCard"]

RATE_HZ = 48000
PULSE = np.array([0.4, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05])
"""The form of a pulse, in parts of its height."""

_USUAL = "/usr/share/alsa/alsa.conf"
_CARD = """
pcm.simulated {{
    type file
    slave.pcm "null"
    file "/dev/null"
    infile "{pipe}"
    format "raw"
}}
"""
_PIECE = 1024
"""Samples that are written at once: as many as the plug-in asks for, which makes up what lacks."""
_PIECE_S = _PIECE / RATE_HZ


class SoundCard(SendingDevice):
    """A sound card of one channel with pulses; silence is quiet samples.

    Parameters
    ----------
    folder
        For the pipe, and the description of the card.
    rate_hz
        Mean rate of pulses.
    """

    def __init__(self, folder: Path, rate_hz: float = 50.0) -> None:
        super().__init__(_heights(), _PIECE_S)
        folder = folder.resolve()
        self._pipe, self._rate_hz = folder / "samples", rate_hz
        self._chance = random.Random(1)
        card = folder / "asound.conf"
        card.write_text(_CARD.format(pipe=self._pipe), encoding="utf-8")
        self.config = {"device": "simulated", "sampling_rate_hz": RATE_HZ}
        self.environment = {"ALSA_CONFIG_PATH": f"{_USUAL}:{card}"}

    def appear(self) -> None:
        self._pipe.unlink(missing_ok=True)
        os.mkfifo(self._pipe)
        # Open for reading as well, so that it waits for a reader, and stays when one goes.
        self._writing = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        self._due_s = time.monotonic()
        self._left = np.zeros(0, np.int16)

    def vanish(self) -> None:
        os.close(self._writing)
        self._pipe.unlink()

    def send(self, event: Event) -> bool:
        """Write a piece with one pulse, then quiet ones until the next is due, in real time."""
        samples = np.zeros(_PIECE, np.int16)
        begin = self._chance.randrange(150, 200)
        samples[begin : begin + len(PULSE)] = np.round(PULSE * event["height"])
        if not self._write(samples):
            return False
        for _ in range(round(self._chance.expovariate(self._rate_hz * _PIECE_S))):
            self._write(np.zeros_like(samples))
        return True

    def rest(self) -> None:
        self._write(np.zeros(_PIECE, np.int16))

    def _write(self, samples: np.ndarray) -> bool:
        """Write a piece when it is due, unless nobody reads."""
        self._due_s = max(self._due_s + _PIECE_S, time.monotonic() - 0.1)
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        try:
            # A piece is shorter than what a pipe writes at once: all of it, or nothing.
            os.write(self._writing, samples.tobytes())
        except BlockingIOError:
            return False
        return True


def _heights() -> Iterator[Event]:
    for number in itertools.count():
        yield {"height": 5000 + number % 25000}


def main() -> None:
    """Simulate a card until the program is ended."""
    parser = argparse.ArgumentParser(description="Simulate a sound card with pulses.")
    parser.add_argument("folder", type=Path, help="directory for its files")
    parser.add_argument("--rate-hz", type=float, default=5.0, help="mean rate of pulses, in Hz")
    chosen = parser.parse_args()
    chosen.folder.mkdir(exist_ok=True)
    with SoundCard(chosen.folder, chosen.rate_hz) as card:
        for name, value in card.environment.items():
            print(f"export {name}={value}")
        print("the card is called simulated, until Ctrl-C", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
