"""What every oscilloscope is told: inputs, ranges, time base and trigger, checked in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from mimocorb.devices.allowed import check_choice, check_range, with_unit
from mimocorb.devices.digitizer import OVERFLOW
from mimocorb.errors import SetupError
from mimocorb.model.channels import PER_MV, channels_of

__all__ = ["Coupling", "ScopeSettings", "Trigger", "each_of", "input_fields"]

MOST_DELAY = 1_000_000
"""So many samples may pass between the trigger and the event."""

_SAME_TIME = 1e-3
_SAME_LEVEL = 0.02
"""Of the range: devices set a trigger in steps of some fraction of a division."""
_USUAL_RANGE_MV = 8000.0

Coupling = Literal["DC", "AC"]
Value = TypeVar("Value")
Input = TypeVar("Input", int, str)


@dataclass(frozen=True)
class Trigger:
    """When an event is taken.

    Parameters
    ----------
    field
        The field whose input is looked at.
    level_mv
        Voltage that is crossed.
    slope
        In which direction.
    pre_samples
        Samples of an event before that; below 0: how many pass until the event begins.
    """

    field: str
    level_mv: float
    slope: Literal["rising", "falling"]
    pre_samples: int

    def check(
        self, fields: list[str], samples: int, ranges: Mapping[str, tuple[float, float]]
    ) -> None:
        """Raise a SetupError if it cannot come, or is outside of the event.

        Parameters
        ----------
        fields, samples
            Of an event.
        ranges
            Lowest and highest voltage of each field, in mV.
        """
        check_choice("trigger_channel", self.field, fields)
        check_range("trigger_level_mv", self.level_mv, *ranges[self.field], "mV")
        check_range("pre_trigger_samples", self.pre_samples, -MOST_DELAY, samples - 1, "samples")


def input_fields(buffer: Mapping[str, Any], possible: int, inputs: str = "inputs") -> list[str]:
    """Return the fields of a buffer that get the samples of an input.

    Raises
    ------
    SetupError
        They cannot hold samples, or there are more than the device has inputs.
    """
    dtype: np.dtype[Any] = buffer["dtype"]
    name = buffer["name"]
    fields = [each for each in dtype.names or () if each != OVERFLOW]
    odd = [each for each in fields if dtype[each].kind not in "iuf" or dtype[each].shape]
    if not fields or odd:
        found = f"{odd[0]} is {dtype[odd[0]]}" if odd else f"it has {dtype}"
        raise SetupError(
            f"the buffer {name} needs a field of whole or real numbers for each input that is read,"
            f" such as channels: {{chA: {{dtype: int16, unit: mV, scale: 0.061}}}}; {found}"
        )
    if len(fields) > possible:
        raise SetupError(
            f"the device has {possible} {inputs}; the buffer {name} has the fields"
            f" {', '.join(fields)}"
        )
    known = channels_of(buffer)
    for each in fields:
        unit = known[each].unit if each in known else ""
        if unit and unit not in PER_MV:
            raise SetupError(f"the device measures voltages; {each} of {name} is in {unit}")
        if dtype[each].kind in "iu" and not unit:
            raise SetupError(
                f"{each} of {name} gets counts, and the buffer does not say what they mean: write"
                f" channels: {{{each}: {{dtype: {dtype[each]}, unit: mV, scale: …}}}}"
            )
    return fields


def each_of(
    name: str, given: Value | Mapping[str, Value], fields: list[str], usual: Value
) -> dict[str, Value]:
    """Return a setting for each field: one for all, or some by name.

    Parameters
    ----------
    name
        The key of the configuration.
    given
        One value, or a mapping of fields.
    fields
        All there are.
    usual
        For a field that is not named.
    """
    if not isinstance(given, Mapping):
        return dict.fromkeys(fields, given)
    for field in given:
        check_choice(f"{name}: a name", str(field), fields)
    return {field: given.get(field, usual) for field in fields}


@dataclass(frozen=True)
class ScopeSettings(Generic[Input]):
    """The settings of an oscilloscope, by field where they are those of an input.

    Parameters
    ----------
    inputs
        Which input each field has.
    range_mv
        From the lowest to the highest voltage, in mV.
    offset_mv
        Voltage in the middle, in mV.
    coupling
        Of the input.
    trigger
        When an event is taken.
    trigger_mode
        ``normal`` or ``auto``.
    sample_time_ns, samples
        Of an event.
    """

    inputs: Mapping[str, Input]
    range_mv: Mapping[str, float]
    offset_mv: Mapping[str, float]
    coupling: Mapping[str, Coupling]
    trigger: Trigger
    trigger_mode: str
    sample_time_ns: float
    samples: int

    @classmethod
    def of(
        cls, buffer: Mapping[str, Any], config: Mapping[str, Any], inputs: Sequence[Input]
    ) -> ScopeSettings[Input]:
        """Return the settings of a configuration; ranges and trigger are still to be checked.

        Parameters
        ----------
        buffer
            What gets the events.
        config
            The configuration of the source, with all its keys.
        inputs
            Those that the device has.
        """
        fields = input_fields(buffer, len(inputs))
        usual_mv = config.get("usual_range_mv", _USUAL_RANGE_MV)
        ranges = each_of("range_mv", config["range_mv"], fields, usual_mv)
        offsets = each_of("offset_mv", config.get("offset_mv", 0.0), fields, 0.0)
        samples, sample_time_ns = buffer["values_per_slot"], config["sample_time_ns"]
        check_range("sample_time_ns", sample_time_ns, 0.05, 1e10, "ns")
        trigger = Trigger(
            config["trigger_channel"] or fields[0],
            config["trigger_level_mv"],
            config["trigger_slope"],
            config["pre_trigger_samples"],
        )
        return cls(
            _inputs(config.get("inputs"), fields, inputs),
            ranges,
            offsets,
            each_of("coupling", config.get("coupling", "DC"), fields, "DC"),
            trigger,
            config["trigger_mode"],
            sample_time_ns,
            samples,
        )

    def check_trigger(self) -> None:
        """Raise a SetupError if the trigger cannot come; the ranges have been checked before."""
        limits = {
            field: (middle - self.range_mv[field] / 2, middle + self.range_mv[field] / 2)
            for field, middle in self.offset_mv.items()
        }
        self.trigger.check(list(self.inputs), self.samples, limits)

    def check_sample_time(self, told_ns: float) -> None:
        """Raise a SetupError if the device samples with another time than was asked for."""
        if abs(told_ns - self.sample_time_ns) > _SAME_TIME * self.sample_time_ns:
            raise SetupError(
                f"sample_time_ns: {with_unit(self.sample_time_ns, 'ns')} is not possible with"
                f" {self.samples} samples; the nearest is {with_unit(told_ns, 'ns')}"
            )

    def check_told(self, name: str, asked: str, told: str) -> None:
        """Raise a SetupError if the device has something else than was asked for.

        Parameters
        ----------
        name
            The key of the configuration.
        asked, told
            Words, such as ``DC``.
        """
        if asked.upper() != told.strip().upper():
            raise SetupError(
                f"{name}: {asked} was asked for, and the device has {told.strip() or 'none'}: it"
                " does not have what was asked for, or somebody turns its knobs"
            )

    def check_level(self, told_mv: float) -> None:
        """Raise a SetupError if the device triggers at another voltage than was asked for."""
        asked_mv, range_mv = self.trigger.level_mv, self.range_mv[self.trigger.field]
        if abs(told_mv - asked_mv) > _SAME_LEVEL * range_mv:
            raise SetupError(
                f"trigger_level_mv: {with_unit(asked_mv, 'mV')} is not possible with these"
                f" settings; the nearest is {with_unit(told_mv, 'mV')}"
            )

    def check_pre_samples(self, told: float) -> None:
        """Raise a SetupError if the trigger lies elsewhere in an event than was asked for."""
        asked = self.trigger.pre_samples
        if abs(told - asked) > 1 + _SAME_TIME * self.samples:
            raise SetupError(
                f"pre_trigger_samples: {asked} samples are not possible with these settings; the"
                f" nearest is {round(told)} samples"
            )


def _inputs(
    given: Mapping[str, Input] | None, fields: list[str], possible: Sequence[Input]
) -> dict[str, Input]:
    """Return the input of each field; SetupError if two fields share one."""
    named: Mapping[str, Input] = given or {}
    for field, number in named.items():
        check_choice("inputs: a name", field, fields)
        check_choice("inputs", number, list(possible))
    found = {each: named.get(each, possible[place]) for place, each in enumerate(fields)}
    if len(set(found.values())) < len(found):
        said = ", ".join(f"{each}: {number}" for each, number in found.items())
        raise SetupError(f"inputs: each field has an input of its own; found {said}")
    return found
