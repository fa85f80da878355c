"""Simulated pins for gpiozero: pulses at random at every pin that is set up as an input.

Chosen by ``GPIOZERO_PIN_FACTORY=mimocorb_simulated``. Further variables of the environment:

=========================  ====================================================
``MIMOCORB_PINS_HZ``       mean rate at each pin, in Hz; 5 if not given
``MIMOCORB_PINS_FOLDER``   a directory; while it has a file ``silent`` no pulse
                           comes, and each pulse is noted in its file ``sent``
=========================  ====================================================
"""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

from gpiozero.pins.mock import MockFactory, MockPin

from mimocorb.testing.fakes.simulated import Event, SimulatedDevice

__all__ = ["PulsesAtPins", "SimulatedPin", "SimulatedPins"]


class SimulatedPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin that is driven from a thread for as long as its edges are watched for."""

    _numbers: dict[int, int] = {}  # noqa: RUF012 - of this process, as pins are
    _one_by_one = threading.Lock()

    def _enable_event_detect(self) -> None:
        self._end = threading.Event()
        threading.Thread(target=self._drive, args=(self._end,), daemon=True).start()

    def _disable_event_detect(self) -> None:
        self._end.set()

    def _drive(self, end: threading.Event) -> None:
        rate_hz = float(os.environ.get("MIMOCORB_PINS_HZ", "5"))
        folder = os.environ.get("MIMOCORB_PINS_FOLDER")
        pin = int(self.info.name.removeprefix("GPIO"))
        chance = random.Random(pin)
        while not end.wait(chance.expovariate(rate_hz)):
            if folder and Path(folder, "silent").exists():
                continue
            with self._one_by_one:
                if folder:
                    number = self._numbers[pin] = self._numbers.get(pin, -1) + 1
                    with Path(folder, "sent").open("a", encoding="utf-8") as sent:
                        print(pin, number, file=sent)
                self._pulse()

    def _pulse(self) -> None:
        if self.pull == "up":
            self.drive_low()
            self.drive_high()
        else:
            self.drive_high()
            self.drive_low()


class SimulatedPins(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """What gpiozero asks for pins."""

    def __init__(self) -> None:
        super().__init__(pin_class=SimulatedPin)


class PulsesAtPins(SimulatedDevice):
    """Pins with pulses, for the contract of devices.

    Parameters
    ----------
    folder
        For the files that pins and test talk by.
    rate_hz
        Mean rate at each pin.
    """

    def __init__(self, folder: Path, rate_hz: float = 100.0) -> None:
        super().__init__()
        self._folder = folder
        self.environment = {
            "GPIOZERO_PIN_FACTORY": "mimocorb_simulated",
            "MIMOCORB_PINS_FOLDER": str(folder),
            "MIMOCORB_PINS_HZ": str(rate_hz),
        }

    def plug_in(self) -> None:
        return

    def unplug(self) -> None:
        return

    def fall_silent(self) -> None:
        (self._folder / "silent").touch()

    def speak_again(self) -> None:
        (self._folder / "silent").unlink()

    def sent(self) -> list[Event]:
        file = self._folder / "sent"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        pulses = [tuple(map(int, line.split())) for line in lines]
        return [{"pin": pin, "number": number} for pin, number in pulses]
