"""Red Pitaya as a pulse-height analyser (mcpha): the board itself makes the spectra of both inputs.

What it is: a Red Pitaya with the system image of Pavel Demin's "multichannel pulse height
analyzer" (https://pavel-demin.github.io/red-pitaya-notes/mcpha/), whose server is at port 1001. The
board finds the pulses, and counts their heights in 4096 channels for each input. So much higher
rates are possible than with waveforms, of which nothing is seen here.

How to connect it: as for ``devices.red_pitaya_mcpha``, without which the spectra are taken: one
program at a time can be connected.

An event is a piece of the measurement: the counts that came since the event before. The buffer has
``data_length: 4096`` and a field of whole numbers for each input; the sum of all events is the
spectrum. A field ``time_s`` gets how long the board had counted at the end of the event, in s, by
its own clock, in each of its values. ``histogram`` and ``mimocorb.analysis`` make more of it.

Settings, each with unit and range, are its parameters. The server answers none of them, so they
cannot be read back. A board that comes back after a loss begins anew: what it had counted since the
last event is lost.

Dead time: about 1 µs for each pulse within the board, which it does not tell; reading makes none,
as the board counts on.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.device import run_goes_on
from mimocorb.components.form import source
from mimocorb.components.meter import reading_out
from mimocorb.devices.about import device
from mimocorb.devices.allowed import check_choice, check_range
from mimocorb.devices.connection import POLL_S, Period, check_times, keep_connected
from mimocorb.devices.red_pitaya_board import (
    DECIMATION,
    MCPHA_PORT,
    NEGATED,
    mcpha_server,
    place_of,
    tell,
)
from mimocorb.errors import EndOfStream, SetupError

__all__ = ["CHANNELS", "red_pitaya_spectrum"]

CHANNELS = 4096
"""Of a spectrum."""
DECIMATIONS = (4, 8, 16, 32, 64, 128, 256)
TIME = "time_s"

_CLOCK_HZ = 125e6
_STATUS_BYTES = 36
_FOREVER = (1 << 52) - 1
_ANSWER_S = 3.0
_CONNECT_S = 1.0
_CLEAR, _CLEAR_TIMER, _DELAY, _LEAST, _MOST = 0, 1, 6, 7, 8
_TIMER, _COUNT, _STATUS, _READ = 9, 10, 11, 12


def _check(buffer: Mapping[str, Any], **config: Any) -> None:
    place_of(config["address"], MCPHA_PORT)
    check_times(None, config["give_up_s"])
    check_choice("decimation", config["decimation"], DECIMATIONS)
    check_range("pulse_samples", config["pulse_samples"], 1, 65535, "samples")
    check_range("least_channel", config["least_channel"], 0, CHANNELS - 1)
    check_range("most_channel", config["most_channel"], config["least_channel"], CHANNELS - 1)
    check_range("period_s", config["period_s"], POLL_S, 3600.0, "s")
    _inputs(buffer)


def _inputs(buffer: Mapping[str, Any]) -> list[str]:
    """Return the fields of the buffer that get a spectrum."""
    dtype, name = buffer["dtype"], buffer["name"]
    fields = [each for each in dtype.names or () if each != TIME]
    odd = [each for each in fields if not np.can_cast(np.uint32, dtype[each])]
    if not 1 <= len(fields) <= 2 or odd or buffer["values_per_slot"] != CHANNELS:
        found = f"{odd[0]} is {dtype[odd[0]]}" if odd else f"{buffer['values_per_slot']} x {dtype}"
        raise SetupError(
            f"the buffer {name} needs data_length: {CHANNELS}, and a field of uint32 or larger for"
            f" one input or both, such as data_dtype: {{chA: uint32, {TIME}: float64}}; found"
            f" {found}"
        )
    return fields


@device(found_as="network", check=_check)
@source
def red_pitaya_spectrum(
    *,
    address: str,
    buffer: Mapping[str, Any],
    decimation: int = 4,
    negated: bool = False,
    pulse_samples: int = 100,
    least_channel: int = 0,
    most_channel: int = CHANNELS - 1,
    period_s: float = 1.0,
    give_up_s: float | None = None,
) -> Iterator[dict[str, NDArray[Any]]]:
    """Read the spectra that a Red Pitaya counts itself, one event for each period.

    An event has the counts since the event before, 4096 channels for each input: the fields of the
    buffer are input 1 and input 2. A field ``time_s`` gets how long the board has counted, in s.

    Parameters
    ----------
    address
        ``HOST`` or ``HOST:PORT``; the port is 1001 if nothing is said.
    buffer
        Given by mimocorb.
    decimation
        Samples of 8 ns that are averaged: 4, 8, 16, … 256.
    negated
        Whether the board turns the sign of both inputs round, for pulses downwards.
    pulse_samples
        Samples for which the largest value of a pulse is looked for, 1 to 65535 (of 8 ns times
        ``decimation``).
    least_channel, most_channel
        Only pulses between these heights are counted, 0 to 4095; the full scale of ±1 V (LV) or
        ±20 V (HV) is channel 4096.
    period_s
        Time between two events, in s, from 0.1 to 3600.
    give_up_s
        The run fails if a lost board does not come back within this time, in s, from 0.1 on.
        Default: it is waited for.

    Raises
    ------
    DeviceLost
        It is not there, or did not come back.
    """
    fields = _inputs(buffer)

    @contextmanager
    def opened() -> Iterator[_Analyser]:
        with mcpha_server(address, _CONNECT_S) as connection:
            board = _Analyser(connection, buffer["dtype"], fields, period_s)
            board.tell(DECIMATION, 0, decimation)
            for number in range(len(fields)):
                board.tell(NEGATED, number, int(negated))
                board.tell(_DELAY, number, pulse_samples)
                board.tell(_LEAST, number, least_channel)
                board.tell(_MOST, number, most_channel)
            board.begin()
            yield board

    yield from keep_connected(
        opened, _Analyser.read, name=f"Red Pitaya at {address}", give_up_s=give_up_s
    )


class _Analyser:
    """A board that counts."""

    def __init__(
        self, connection: socket.socket, dtype: np.dtype[Any], fields: list[str], period_s: float
    ) -> None:
        self._connection, self._dtype, self._fields = connection, dtype, fields
        self._period = Period(period_s, begins_s=period_s)
        self._before = np.zeros((len(fields), CHANNELS), np.uint32)

    def tell(self, code: int, number: int = 0, value: int = 0) -> None:
        """Send a command."""
        tell(self._connection, code, number, value)

    def begin(self) -> None:
        """Let it count from 0 on, for as long as it likes."""
        for number in range(len(self._fields)):
            self.tell(_CLEAR, number)
            self.tell(_CLEAR_TIMER, number)
            self.tell(_TIMER, number, _FOREVER)
            self.tell(_COUNT, number, 1)

    def read(self) -> Sequence[dict[str, NDArray[Any]]]:
        """Return what was counted since the last time, if it is time for that."""
        if not self._period.is_over():
            return ()
        with reading_out():
            self.tell(_STATUS)
            counted_s = np.frombuffer(self._receive(_STATUS_BYTES)[:8], "<u8")[0] / _CLOCK_HZ
            event = {}
            for number, field in enumerate(self._fields):
                self.tell(_READ, number)
                counts = np.frombuffer(self._receive(4 * CHANNELS), "<u4")
                # of 32 bits: the difference is right when a channel rolls over
                event[field] = (counts - self._before[number]).astype(self._dtype[field])
                self._before[number] = counts
            if TIME in (self._dtype.names or ()):
                event[TIME] = np.full(CHANNELS, counted_s, self._dtype[TIME])
        return (event,)

    def _receive(self, size: int) -> bytes:
        come, deadline_s = bytearray(), time.monotonic() + _ANSWER_S
        while len(come) < size:
            try:
                data = self._connection.recv(size - len(come))
            except TimeoutError as error:
                if not run_goes_on():
                    raise EndOfStream("the run has ended, and the board did not answer") from error
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"no answer came for {_ANSWER_S:g} s") from error
                continue
            if not data:
                raise ConnectionResetError("the server has closed the connection")
            come += data
        return bytes(come)
