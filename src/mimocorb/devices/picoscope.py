"""PicoScope: oscilloscopes of Pico Technology on USB, series 2000A, 3000A and 5000A.

What it is: boxes with two or four inputs of 8 to 16 bits. They take many events one behind the
other into their own memory (rapid block mode) and hand them over together.

How to connect it: by its USB cable. It needs PicoSDK, the library of the maker, from
https://www.picotech.com/downloads/linux (package ``libps3000a`` and the like), and
``pip install 'mimocorb[picosdk]'``. The package brings a udev rule; your user has to be in the
group ``pico``. Is the library elsewhere, name its directory in ``LD_LIBRARY_PATH``.

Settings, each with unit and range, are its parameters. A range, a time base or
a resolution that the device does not have is refused with the nearest one that it has; a scale that
is not that of the buffer is refused with the right one. Of what was set, the library tells the time
base, the limits of the offset, the memory, and whether there is a trigger; it acknowledges range,
coupling and trigger level, and has no question for them.

Dead time: between two events of a block 1 to 2 µs, which no one can tell; while a block is handed
over some ms, which is told. So blocks of many events (``captures``) mean little dead time, and
events that come late: a block is handed over when it is full, or after ``gather_s``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ctypes import byref, c_float, c_int16, c_int32, c_uint32
from ctypes.util import find_library
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.meter import reading_out
from mimocorb.devices.about import import_driver
from mimocorb.devices.allowed import check_choice, check_range
from mimocorb.devices.connection import POLL_S
from mimocorb.devices.digitizer import CountScale, Events
from mimocorb.devices.oscilloscope import AUTO_S, oscilloscope
from mimocorb.devices.scope_settings import ScopeSettings
from mimocorb.errors import SetupError

__all__ = ["picoscope"]

INPUTS = ("A", "B", "C", "D")
SERIES = ("ps2000a", "ps3000a", "ps5000a")
RESOLUTIONS = (8, 12, 14, 15, 16)
"""Bits of the series 5000A; their place is how its library calls them."""

_HALF_RANGES_MV = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)
"""A range reaches from minus to plus this; the place is how the libraries call it."""
_LEAST_RANGE = {"ps2000a": 1, "ps3000a": 1, "ps5000a": 0}
_WITH_OVERSAMPLING = ("ps2000a", "ps3000a")
"""Their calls have one argument more, which is 1."""
_DIRECTIONS = {"rising": 2, "falling": 3}
_COUPLINGS = {"AC": 0, "DC": 1}
_MOST_CAPTURES = 10_000
_LOOK_S = 0.0005
_OK = 0
_LIBRARY_HINT = "get PicoSDK from https://www.picotech.com/downloads/linux, or set LD_LIBRARY_PATH"
_POWERED_BY_USB = (0x11A, 0x11E)
"""The device is there, and asks whether it is meant to be without a supply, or at a slow port."""
_WRONG_SETTING = {
    0x0F: "range_mv: the device does not have this range",
    0x50: "offset_mv: the device cannot shift this range so far",
    0x56: "offset_mv: the device cannot shift this range so far",
}


def _settings(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> ScopeSettings[str]:
    """Return the settings of a configuration; SetupError if they are not possible."""
    settings = ScopeSettings.of(buffer, config, INPUTS)
    series = config["series"]
    check_choice("resolution_bits", config["resolution_bits"], RESOLUTIONS, "bit")
    if series != "ps5000a":
        check_choice("resolution_bits", config["resolution_bits"], [8], "bit")
    possible = [2.0 * half for half in _HALF_RANGES_MV[_LEAST_RANGE[series] :]]
    for range_mv in settings.range_mv.values():
        check_choice("range_mv", range_mv, possible, "mV")
    settings.check_trigger()
    check_range("captures", config["captures"], 1, _MOST_CAPTURES)
    check_range("gather_s", config["gather_s"], 0.001, 60.0, "s")
    if find_library(series) is None:
        raise SetupError(f"picoscope: the library {series} is not installed: {_LIBRARY_HINT}")
    return settings


@contextmanager
def _opened(
    asked: ScopeSettings[str], events: Events, config: Mapping[str, Any]
) -> Iterator[_PicoScope]:
    series = config["series"]
    library = getattr(import_driver(f"picosdk.{series}", "picosdk"), series)
    bits = config["resolution_bits"]
    with _connected(library, series, config["serial_number"], bits) as handle:
        scope = _PicoScope(library, series, handle, asked, events)
        scope.set_up(config["captures"], config["gather_s"])
        yield scope


@oscilloscope(
    _opened,
    _settings,
    name="PicoScope {series} {serial_number}",
    needs=("picosdk",),
    extra="picosdk",
    found_as="usb",
    libraries={"|".join(SERIES): _LIBRARY_HINT},
)
def picoscope(
    *,
    series: Literal["ps2000a", "ps3000a", "ps5000a"],
    buffer: Mapping[str, Any],
    serial_number: str = "",
    resolution_bits: int = 8,
    inputs: dict[str, str] | None = None,
    range_mv: float | dict[str, float] = 10000.0,
    offset_mv: float | dict[str, float] = 0.0,
    coupling: Literal["DC", "AC"] | dict[str, Literal["DC", "AC"]] = "DC",
    sample_time_ns: float,
    captures: int = 10,
    gather_s: float = 0.2,
) -> None:
    """Read a PicoScope in rapid block mode, one event for each trigger.

    Parameters
    ----------
    series
        The library of the device, which stands on the box: ``ps2000a`` is for 2205 MSO to 2408B,
        ``ps3000a`` for 3203 to 3406, ``ps5000a`` for 5242 to 5444 (A, B and D).
    buffer
        Given by mimocorb.
    serial_number
        Of the device, as on the box; empty: the first one.
    resolution_bits
        8, 12, 14, 15 or 16 bit of the series 5000A; the others have 8 bit.
    inputs
        ``A`` to ``D`` for each field. Default: the fields in their order.
    range_mv
        From the lowest to the highest voltage, in mV, one for all fields or by field: 20 (5000A),
        40, 100, 200, 400, 1000, … 40000, which PicoScope calls ±10 mV to ±20 V.
    offset_mv
        Voltage in the middle of the range, in mV; how much is possible depends on the range.
    coupling
        ``DC``, or ``AC`` without what does not change; by field as well.
    sample_time_ns
        Time between two samples, in ns.
    captures
        How many events a block has at most, 1 to 10000, as far as the memory of the device reaches.
    gather_s
        A block that is not full is handed over after this time, in s, from 0.001 to 60.
    """


@contextmanager
def _connected(library: Any, series: str, serial_number: str, bits: int) -> Iterator[c_int16]:
    """Open a device, and close it."""
    handle = c_int16()
    arguments: list[Any] = [byref(handle), serial_number.encode() or None]
    if series == "ps5000a":
        arguments.append(RESOLUTIONS.index(bits))
    status = library._OpenUnit(*arguments)
    if status in _POWERED_BY_USB:
        status = library._ChangePowerSource(handle, status)
    _refuse(status, "cannot be opened")
    try:
        yield handle
    finally:
        with suppress(OSError):  # it may be away
            library._Stop(handle)
            library._CloseUnit(handle)


def _refuse(status: int, what: str) -> None:
    """Raise an OSError unless a call of the library was successful."""
    if status == _OK:
        return
    if status in _WRONG_SETTING:
        raise SetupError(_WRONG_SETTING[status])
    from picosdk.constants import PICO_STATUS_LOOKUP

    name = PICO_STATUS_LOOKUP.get(status, f"status {status}")
    raise OSError(f"{what}: {name.removeprefix('PICO_').replace('_', ' ').lower()}")


class _PicoScope:
    """A device that is open."""

    def __init__(
        self,
        library: Any,
        series: str,
        handle: c_int16,
        settings: ScopeSettings[str],
        events: Events,
    ) -> None:
        self._library, self._handle = library, handle
        self._extra: tuple[int, ...] = (1,) if series in _WITH_OVERSAMPLING else ()
        self._settings, self._events = settings, events
        self._captures, self._gather_s = 1, 0.0
        self._timebase = 0
        self._began_s: float | None = None
        self._memory: dict[str, NDArray[np.int16]] = {}

    def _call(self, name: str, *arguments: Any) -> None:
        _refuse(getattr(self._library, name)(self._handle, *arguments), name.removeprefix("_"))

    def set_up(self, captures: int, gather_s: float) -> None:
        """Set everything, compare it with what was asked for, and reserve the memory."""
        asked = self._settings
        self._captures, self._gather_s = captures, gather_s
        most = c_int16()
        self._call("_MaximumValue", byref(most))
        used = dict(zip(asked.inputs.values(), asked.inputs, strict=True))
        for place, name in enumerate(INPUTS):
            field = used.get(name)
            if field is None:
                with suppress(OSError):  # there are devices of two inputs
                    self._call("_SetChannel", place, 0, 1, len(_HALF_RANGES_MV) - 1, 0.0)
                continue
            half_mv, middle_mv = asked.range_mv[field] / 2, asked.offset_mv[field]
            coupling, number = _COUPLINGS[asked.coupling[field]], _HALF_RANGES_MV.index(half_mv)
            self._check_offset(field, number, coupling)
            self._call("_SetChannel", place, 1, coupling, number, c_float(0.0 - middle_mv / 1e3))
            scale = CountScale(half_mv / most.value, middle_mv)
            self._events.set_scale(field, scale, np.dtype(np.int16))
        self._timebase = self._nearest_timebase(asked.sample_time_ns)
        asked.check_sample_time(self._interval_ns(self._timebase) or 0.0)
        self._set_trigger(most.value)
        self._reserve()

    def _check_offset(self, field: str, number: int, coupling: int) -> None:
        """Raise a SetupError if a range cannot be shifted so far: the library names its limits."""
        most_v, least_v = c_float(), c_float()
        self._call("_GetAnalogueOffset", number, coupling, byref(most_v), byref(least_v))
        least_mv, most_mv = (round(-1e3 * each.value, 3) for each in (most_v, least_v))
        asked_mv = self._settings.offset_mv[field]
        check_range(f"offset_mv: {field}", asked_mv, least_mv, most_mv, "mV")

    def _interval_ns(self, timebase: int) -> float | None:
        """Return the time between two samples, in ns; None if it is none of the device."""
        interval, samples = c_float(), c_int32()
        status = self._library._GetTimebase2(
            self._handle, timebase, self._settings.samples, byref(interval), *self._extra,
            byref(samples), 0,
        )  # fmt: skip
        return interval.value if status == _OK else None

    def _nearest_timebase(self, wanted_ns: float) -> int:
        """Return the number of the time base that is nearest; larger numbers are slower ones."""
        low, high = 0, 1 << 30
        while high - low > 1:
            middle = (low + high) // 2
            interval_ns = self._interval_ns(middle)
            # the fastest ones are not there if several inputs are used
            if interval_ns is None and middle < 16:
                low = middle
            elif interval_ns is None or interval_ns >= wanted_ns:
                high = middle
            else:
                low = middle
        known = {each: self._interval_ns(each) for each in (low, high)}
        possible = {each: found for each, found in known.items() if found is not None}
        if not possible:
            raise SetupError(f"sample_time_ns: the device knows no time base for {wanted_ns:g} ns")
        return min(possible, key=lambda each: abs(possible[each] - wanted_ns))

    def _set_trigger(self, most: int) -> None:
        asked, trigger = self._settings, self._settings.trigger
        half_mv = asked.range_mv[trigger.field] / 2
        level = round((trigger.level_mv - asked.offset_mv[trigger.field]) / half_mv * most)
        self._call(
            "_SetSimpleTrigger",
            1,
            INPUTS.index(asked.inputs[trigger.field]),
            level,
            _DIRECTIONS[trigger.slope],
            max(0, -trigger.pre_samples),
            round(1e3 * AUTO_S) if asked.trigger_mode == "auto" else 0,
        )
        is_on, has_width = c_int16(), c_int16()
        self._call("_IsTriggerOrPulseWidthQualifierEnabled", byref(is_on), byref(has_width))
        asked.check_told("trigger_channel", "a trigger", "a trigger" if is_on.value else "")

    def _reserve(self) -> None:
        """Divide the memory of the device, and tell it where to put the samples."""
        samples, most = self._settings.samples, c_int32()
        self._call("_MemorySegments", self._captures, byref(most))
        if most.value < samples * len(self._settings.inputs):
            possible = self._captures * most.value // (samples * len(self._settings.inputs))
            raise SetupError(
                f"captures: {self._captures} events of {samples} samples are more than the memory"
                f" of the device; the nearest is {possible}"
            )
        self._call("_SetNoOfCaptures", self._captures)
        for field, name in self._settings.inputs.items():
            memory = np.zeros((self._captures, samples), np.int16)
            for segment, row in enumerate(memory):
                place = INPUTS.index(name)
                self._call("_SetDataBuffer", place, row.ctypes.data, samples, segment, 0)
            self._memory[field] = memory

    def read(self) -> Sequence[Any]:
        """Return the events of a block that is full, or has gathered for long enough."""
        if self._began_s is None:
            self._begin()
        deadline_s = time.monotonic() + POLL_S
        ready = c_int16()
        while True:
            self._call("_IsReady", byref(ready))
            now_s = time.monotonic()
            assert self._began_s is not None
            is_late = now_s - self._began_s > self._gather_s
            if ready.value or (is_late and self._taken()):
                return self._hand_over()
            if now_s > deadline_s:
                return ()
            time.sleep(_LOOK_S)

    def _begin(self) -> None:
        """Take a block of events."""
        before = max(0, self._settings.trigger.pre_samples)
        after = self._settings.samples - before
        self._call(
            "_RunBlock", before, after, self._timebase, *self._extra, None, 0, None, None
        )  # fmt: skip
        self._began_s = time.monotonic()

    def _taken(self) -> int:
        """Return how many events of the block there are."""
        taken = c_uint32()
        self._call("_GetNoOfCaptures", byref(taken))
        return min(taken.value, self._captures)

    def _hand_over(self) -> Sequence[Any]:
        """Return the events that the device has, and let it take others."""
        with reading_out():
            self._call("_Stop")
            samples = c_uint32(self._settings.samples)
            count = self._taken()
            flags = np.zeros(self._captures, np.int16)
            if count:
                self._call("_GetValuesBulk", byref(samples), 0, count - 1, 1, 0, flags.ctypes.data)
            events = [self._event(number, int(flags[number])) for number in range(count)]
            self._begin()
        return events

    def _event(self, number: int, flags: int) -> Mapping[str, NDArray[Any]]:
        """Return an event; the memory will be written again."""
        counts = {field: memory[number].copy() for field, memory in self._memory.items()}
        overflow = 0
        for bit, name in enumerate(self._settings.inputs.values()):
            overflow |= (flags >> INPUTS.index(name) & 1) << bit
        return self._events.make(counts, overflow)
