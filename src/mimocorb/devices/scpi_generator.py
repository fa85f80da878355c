"""Generators that speak SCPI: Rigol, Keysight and Agilent, Siglent.

What it is: a source of test pulses, or the supply of an experiment with a voltage that is varied.
The output is set and switched on at the beginning of the run, and switched off at its end. From
time to time it is read back, which makes an event: so the data tell what the generator did while
they were taken. ``mimocorb scan --set generator.amplitude_mv=100,200,400`` takes a run for each of
several settings.

How to connect it: as an oscilloscope, see ``devices.scpi_oscilloscope``. Addresses are
``TCPIP::192.168.1.6::5555::SOCKET`` (Rigol) or port 5025 (Siglent, Keysight), or what
``mimocorb devices`` shows for USB.

Settings, each with unit and range, are its parameters. All are read back; what the generator cannot
do is refused with the value that it has taken instead.

Fields of an event, of which the buffer may have any:

============= ===== ================================================
field         unit  meaning
============= ===== ================================================
frequency_hz  Hz    as the generator says
amplitude_mv  mV    from the lowest to the highest voltage
offset_mv     mV    in the middle between these
is_on         –     1: the output is on
============= ===== ================================================

Dead time: none of the detectors; a reading takes some ms of the generator. All sources of a run
begin at the same time: the output is on some 50 ms after the first events of the others. A
generator whose cable is pulled out stays as it is, and so does one whose run is killed (SIGKILL).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from mimocorb.components.form import source
from mimocorb.components.meter import reading_out
from mimocorb.devices.about import device
from mimocorb.devices.allowed import check_range, with_unit
from mimocorb.devices.connection import POLL_S, Period, check_times, keep_connected
from mimocorb.devices.scpi_link import ScpiLink, check_visa_address, number_in, open_scpi
from mimocorb.errors import SetupError

__all__ = ["FIELDS", "scpi_generator"]

FIELDS = ("frequency_hz", "amplitude_mv", "offset_mv", "is_on")
"""What an event may have."""

_MOST_MV = 10_000.0
_SAME = 1e-3
_SIGLENT_WORDS = {"FRQ": "frequency_hz", "AMP": "amplitude_mv", "OFST": "offset_mv"}

Reading = dict[str, float]


@dataclass(frozen=True)
class _Wanted:
    """What the output is set to."""

    output: int
    shape: str
    frequency_hz: float
    amplitude_mv: float
    offset_mv: float
    width_ns: float | None
    load: str

    def check(self) -> None:
        """Raise a SetupError for what no generator can do."""
        check_range("output", self.output, 1, 4)
        check_range("frequency_hz", self.frequency_hz, 1e-6, 1e9, "Hz")
        check_range("amplitude_mv", self.amplitude_mv, 1.0, 2 * _MOST_MV, "mV")
        room_mv = _MOST_MV - self.amplitude_mv / 2
        check_range("offset_mv", self.offset_mv, -room_mv, room_mv, "mV")
        if self.width_ns is None:
            return
        if self.shape != "pulse":
            raise SetupError(f"width_ns: only a pulse has a width; the shape is {self.shape}")
        check_range("width_ns", self.width_ns, 1.0, 1e9 / self.frequency_hz, "ns")

    def compare(self, told: Reading) -> None:
        """Raise a SetupError if the generator has something else."""
        allowed_mv = _SAME * self.amplitude_mv + 1.0
        for name, unit, allowed in (
            ("frequency_hz", "Hz", _SAME * self.frequency_hz),
            ("amplitude_mv", "mV", allowed_mv),
            ("offset_mv", "mV", allowed_mv),
        ):
            asked = getattr(self, name)
            if abs(told[name] - asked) > allowed:
                raise SetupError(
                    f"{name}: {with_unit(asked, unit)} is not possible with these settings; the"
                    f" nearest is {with_unit(told[name], unit)}"
                )


class _Tree:
    """The words of Rigol, Keysight and Agilent."""

    shapes: Mapping[str, str] = {"sine": "SIN", "square": "SQU", "ramp": "RAMP", "pulse": "PULS"}
    loads: Mapping[str, str] = {"50": "50", "high": "INF"}

    def __init__(self, link: ScpiLink, output: int) -> None:
        self._link, self._output = link, output

    def set(self, wanted: _Wanted) -> None:
        """Set everything, and leave the output off."""
        this = f"SOUR{self._output}:"
        commands = [
            f"OUTP{self._output}:LOAD {self.loads[wanted.load]}",
            f"{this}FUNC {self.shapes[wanted.shape]}",
            f"{this}FREQ {wanted.frequency_hz:.9g}",
            f"{this}VOLT:UNIT VPP",
            f"{this}VOLT {wanted.amplitude_mv / 1e3:.6g}",
            f"{this}VOLT:OFFS {wanted.offset_mv / 1e3:.6g}",
        ]
        if wanted.width_ns is not None:
            commands.append(f"{this}FUNC:PULS:WIDT {wanted.width_ns / 1e9:.6g}")
        for command in commands:
            self._link.write(command)

    def switch(self, state: Literal["ON", "OFF"]) -> None:
        """Switch the output."""
        self._link.write(f"OUTP{self._output} {state}")

    def read(self) -> Reading:
        """Return what the generator says of itself."""
        ask, this = self._link.ask, f"SOUR{self._output}:"
        return {
            "frequency_hz": number_in(ask(f"{this}FREQ?")),
            "amplitude_mv": 1e3 * number_in(ask(f"{this}VOLT?")),
            "offset_mv": 1e3 * number_in(ask(f"{this}VOLT:OFFS?")),
            "is_on": float(ask(f"OUTP{self._output}?").upper() in ("1", "ON")),
        }


class _Siglent(_Tree):
    """The words of Siglent: a list of names and values."""

    shapes: Mapping[str, str] = {
        "sine": "SINE", "square": "SQUARE", "ramp": "RAMP", "pulse": "PULSE",
    }  # fmt: skip
    loads: Mapping[str, str] = {"50": "50", "high": "HZ"}

    def set(self, wanted: _Wanted) -> None:
        """Set everything, and leave the output off."""
        width = "" if wanted.width_ns is None else f",WIDTH,{wanted.width_ns / 1e9:.6g}"
        self._link.write(f"C{self._output}:OUTP LOAD,{self.loads[wanted.load]}")
        self._link.write(
            f"C{self._output}:BSWV WVTP,{self.shapes[wanted.shape]},FRQ,{wanted.frequency_hz:.9g},"
            f"AMP,{wanted.amplitude_mv / 1e3:.6g},OFST,{wanted.offset_mv / 1e3:.6g}{width}"
        )

    def switch(self, state: Literal["ON", "OFF"]) -> None:
        """Switch the output."""
        self._link.write(f"C{self._output}:OUTP {state}")

    def read(self) -> Reading:
        """Return what the generator says of itself."""
        wave = self._link.ask(f"C{self._output}:BSWV?").split()[-1].split(",")
        told = dict(zip(wave[::2], wave[1::2], strict=False))
        reading = {"frequency_hz": 0.0, "amplitude_mv": 0.0, "offset_mv": 0.0}
        for word, name in _SIGLENT_WORDS.items():
            if word in told:
                reading[name] = number_in(told[word]) * (1e3 if name.endswith("_mv") else 1.0)
        state = self._link.ask(f"C{self._output}:OUTP?").split()[-1].split(",")
        return {**reading, "is_on": float("ON" in state)}


_DIALECTS: Mapping[str, type[_Tree]] = {"tree": _Tree, "siglent": _Siglent}


def _check(buffer: Mapping[str, Any], **config: Any) -> None:
    check_visa_address(config["address"])
    check_times(None, config["give_up_s"])
    check_range("period_s", config["period_s"], POLL_S, 3600.0, "s")
    _wanted(config).check()
    names = buffer["dtype"].names or ("value",)
    unknown = [name for name in names if name not in FIELDS]
    if unknown or buffer["values_per_slot"] != 1:
        raise SetupError(
            f"an event of a generator has one value of each of {', '.join(FIELDS)}, of which the"
            f" buffer may have any; {buffer['name']} has {buffer['values_per_slot']} x"
            f" {', '.join(unknown or names)}"
        )


def _wanted(config: Mapping[str, Any]) -> _Wanted:
    return _Wanted(**{name: config[name] for name in _Wanted.__dataclass_fields__})


@device(extra="visa", found_as="visa", check=_check)
@source
def scpi_generator(
    *,
    address: str,
    buffer: Mapping[str, Any],
    dialect: Literal["auto", "tree", "siglent"] = "auto",
    output: int = 1,
    shape: Literal["sine", "square", "ramp", "pulse"] = "sine",
    frequency_hz: float = 1000.0,
    amplitude_mv: float = 1000.0,
    offset_mv: float = 0.0,
    width_ns: float | None = None,
    load: Literal["50", "high"] = "high",
    period_s: float = 1.0,
    give_up_s: float | None = None,
) -> Iterator[dict[str, float]]:
    """Set a generator of Rigol, Keysight or Siglent, and read back now and then what it does.

    The output is switched on at the beginning and off at the end. An event has one value of each
    field that the buffer has: frequency_hz, amplitude_mv, offset_mv, is_on.

    Parameters
    ----------
    address
        ``TCPIP::HOST::PORT::SOCKET``, or as VISA calls it: ``USB0::…::INSTR``.
    buffer
        Given by mimocorb.
    dialect
        Which words to use: ``tree`` for Rigol, Keysight and Agilent; ``auto`` asks the instrument.
    output
        Number of the output, 1 to 4.
    shape
        What is put out.
    frequency_hz
        How often it is repeated, in Hz, from 1e-6 on, as far as the generator can.
    amplitude_mv
        From the lowest to the highest voltage, in mV, 1 to 20000.
    offset_mv
        Voltage in the middle between these, in mV; nothing is beyond ±10000.
    width_ns
        Width of a pulse, in ns, 1 to a whole period. Default: as the generator has it.
    load
        What is at the output, for which the voltages are meant: ``50`` Ω, or ``high``.
    period_s
        Time between two readings, in s, 0.1 to 3600.
    give_up_s
        The run fails if a lost generator does not come back within this time, in s, from 0.1 on.
        Default: it is waited for.

    Raises
    ------
    DeviceLost
        It is not there, or did not come back.
    SetupError
        It cannot be set to what is asked for.
    """
    wanted = _Wanted(
        output, shape, frequency_hz, amplitude_mv, offset_mv, width_ns, load
    )  # fmt: skip

    @contextmanager
    def opened() -> Iterator[_Output]:
        with open_scpi(address) as link:
            is_siglent = dialect == "siglent" or (
                dialect == "auto" and link.ask("*IDN?").upper().startswith("SIGLENT")
            )
            words = _DIALECTS["siglent" if is_siglent else "tree"](link, output)
            words.set(wanted)
            wanted.compare(words.read())
            words.switch("ON")
            try:
                yield _Output(words, period_s)
            finally:
                with suppress(OSError):  # it may be away
                    words.switch("OFF")

    for reading in keep_connected(
        opened, _Output.read, name=f"generator at {address}", give_up_s=give_up_s
    ):
        yield {name: reading[name] for name in buffer["dtype"].names}


class _Output:
    """An output that is on."""

    def __init__(self, words: _Tree, period_s: float) -> None:
        self._words, self._period = words, Period(period_s)

    def read(self) -> Sequence[Reading]:
        """Return what the generator says of itself, if it is time for that."""
        if not self._period.is_over():
            return ()
        with reading_out():
            return (self._words.read(),)
