"""Red Pitaya through its SCPI server: the oscilloscope of the operating system that it comes with.

What it is: a board with two inputs of 14 bits (10 on the STEMlab 125-10), 125 million samples per
second and a memory of 16384 samples for each input.

How to connect it: by a network cable. Start the SCPI server in its web page (Development, SCPI
server); it listens at port 5000. The jumpers at the inputs choose ±1 V (LV) or ±20 V (HV); say here
which they are. No package is needed.

Settings, each with unit and range, are its parameters. The decimation follows
from the time between two samples, is read back and compared.

Dead time: from the trigger until the samples of both inputs have come and the board waits again,
some 5 to 20 ms, which is told: ten to a hundred events per second. For more, see
``devices.red_pitaya_mcpha``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from mimocorb.components.form import source
from mimocorb.components.meter import reading_out
from mimocorb.devices.about import device
from mimocorb.devices.allowed import check_choice, check_range
from mimocorb.devices.connection import POLL_S, check_times, keep_connected
from mimocorb.devices.digitizer import CountScale, Events
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
_LOOK_S = 0.001


def _settings(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> ScopeSettings[int]:
    """Return the settings of a configuration; SetupError if they are not possible."""
    place_of(config["address"], PORT)
    check_times(config["timeout_s"], config["give_up_s"])
    settings = ScopeSettings.of(buffer, board_config(config), (1, 2))
    settings.check_trigger()
    check_range("data_length", settings.samples, 1, MEMORY, "samples")
    possible = [BASE_NS * each for each in DECIMATIONS]
    check_choice("sample_time_ns", settings.sample_time_ns, possible, "ns")
    check_choice("bits", config["bits"], [10, 12, 14, 16], "bit")
    return settings


def _check(buffer: Mapping[str, Any], **config: Any) -> None:
    _settings(buffer, config)


@device(found_as="network", check=_check)
@source
def red_pitaya(
    *,
    address: str,
    buffer: Mapping[str, Any],
    jumper: Literal["LV", "HV"] | dict[str, Literal["LV", "HV"]] = "LV",
    bits: int = 14,
    inputs: dict[str, int] | None = None,
    sample_time_ns: float = 8.0,
    pre_trigger_samples: int = 0,
    trigger_channel: str = "",
    trigger_level_mv: float = 0.0,
    trigger_slope: Literal["rising", "falling"] = "rising",
    timeout_s: float | None = None,
    give_up_s: float | None = None,
) -> Iterator[Any]:
    """Read a Red Pitaya through its SCPI server, one event for each trigger.

    An event has a field for each input, with ``data_length`` samples. Whole numbers get the counts
    of the board, real numbers the voltage; a field ``overflow`` has a bit for each input that was
    at the end of its range.

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
    pre_trigger_samples
        Samples of an event before the trigger, up to the length of the event; below 0: an event
        begins so many samples behind the trigger.
    trigger_channel
        The field whose input triggers. Default: the first one.
    trigger_level_mv
        Voltage at which it triggers, in mV, within the range of the input.
    trigger_slope
        Whether the voltage rises or falls through the level.
    timeout_s
        The board counts as lost if no event comes for so long, in s, from 0.1 on. Default: it may
        wait for a trigger for ever.
    give_up_s
        The run fails if a lost board does not come back within this time, in s, from 0.1 on.
        Default: it is waited for.

    Raises
    ------
    DeviceLost
        It is not there, or did not come back.
    SetupError
        It cannot be set to what is asked for.
    """
    config = {
        "address": address,
        "jumper": jumper,
        "bits": bits,
        "inputs": inputs,
        "sample_time_ns": sample_time_ns,
        "pre_trigger_samples": pre_trigger_samples,
        "trigger_channel": trigger_channel,
        "trigger_level_mv": trigger_level_mv,
        "trigger_slope": trigger_slope,
        "timeout_s": timeout_s,
        "give_up_s": give_up_s,
    }
    settings = _settings(buffer, config)
    host, port = place_of(address, PORT)

    @contextmanager
    def opened() -> Iterator[_Board]:
        with open_scpi(f"TCPIP::{host}::{port}::SOCKET") as link:
            board = _Board(link, settings, Events(buffer, list(settings.inputs)), bits)
            board.set_up()
            yield board

    name = f"Red Pitaya at {address}"
    yield from keep_connected(
        opened, _Board.read, name=name, timeout_s=timeout_s, give_up_s=give_up_s
    )


class _Board:
    """A board that is connected."""

    def __init__(
        self, link: ScpiLink, settings: ScopeSettings[int], events: Events, bits: int
    ) -> None:
        self._link, self._settings, self._events = link, settings, events
        self._most = 1 << (bits - 1)
        trigger = settings.trigger
        edge = "PE" if trigger.slope == "rising" else "NE"
        # waiting for a trigger begins when some samples are there to be before it
        self._arm = ("ACQ:START", f"ACQ:TRIG CH{settings.inputs[trigger.field]}_{edge}")

    def set_up(self) -> None:
        """Set everything, compare it with what was asked for, and wait for the first trigger."""
        asked = self._settings
        # the delay is counted from the middle of the memory on
        behind = asked.samples - asked.trigger.pre_samples
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
            f"ACQ:TRIG:DLY {behind - MEMORY // 2}",
        )
        asked.check_sample_time(BASE_NS * float(self._link.ask("ACQ:DEC?")))
        for field in asked.inputs:
            scale = CountScale(asked.range_mv[field] / 2 / self._most)
            self._events.set_scale(field, scale, np.dtype(np.int16))
        self._tell(*self._arm)

    def _tell(self, *commands: str) -> None:
        for command in commands:
            self._link.write(command)

    def read(self) -> Sequence[Any]:
        """Return the event of the trigger that has come, if one has."""
        link, asked = self._link, self._settings
        deadline_s = time.monotonic() + POLL_S
        while link.ask("ACQ:TRIG:STAT?") != "TD" or link.ask("ACQ:TRIG:FILL?") != "1":
            if time.monotonic() > deadline_s:
                return ()
            time.sleep(_LOOK_S)
        with reading_out():
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
            event = self._events.make(counts, overflow)
            self._tell(*self._arm)
        return (event,)


def _gain(asked: ScopeSettings[int], field: str) -> Jumper:
    return next(name for name, range_mv in JUMPERS_MV.items() if range_mv == asked.range_mv[field])
