"""Red Pitaya with the server of the pulse-height analyser (mcpha), as it is used in Karlsruhe.

What it is: a Red Pitaya with the system image of Pavel Demin's "multichannel pulse height
analyzer", whose server at port 1001 has been given one more command: take so many events, and send
each at once. See https://github.com/GuenterQuast/redpitaya-daq. That makes some thousand events per
second.

How to connect it: by a network cable; write the image to an SD card, start the board, and give its
address here. The jumpers at the inputs choose ±1 V (LV) or ±20 V (HV); say here which they are. No
package is needed. One program at a time can be connected.

Settings, each with unit and range, are its parameters. The server
answers none of them, so they cannot be read back; they are sent again with each connection.

Dead time: the board is dead while an event is taken and sent, which it does not tell; what is told
is the time for which this program was busy with the event. The rate of a known pulser shows the
rest.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from mimocorb.components.meter import reading_out
from mimocorb.devices.allowed import check_choice, check_range
from mimocorb.devices.digitizer import CountScale, Events
from mimocorb.devices.oscilloscope import oscilloscope
from mimocorb.devices.red_pitaya_board import (
    BASE_NS,
    DECIMATION,
    MCPHA_PORT,
    NEGATED,
    board_config,
    mcpha_server,
    place_of,
    tell,
)
from mimocorb.devices.scope_settings import ScopeSettings

__all__ = ["red_pitaya_mcpha"]

DECIMATIONS = (1, 4, 8, 16, 32, 64, 128, 256)
COUNTS_MOST = 4096
"""The highest voltage in counts; the lowest is minus that."""
TAIL = 100
"""So many samples at the end of an event are not reliable: they are asked for and left out."""
_MOST_SAMPLES = 8_000_000
_AT_ONCE = 1000
_MOST_BYTES = 1 << 20
_CONNECT_S = 5.0

_RESET, _INPUT, _SLOPE, _MODE, _LEVEL, _BEFORE, _TOTAL, _START, _TAKE = (
    2, 13, 14, 15, 16, 17, 18, 19, 31,
)  # fmt: skip
_SLOPES = {"rising": 0, "falling": 1}
_MODES = {"normal": 0, "auto": 1}


def _settings(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> ScopeSettings[int]:
    """Return the settings of a configuration; SetupError if they are not possible."""
    place_of(config["address"], MCPHA_PORT)
    settings = ScopeSettings.of(buffer, board_config(config), (1, 2))
    settings.check_trigger()
    check_range("data_length", settings.samples, 1, _MOST_SAMPLES, "samples")
    check_range("pre_trigger_samples", settings.trigger.pre_samples, 0, settings.samples - 1)
    possible = [BASE_NS * each for each in DECIMATIONS]
    check_choice("sample_time_ns", settings.sample_time_ns, possible, "ns")
    return settings


@contextmanager
def _opened(
    asked: ScopeSettings[int], events: Events, config: Mapping[str, Any]
) -> Iterator[_Board]:
    with mcpha_server(config["address"], _CONNECT_S) as connection:
        board = _Board(connection, asked, events)
        board.set_up(negated=config["negated"])
        yield board


@oscilloscope(_opened, _settings, name="Red Pitaya at {address}", found_as="network")
def red_pitaya_mcpha(
    *,
    address: str,
    buffer: Mapping[str, Any],
    jumper: Literal["LV", "HV"] | dict[str, Literal["LV", "HV"]] = "LV",
    inputs: dict[str, int] | None = None,
    negated: bool = False,
    sample_time_ns: float = 32.0,
    pre_trigger_samples: int = 100,
) -> None:
    """Read a Red Pitaya with the server of the pulse-height analyser, one event for each trigger.

    Parameters
    ----------
    address
        ``HOST`` or ``HOST:PORT``; the port is 1001 if nothing is said.
    buffer
        Given by mimocorb.
    jumper
        How the jumper of the input is set: ``LV`` is from -1 to 1 V, ``HV`` from -20 to 20 V; one
        for all fields or by field.
    inputs
        Number of the input for each field, 1 or 2. Default: the fields in their order.
    negated
        Whether the board turns the sign of both inputs round.
    sample_time_ns
        Time between two samples, in ns: 8 times 1, 4, 8, … 256.
    pre_trigger_samples
        Samples of an event before the trigger, from 0 to the length of the event.
    """


class _Board:
    """A board that is connected."""

    def __init__(
        self, connection: socket.socket, settings: ScopeSettings[int], events: Events
    ) -> None:
        self._connection, self._settings, self._events = connection, settings, events
        self._event_bytes = 4 * (settings.samples + TAIL)
        self._come = bytearray()
        self._asked_for = 0

    def _tell(self, code: int, number: int = 0, value: int = 0) -> None:
        tell(self._connection, code, number, value)

    def set_up(self, *, negated: bool) -> None:
        """Set everything, and ask for events."""
        asked, trigger = self._settings, self._settings.trigger
        for field in asked.inputs:
            scale = CountScale(asked.range_mv[field] / 2 / COUNTS_MOST)
            self._events.set_scale(field, scale, np.dtype(np.int16))
        level = round(trigger.level_mv / (asked.range_mv[trigger.field] / 2) * COUNTS_MOST)
        self._tell(DECIMATION, value=round(asked.sample_time_ns / BASE_NS))
        for number in (0, 1):
            self._tell(NEGATED, number, int(negated))
        self._tell(_INPUT, asked.inputs[trigger.field] - 1)
        self._tell(_SLOPE, value=_SLOPES[trigger.slope])
        self._tell(_MODE, value=_MODES[asked.trigger_mode])
        self._tell(_LEVEL, value=max(1 - COUNTS_MOST, min(COUNTS_MOST - 1, level)))
        self._tell(_BEFORE, value=trigger.pre_samples)
        self._tell(_TOTAL, value=asked.samples + TAIL)
        self._tell(_RESET)
        self._tell(_START)
        self._ask_for_more()

    def _ask_for_more(self) -> None:
        self._tell(_TAKE, value=_AT_ONCE)
        self._asked_for += _AT_ONCE

    def read(self) -> Sequence[Any]:
        """Return the events that are complete."""
        try:
            data = self._connection.recv(_MOST_BYTES)
        except TimeoutError:
            return ()
        if not data:
            raise ConnectionResetError("the server has closed the connection")
        with reading_out():
            self._come += data
            count = len(self._come) // self._event_bytes
            if not count:
                return ()
            size = count * self._event_bytes
            table = np.frombuffer(bytes(self._come[:size]), "<i2")
            del self._come[:size]
            self._asked_for -= count
            if self._asked_for <= 0:
                self._ask_for_more()
            return [self._event(each) for each in table.reshape(count, -1, 2)]

    def _event(self, pairs: Any) -> Mapping[str, Any]:
        """Return an event of the pairs of samples of both inputs."""
        counts, overflow = {}, 0
        for bit, (field, number) in enumerate(self._settings.inputs.items()):
            found = pairs[: self._settings.samples, number - 1]
            overflow |= bool(np.abs(found).max() >= COUNTS_MOST - 1) << bit
            counts[field] = found
        return self._events.make(counts, overflow)
