"""Red Pitaya through its SCPI server: the oscilloscope of the operating system that it comes with.

What it is: a board with two inputs of 14 bits (10 on the STEMlab 125-10), 125 million samples per
second and a memory of 16384 samples for each input.

How to connect it: by a network cable. Start the SCPI server in its web page (Development, SCPI
server); it listens at port 5000. The jumpers at the inputs choose ±1 V (LV) or ±20 V (HV); say here
which they are. No package is needed.

Settings, each with unit and range, are its parameters. Decimation, which follows from the time
between two samples, jumpers, trigger level and delay are read back and compared. Which input
triggers cannot be asked for.

Dead time: from the trigger until the samples of both inputs have come and the board waits again,
some 5 to 20 ms, which is told: ten to a hundred events per second. For more, see
``devices.red_pitaya_mcpha``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from mimocorb.devices.allowed import check_choice, check_range
from mimocorb.devices.digitizer import CountScale, Events
from mimocorb.devices.oscilloscope import SteppedScope, oscilloscope
from mimocorb.devices.red_pitaya_board import (
    BASE_NS,
    JUMPERS_MV,
    Jumper,
    board_config,
    place_of,
)
from mimocorb.devices.scope_settings import ScopeSettings
from mimocorb.devices.scpi_link import ScpiLink, open_scpi

__all__ = ["red_pitaya"]

PORT = 5000
MEMORY = 16384
DECIMATIONS = tuple(1 << power for power in range(17))
_COUNTS = np.dtype(">i2")


def _settings(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> ScopeSettings[int]:
    """Return the settings of a configuration; SetupError if they are not possible."""
    place_of(config["address"], PORT)
    settings = ScopeSettings.of(buffer, board_config(config), (1, 2))
    settings.check_trigger()
    check_range("data_length", settings.samples, 1, MEMORY, "samples")
    possible = [BASE_NS * each for each in DECIMATIONS]
    check_choice("sample_time_ns", settings.sample_time_ns, possible, "ns")
    check_choice("bits", config["bits"], [10, 12, 14, 16], "bit")
    return settings


@contextmanager
def _opened(
    asked: ScopeSettings[int], events: Events, config: Mapping[str, Any]
) -> Iterator[_Board]:
    host, port = place_of(config["address"], PORT)
    with open_scpi(f"TCPIP::{host}::{port}::SOCKET") as link:
        board = _Board(link, asked, events, config["bits"])
        board.set_up()
        yield board


@oscilloscope(_opened, _settings, name="Red Pitaya at {address}", found_as="network")
def red_pitaya(
    *,
    address: str,
    buffer: Mapping[str, Any],
    jumper: Literal["LV", "HV"] | dict[str, Literal["LV", "HV"]] = "LV",
    bits: int = 14,
    inputs: dict[str, int] | None = None,
    sample_time_ns: float = 8.0,
) -> None:
    """Read a Red Pitaya through its SCPI server, one event for each trigger.

    Parameters
    ----------
    address
        ``HOST`` or ``HOST:PORT``; the port is 5000 if nothing is said.
    buffer
        Given by mimocorb.
    jumper
        How the jumper of the input is set: ``LV`` is from -1 to 1 V, ``HV`` from -20 to 20 V; one
        for all fields or by field.
    bits
        Of the board, 14 bit; STEMlab 125-10: 10 bit, SIGNALlab 250-12: 12 bit, SDRlab 122-16: 16
        bit.
    inputs
        Number of the input for each field, 1 or 2. Default: the fields in their order.
    sample_time_ns
        Time between two samples, in ns: 8 times 1, 2, 4, … 65536.
    """


class _Board(SteppedScope):
    """A board that is connected."""

    def __init__(
        self, link: ScpiLink, settings: ScopeSettings[int], events: Events, bits: int
    ) -> None:
        super().__init__(takes_any=settings.trigger_mode == "auto")
        self._link, self._settings, self._events = link, settings, events
        self._most = 1 << (bits - 1)

    def set_up(self) -> None:
        """Set everything, compare it with what was asked for, and wait for the first trigger."""
        link, asked = self._link, self._settings
        # the delay is counted from the middle of the memory on
        delay = asked.samples - asked.trigger.pre_samples - MEMORY // 2
        self._tell(
            "ACQ:RST",
            f"ACQ:DEC {round(asked.sample_time_ns / BASE_NS)}",
            "ACQ:AVG ON",
            "ACQ:DATA:FORMAT BIN",
            "ACQ:DATA:UNITS RAW",
            *(
                f"ACQ:SOUR{asked.inputs[field]}:GAIN {_gain(asked, field)}"
                for field in asked.inputs
            ),
            f"ACQ:TRIG:LEV {asked.trigger.level_mv / 1e3:g}",
            f"ACQ:TRIG:DLY {delay}",
        )
        asked.check_sample_time(BASE_NS * float(link.ask("ACQ:DEC?")))
        for field, number in asked.inputs.items():
            told = link.ask(f"ACQ:SOUR{number}:GAIN?")
            asked.check_told(f"jumper: {field}", _gain(asked, field), told)
        told_mv = 1e3 * float(link.ask("ACQ:TRIG:LEV?").split()[0])
        asked.check_level(told_mv)
        asked.check_pre_samples(asked.samples - MEMORY // 2 - int(link.ask("ACQ:TRIG:DLY?")))
        for field in asked.inputs:
            scale = CountScale(asked.range_mv[field] / 2 / self._most)
            self._events.set_scale(field, scale, np.dtype(np.int16))
        self.wait_for_trigger()

    def _tell(self, *commands: str) -> None:
        for command in commands:
            self._link.write(command)

    def arm(self) -> None:
        """Wait for a trigger; before, some samples have to be there to be before it."""
        trigger = self._settings.trigger
        edge = "PE" if trigger.slope == "rising" else "NE"
        number = self._settings.inputs[trigger.field]
        self._tell("ACQ:START", f"ACQ:TRIG CH{number}_{edge}")

    def force(self) -> None:
        """Take an event without a trigger."""
        self._tell("ACQ:TRIG NOW")

    def has_triggered(self) -> bool:
        """Whether the samples behind a trigger are there."""
        return self._link.ask("ACQ:TRIG:STAT?") == "TD" and self._link.ask("ACQ:TRIG:FILL?") == "1"

    def take(self) -> Mapping[str, Any]:
        """Return the event of the trigger."""
        link, asked = self._link, self._settings
        begin = (int(link.ask("ACQ:TPOS?")) - asked.trigger.pre_samples) % MEMORY
        counts, overflow = {}, 0
        for bit, (field, number) in enumerate(asked.inputs.items()):
            block = link.ask_block(f"ACQ:SOUR{number}:DATA:STA:N? {begin},{asked.samples}")
            found = np.frombuffer(block, _COUNTS)
            if len(found) != asked.samples:
                raise ConnectionError(f"{len(found)} samples came instead of {asked.samples}")
            ends = (-self._most, self._most - 1)
            overflow |= bool(np.isin(ends, found).any()) << bit
            counts[field] = found
        return self._events.make(counts, overflow)


def _gain(asked: ScopeSettings[int], field: str) -> Jumper:
    return next(name for name, range_mv in JUMPERS_MV.items() if range_mv == asked.range_mv[field])
