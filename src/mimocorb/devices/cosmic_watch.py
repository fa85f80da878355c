"""CosmicWatch, the desktop muon detector: versions 2 and 3X.

What it is: a plastic scintillator with a silicon photomultiplier and a microcontroller, which sends
a line for each pulse over USB. See https://github.com/spenceraxani/CosmicWatch-Desktop-Muon-Detector-v2
and the same with v3X.

How to connect it: by its USB cable; ``mimocorb devices`` shows the port, for example
``/dev/ttyUSB0`` (version 2) or ``/dev/ttyACM0`` (version 3X). Your user has to be in the group that
may use the port, usually ``dialout``. Version 2 is reset when it is opened, and version 3X tests
itself for some seconds: its first events come after that.

Fields of an event, of which the buffer may have any:

============= ======= =============================================================
field         unit    meaning
============= ======= =============================================================
event         –       number of the event in the detector
time_s        s       since the detector was switched on, by its clock
coincident    –       1: the other detector of a pair saw it as well (3X only)
adc           –       height of the pulse, 10 bits (version 2) or 12 bits (3X)
sipm_mV       mV      height of the pulse of the photomultiplier, from ``adc``
deadtime_s    s       dead time since the detector was switched on, all together
temperature_C °C      of the detector
pressure_Pa   Pa      of the air (3X only)
============= ======= =============================================================

A field that the detector does not send is -1, or NaN.

Dead time: some ms for each event (version 2) or some 10 µs to 1 ms (3X). The detector counts its
own dead time and sends the sum; the part of it between two events is the ``deadtime`` of the second
one, and counts in the run as *reading out*: live time and rates are those of the detector.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

from mimocorb._words import count, how_many
from mimocorb.components.form import source
from mimocorb.components.meter import device_was_dead
from mimocorb.components.reporting import report
from mimocorb.devices.about import device
from mimocorb.devices.connection import check_times
from mimocorb.devices.line_reader import REPORTED, LineReader, NotUnderstood
from mimocorb.devices.lines import line_events
from mimocorb.devices.streams import check_address
from mimocorb.errors import SetupError

__all__ = ["FIELDS", "cosmic_watch"]

logger = logging.getLogger(__name__)

FIELDS = (
    "event",
    "time_s",
    "coincident",
    "adc",
    "sipm_mV",
    "deadtime_s",
    "temperature_C",
    "pressure_Pa",
)
"""What an event may have."""

_REPORTED = (*REPORTED, "detector_dead_fraction", "events_missing")

Version = Literal["2", "3X"]
_BAUD: Mapping[Version, int] = {"2": 9600, "3X": 115200}
_ABSENT = {"coincident": -1, "temperature_C": math.nan, "pressure_Pa": math.nan}


def _check(
    buffer: Mapping[str, Any],
    *,
    address: str,
    version: Version,
    timeout_s: float | None,
    give_up_s: float | None,
) -> None:
    check_address(address, _BAUD[version])
    check_times(timeout_s, give_up_s)
    dtype = buffer["dtype"]
    unknown = [name for name in dtype.names or ("value",) if name not in FIELDS]
    if unknown or buffer["values_per_slot"] != 1:
        raise SetupError(
            f"an event of a CosmicWatch has one value of each of {', '.join(FIELDS)}, of which the"
            f" buffer may have any; {buffer['name']} has {buffer['values_per_slot']} x"
            f" {', '.join(unknown) or ', '.join(dtype.names)}"
        )


@device(needs=("serial",), extra="serial", found_as="serial", check=_check, reports=_REPORTED)
@source
def cosmic_watch(
    *,
    address: str,
    version: Literal["2", "3X"],
    buffer: Mapping[str, Any],
    timeout_s: float | None = 60.0,
    give_up_s: float | None = None,
) -> Iterator[tuple[dict[str, Any], dict[str, float]]]:
    """Read a CosmicWatch, the desktop muon detector.

    An event has one value of each field that the buffer has: event, time_s, coincident, adc,
    sipm_mV, deadtime_s, temperature_C, pressure_Pa. The run tells of events that the detector has
    numbered and that did not arrive.

    Parameters
    ----------
    address
        Its serial port, such as ``/dev/ttyUSB0``.
    version
        ``2`` (an Arduino Nano, 9600 bit/s) or ``3X`` (a Raspberry Pi Pico, 115200 bit/s).
    buffer
        Given by mimocorb.
    timeout_s
        The detector counts as lost if no event comes for so long, in s, from 0.1 on; None: it may
        be silent for ever.
    give_up_s
        The run fails if a lost detector does not come back within this time, in s, from 0.1 on.
        Default: it is waited for.

    Raises
    ------
    DeviceLost
        It is not there, or did not come back.
    """
    fields = buffer["dtype"].names
    name = f"CosmicWatch at {address}"
    of_line = _of_version_2 if version == "2" else _of_version_3
    reader = LineReader(partial(_event_of, of_line), name)
    books = _Books(name)
    for event in line_events(
        reader, address, _BAUD[version], timeout_s=timeout_s, give_up_s=give_up_s
    ):
        dead = books.dead_part(event)
        metadata = {} if dead is None else {"deadtime": dead}
        yield {name: event[name] for name in fields}, metadata


class _Books:
    """Keeps the books that the detector sends: its dead time, and the numbers of its events."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: Mapping[str, Any] | None = None
        self._missing = 0
        self._elapsed_s = self._dead_s = 0.0

    def dead_part(self, event: Mapping[str, Any]) -> float | None:
        """Return the part of the time since the event before in which it took none."""
        before, self._before = self._before, event
        if before is None or event["event"] <= before["event"]:
            return None  # the first one, or the detector was switched off
        self._note_missing(event["event"] - before["event"] - 1)
        elapsed_s = event["time_s"] - before["time_s"]
        dead_s = event["deadtime_s"] - before["deadtime_s"]
        if elapsed_s <= 0 or dead_s < 0:
            return None
        self._elapsed_s += elapsed_s
        self._dead_s += min(dead_s, elapsed_s)
        device_was_dead(min(dead_s, elapsed_s))
        report(detector_dead_fraction=self._dead_s / self._elapsed_s)
        return float(min(1.0, dead_s / elapsed_s))

    def _note_missing(self, missing: int) -> None:
        if missing:
            self._missing += missing
            report(events_missing=self._missing)
            logger.warning(
                "%s: %s that the detector has numbered did not arrive, %s in all",
                *(self._name, how_many(missing, "event"), count(self._missing)),
            )


def _event_of(of_line: Callable[[list[str]], dict[str, Any]], line: str) -> dict[str, Any] | None:
    """Return the event of a line; None for a comment."""
    if line.startswith("#"):
        return None
    try:
        return {**_ABSENT, **of_line(line.split())}
    except NotUnderstood:
        raise
    except ValueError as error:
        raise NotUnderstood(str(error)) from None


def _of_version_2(cells: list[str]) -> dict[str, Any]:
    """Read: event, time in ms, adc, height in mV, dead time in ms, temperature."""
    if len(cells) not in (6, 7):  # the last one is the name of the detector
        raise NotUnderstood(f"it has {len(cells)} columns; a CosmicWatch 2 sends 6 or 7")
    return {
        "event": int(cells[0]),
        "time_s": float(cells[1]) / 1e3,
        "adc": int(cells[2]),
        "sipm_mV": float(cells[3]),
        "deadtime_s": float(cells[4]) / 1e3,
        "temperature_C": float(cells[5]),
    }


def _of_version_3(cells: list[str]) -> dict[str, Any]:
    """Read: event, time in s, coincidence, adc, height in mV, dead time in s, then sensors."""
    if len(cells) < 6:
        raise NotUnderstood(f"it has {len(cells)} columns; a CosmicWatch 3X sends 6 or more")
    event = {
        "event": int(cells[0]),
        "time_s": float(cells[1]),
        "coincident": int(cells[2]),
        "adc": int(cells[3]),
        "sipm_mV": float(cells[4]),
        "deadtime_s": float(cells[5]),
    }
    # A detector without its sensors leaves their columns out.
    if len(cells) > 7 and ":" not in cells[6]:
        event.update(temperature_C=float(cells[6]), pressure_Pa=float(cells[7]))
    return event
