"""Oscilloscopes that speak SCPI: Rigol, Siglent, Keysight and Agilent.

What it is: one source for the bench oscilloscopes that are told what to do in text, over the
network or USB, and that send a waveform as a block of bytes. The makers call the same things by
different names; the answer to ``*IDN?`` tells which ones are spoken.

How to connect it: by a network cable. The instrument shows its address (menu Utility, I/O or LAN);
the port is 5555 (Rigol) or 5025 (Siglent, Keysight): ``TCPIP::192.168.1.5::5555::SOCKET``. Over USB
the address is the one that ``mimocorb devices`` shows, ``USB0::…::INSTR``; it needs
``pip install 'mimocorb[visa]'`` and a udev rule that lets your user use the device.

Settings, each with unit and range, are its parameters. Each is set,
read back, and compared with what was asked for; a scale that is not that of the buffer is refused.

Dead time: an oscilloscope takes no events while it is read, 5 to 50 ms for each input over the
network. It is meant to be read now and then: ten to a hundred events per second. The time from the
trigger until it waits again is told as dead time.
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
from mimocorb.devices.allowed import check_range
from mimocorb.devices.connection import POLL_S, check_times, keep_connected
from mimocorb.devices.digitizer import Events
from mimocorb.devices.scope_settings import ScopeSettings
from mimocorb.devices.scpi_dialects import DIALECTS, Dialect, dialect_of
from mimocorb.devices.scpi_link import ScpiLink, check_visa_address, open_scpi
from mimocorb.errors import SetupError

__all__ = ["scpi_oscilloscope"]

INPUTS = (1, 2, 3, 4)
_LOOK_S = 0.001


def _settings(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> ScopeSettings[int]:
    """Return the settings of a configuration; SetupError if they are not possible."""
    check_visa_address(config["address"])
    check_times(config["timeout_s"], config["give_up_s"])
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


def _check(buffer: Mapping[str, Any], **config: Any) -> None:
    _settings(buffer, config)


@device(extra="visa", found_as="visa", check=_check)
@source
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
    pre_trigger_samples: int = 0,
    trigger_channel: str = "",
    trigger_level_mv: float = 0.0,
    trigger_slope: Literal["rising", "falling"] = "rising",
    trigger_mode: Literal["normal", "auto"] = "normal",
    timeout_s: float | None = None,
    give_up_s: float | None = None,
) -> Iterator[Any]:
    """Read an oscilloscope of Rigol, Siglent or Keysight, one event for each trigger.

    An event has a field for each input, with ``data_length`` samples. Whole numbers get the counts
    of the instrument, real numbers the voltage; a field ``overflow`` has a bit for each input that
    was at the end of its range.

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
    pre_trigger_samples
        Samples of an event before the trigger, up to the length of the event; below 0: an event
        begins so many samples behind the trigger.
    trigger_channel
        The field whose input triggers. Default: the first one.
    trigger_level_mv
        Voltage at which it triggers, in mV, within the range of the input.
    trigger_slope
        Whether the voltage rises or falls through the level.
    trigger_mode
        ``auto`` takes events without a trigger as well, if there is none for some time.
    timeout_s
        The oscilloscope counts as lost if no event comes for so long, in s, from 0.1 on. Default:
        it may wait for a trigger for ever.
    give_up_s
        The run fails if a lost oscilloscope does not come back within this time, in s, from 0.1 on.
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
        "dialect": dialect,
        "inputs": inputs,
        "range_mv": range_mv,
        "offset_mv": offset_mv,
        "coupling": coupling,
        "sample_time_ns": sample_time_ns,
        "pre_trigger_samples": pre_trigger_samples,
        "trigger_channel": trigger_channel,
        "trigger_level_mv": trigger_level_mv,
        "trigger_slope": trigger_slope,
        "trigger_mode": trigger_mode,
        "timeout_s": timeout_s,
        "give_up_s": give_up_s,
    }
    settings = _settings(buffer, config)

    @contextmanager
    def opened() -> Iterator[_Oscilloscope]:
        with open_scpi(address) as link:
            words = DIALECTS.get(dialect) or dialect_of(link.ask("*IDN?"))
            scope = _Oscilloscope(link, words, Events(buffer, list(settings.inputs)), settings)
            scope.set_up()
            yield scope

    name = f"oscilloscope at {address}"
    yield from keep_connected(
        opened, _Oscilloscope.read, name=name, timeout_s=timeout_s, give_up_s=give_up_s
    )


class _Oscilloscope:
    """An oscilloscope that is connected."""

    def __init__(
        self, link: ScpiLink, dialect: Dialect, events: Events, settings: ScopeSettings[int]
    ) -> None:
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
        trigger = asked.trigger
        words.set_time(link, asked.sample_time_ns / 1e9, asked.samples, trigger.pre_samples)
        level_v, number = trigger.level_mv / 1e3, asked.inputs[trigger.field]
        words.set_trigger(link, number, level_v, trigger.slope, asked.trigger_mode)
        for field, number in asked.inputs.items():
            scale, sample_s = words.read_scale(link, number)
            self._events.set_scale(field, scale, words.counts)
            asked.check_sample_time(sample_s * 1e9)
        link.write(words.arm)

    def read(self) -> Sequence[Any]:
        """Return the event of the trigger that has come, if one has."""
        deadline_s = time.monotonic() + POLL_S
        while not self._dialect.has_stopped(self._link):
            if time.monotonic() > deadline_s:
                return ()
            time.sleep(_LOOK_S)
        with reading_out():
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
            event = self._events.make(counts, overflow)
            self._link.write(self._dialect.arm)
        return (event,)
