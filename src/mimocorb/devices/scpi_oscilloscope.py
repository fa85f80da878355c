"""Oscilloscopes that speak SCPI: Rigol, Siglent, Keysight and Agilent.

What it is: one source for the bench oscilloscopes that are told what to do in text, over the
network or USB, and that send a waveform as a block of bytes. The makers call the same things by
different names; the answer to ``*IDN?`` tells which ones are spoken.

How to connect it: by a network cable. The instrument shows its address (menu Utility, I/O or LAN);
the port is 5555 (Rigol) or 5025 (Siglent, Keysight): ``TCPIP::192.168.1.5::5555::SOCKET``. Over USB
the address is the one that ``mimocorb devices`` shows, ``USB0::…::INSTR``; it needs
``pip install 'mimocorb[visa]'`` and a udev rule that lets your user use the device.

Settings, each with unit and range, are its parameters. Each is set, read back, and compared with
what was asked for, coupling and trigger as well; a scale that is not that of the buffer is refused.

Dead time: an oscilloscope takes no events while it is read, 5 to 50 ms for each input over the
network. It is meant to be read now and then: ten to a hundred events per second. The time from the
trigger until it waits again is told as dead time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from mimocorb.devices.allowed import check_range
from mimocorb.devices.digitizer import Events
from mimocorb.devices.oscilloscope import SteppedScope, oscilloscope
from mimocorb.devices.scope_settings import ScopeSettings
from mimocorb.devices.scpi_dialects import DIALECTS, Dialect, dialect_of
from mimocorb.devices.scpi_link import ScpiLink, check_visa_address, open_scpi
from mimocorb.errors import SetupError

__all__ = ["scpi_oscilloscope"]

INPUTS = (1, 2, 3, 4)


def _settings(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> ScopeSettings[int]:
    """Return the settings of a configuration; SetupError if they are not possible."""
    check_visa_address(config["address"])
    settings = ScopeSettings.of(buffer, config, INPUTS)
    dialect = DIALECTS.get(config["dialect"])
    for range_mv in settings.range_mv.values():
        check_range("range_mv", range_mv, 1.0, 100_000.0, "mV")
        if dialect is not None:
            dialect.check_range(range_mv)
    if dialect is not None:
        dialect.check_time(settings.sample_time_ns, settings.samples)
    settings.check_trigger()
    return settings


@contextmanager
def _opened(
    asked: ScopeSettings[int], events: Events, config: Mapping[str, Any]
) -> Iterator[_Oscilloscope]:
    with open_scpi(config["address"]) as link:
        words = DIALECTS.get(config["dialect"]) or dialect_of(link.ask("*IDN?"))
        scope = _Oscilloscope(link, words, events, asked)
        scope.set_up()
        yield scope


@oscilloscope(_opened, _settings, name="oscilloscope at {address}", extra="visa", found_as="visa")
def scpi_oscilloscope(
    *,
    address: str,
    buffer: Mapping[str, Any],
    dialect: Literal["auto", "rigol", "siglent", "keysight"] = "auto",
    inputs: dict[str, int] | None = None,
    range_mv: float | dict[str, float] = 8000.0,
    offset_mv: float | dict[str, float] = 0.0,
    coupling: Literal["DC", "AC"] | dict[str, Literal["DC", "AC"]] = "DC",
    sample_time_ns: float,
) -> None:
    """Read an oscilloscope of Rigol, Siglent or Keysight, one event for each trigger.

    Parameters
    ----------
    address
        ``TCPIP::HOST::PORT::SOCKET``, or as VISA calls it: ``USB0::…::INSTR``.
    buffer
        Given by mimocorb.
    dialect
        Which maker's words to use; ``auto`` asks the instrument.
    inputs
        Number of the input for each field, 1 to 4. Default: the fields in their order.
    range_mv
        From the lowest to the highest voltage, in mV, one for all fields or by field: 8 divisions
        of 1, 2, 5, … mV up to 80000; Keysight: any from 8 to 80000.
    offset_mv
        Voltage in the middle of the range, in mV.
    coupling
        ``DC``, or ``AC`` without what does not change; by field as well.
    sample_time_ns
        Time between two samples, in ns. Rigol: a division of the time base has 100 samples.
    """


class _Oscilloscope(SteppedScope):
    """An oscilloscope that is connected."""

    def __init__(
        self, link: ScpiLink, dialect: Dialect, events: Events, settings: ScopeSettings[int]
    ) -> None:
        super().__init__(takes_any=settings.trigger_mode == "auto")
        self._link, self._dialect, self._events = link, dialect, events
        self._settings = settings
        limits = np.iinfo(dialect.counts)
        self._ends = limits.min, limits.max

    def set_up(self) -> None:
        """Set everything, compare it with what was asked for, and wait for the first trigger."""
        link, words, asked = self._link, self._dialect, self._settings
        link.write(words.begin)
        for field, number in asked.inputs.items():
            words.check_range(asked.range_mv[field])
            range_v, offset_v = asked.range_mv[field] / 1e3, asked.offset_mv[field] / 1e3
            words.set_channel(link, number, range_v, offset_v, asked.coupling[field])
        words.check_time(asked.sample_time_ns, asked.samples)
        trigger, sample_s = asked.trigger, asked.sample_time_ns / 1e9
        words.set_time(link, sample_s, asked.samples, trigger.pre_samples)
        number = asked.inputs[trigger.field]
        words.set_trigger(link, number, trigger.level_mv / 1e3, trigger.slope)
        self._compare(sample_s)
        self.wait_for_trigger()

    def _compare(self, sample_s: float) -> None:
        """Read back what was set; SetupError if it is something else."""
        link, words, asked = self._link, self._dialect, self._settings
        for field, number in asked.inputs.items():
            scale, told_s = words.read_scale(link, number)
            self._events.set_scale(field, scale, words.counts)
            asked.check_sample_time(told_s * 1e9)
            told = words.read_coupling(link, number)
            asked.check_told(f"coupling: {field}", asked.coupling[field], told)
        told_trigger = words.read_trigger(link, asked.inputs[asked.trigger.field])
        trigger_input = str(asked.inputs[asked.trigger.field])
        asked.check_told("trigger_channel: the input", trigger_input, told_trigger.number)
        asked.check_told("trigger_slope", asked.trigger.slope, told_trigger.slope)
        asked.check_level(1e3 * told_trigger.level_v)
        asked.check_pre_samples(words.read_pre_samples(link, sample_s, asked.samples))

    def arm(self) -> None:
        """Wait for a trigger."""
        self._link.write(self._dialect.arm)

    def force(self) -> None:
        """Take an event without a trigger."""
        self._link.write(self._dialect.force)

    def has_triggered(self) -> bool:
        """Whether the waveform of a trigger can be read."""
        return self._dialect.has_stopped(self._link)

    def take(self) -> Mapping[str, Any]:
        """Return the event of the trigger."""
        counts, overflow = {}, 0
        for bit, (field, number) in enumerate(self._settings.inputs.items()):
            found = self._dialect.read(self._link, number)
            if len(found) != self._settings.samples:
                raise SetupError(
                    f"the oscilloscope sends {len(found)} samples, and the buffer has room for"
                    f" {self._settings.samples}: give it data_length: {len(found)}"
                )
            overflow |= bool(np.isin(self._ends, found).any()) << bit
            counts[field] = found
        return self._events.make(counts, overflow)
