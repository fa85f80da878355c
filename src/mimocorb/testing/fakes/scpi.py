"""Simulated oscilloscopes that speak SCPI as those of Rigol, Siglent and Keysight do."""

from __future__ import annotations

import argparse
import re
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb.testing.fakes.tcp_server import InstrumentAtPort, simulated_until_ended
from mimocorb.testing.fakes.waveforms import pulses

__all__ = ["ScpiScope"]

_IDN = {
    "rigol": "RIGOL TECHNOLOGIES,DS1104Z,DS1ZA000000000,00.04.05.SP2",
    "siglent": "SIGLENT,SDS1104X-E,SDSMMEBD4R1234,8.2.6.1.37R9",
    "keysight": "KEYSIGHT TECHNOLOGIES,DSOX1204G,CN00000000,02.12",
}
_DIVISIONS, _COUNTS_OF_A_DIVISION = 8, 25
_KEYSIGHT_STEPS = 65536


class ScpiScope(InstrumentAtPort):
    """An oscilloscope at a port of this computer.

    Parameters
    ----------
    dialect
        Whose words it understands.
    events
        The voltages at its inputs for each trigger, in mV, of shape (inputs, samples).
    fields
        How the inputs are called in the events that were sent, in their order.
    period_s
        Time from one trigger to the next.
    knobs
        What it answers for some settings, whatever it is told: somebody has turned these knobs.
    """

    def __init__(
        self,
        dialect: Literal["rigol", "siglent", "keysight"],
        events: Iterator[NDArray[np.float64]],
        fields: tuple[str, ...] = ("chA", "chB"),
        period_s: float = 0.003,
        knobs: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._knobs = dict(knobs or {})
        self._dialect, self._events, self._fields = dialect, events, fields
        self._period_s = period_s
        self._values: dict[str, str] = {}
        self._rest = b""
        self._ready_s: float | None = None
        self._voltages: NDArray[np.float64] | None = None
        self._counts: dict[str, NDArray[Any]] = {}

    def plug_in(self) -> None:
        super().plug_in()
        self.config = {"address": f"TCPIP::127.0.0.1::{self.port}::SOCKET"}

    def settings(self) -> Mapping[str, Any]:
        """Return what it was told, by the words of its dialect."""
        return dict(self._values)

    def begin(self) -> None:
        self._rest, self._values = b"", {}
        self._ready_s = self._voltages = None

    def answer(self, connection: socket.socket, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            for command in filter(None, line.decode().strip().split(";")):
                found = self._do(command.strip())
                if found is not None:
                    connection.sendall(found)

    def _do(self, command: str) -> bytes | None:
        """Obey a command, or answer a question."""
        if not command.split(maxsplit=1)[0].endswith("?"):
            name, _, value = command.partition(" ")
            self._values[name] = value
            if command in (":SING", "ARM"):
                self._ready_s = time.monotonic() + self._period_s
                self._voltages = None
            if command in (":TFOR", "FRTR", ":TRIG:FORC") and self._voltages is None:
                self._voltages, self._counts = next(self._events), {}
            return None
        if command == "*IDN?":
            return f"{_IDN[self._dialect]}\n".encode()
        told = self._knobs.get(command[:-1], self._values.get(command[:-1]))
        if told is not None:
            return f"{told}\n".encode()
        answer = getattr(self, f"_ask_{self._dialect}")(command)
        return answer if isinstance(answer, bytes) else f"{answer}\n".encode()

    def _has_stopped(self) -> bool:
        """Whether a trigger has come."""
        if self._voltages is None and self._ready_s is not None and not self.silent.is_set():
            if time.monotonic() < self._ready_s:
                return False
            self._voltages = next(self._events)
            self._counts = {}
        return self._voltages is not None

    def _block(self, number: int, counts: NDArray[Any]) -> bytes:
        """Return the counts of an input as a block; the event is complete with the last input."""
        self._counts[self._fields[number - 1]] = counts
        if len(self._counts) == len(self._fields):
            self.note(dict(self._counts))
        data = counts.tobytes()
        return b"#9%09d" % len(data) + data + b"\n"

    def _number(self, name: str) -> float:
        return float(re.sub(r"[VS]$", "", self._values[name]))

    def _digitized(self, number: int, step_v: float, zero: float, kind: str) -> NDArray[Any]:
        assert self._voltages is not None
        limits = np.iinfo(kind)
        counts = np.round(self._voltages[number - 1] / 1e3 / step_v + zero)
        digitized: NDArray[Any] = np.clip(counts, limits.min, limits.max).astype(kind)
        return digitized

    # --- as Rigol does

    def _ask_rigol(self, question: str) -> str | bytes:
        if question == ":TRIG:STAT?":
            return "STOP" if self._has_stopped() else "WAIT"
        number = int(self._values[":WAV:SOUR"][-1])
        step_v = self._number(f":CHAN{number}:SCAL") / _COUNTS_OF_A_DIVISION
        origin = self._number(f":CHAN{number}:OFFS") / step_v
        if question == ":WAV:PRE?":
            sample_s = self._number(":TIM:MAIN:SCAL") / 100
            count = self._values[":WAV:STOP"]
            return f"0,0,{count},1,{sample_s:e},0,0,{step_v:e},{origin:g},127"
        return self._block(number, self._digitized(number, step_v, origin + 127, "u1"))

    # --- as Siglent does

    def _ask_siglent(self, question: str) -> str | bytes:
        if question == "SAST?":
            return "Stop" if self._has_stopped() else "Ready"
        samples = int(self._values["WFSU"].split(",")[3])
        if question == "SARA?":
            return f"{samples / 14 / self._number('TDIV') / 1e6:.6g}MSa/s"
        number = int(question[1])
        step_v = self._number(f"C{number}:VDIV") / _COUNTS_OF_A_DIVISION
        shift_v = self._number(f"C{number}:OFST")
        counts = self._digitized(number, step_v, shift_v / step_v, "i1")
        return f"C{number}:WF DAT2,".encode() + self._block(number, counts) + b"\n"

    # --- as Keysight does

    def _ask_keysight(self, question: str) -> str | bytes:
        if question == ":OPER:COND?":
            return "32" if self._has_stopped() else "40"
        number = int(self._values[":WAV:SOUR"][-1])
        step_v = self._number(f":CHAN{number}:RANG") / _KEYSIGHT_STEPS
        middle_v = self._number(f":CHAN{number}:OFFS")
        reference = _KEYSIGHT_STEPS // 2
        if question == ":WAV:PRE?":
            samples = int(self._values[":WAV:POIN"])
            sample_s = self._number(":TIM:RANG") / samples
            return (
                f"+1,+0,+{samples},+1,{sample_s:+E},-1.0E-6,+0,{step_v:+.8E},{middle_v:+E},"
                f"+{reference}"
            )
        counts = self._digitized(number, step_v, reference - middle_v / step_v, "<u2")
        little = self._values[":WAV:BYT"] == "LSBF"
        return self._block(number, counts if little else counts.byteswap())


def main() -> None:
    """Simulate an oscilloscope until the program is ended."""
    parser = argparse.ArgumentParser(description="Simulate an oscilloscope at a port.")
    parser.add_argument("dialect", choices=list(_IDN))
    parser.add_argument("--port", type=int, default=5555)
    parser.add_argument("--samples", type=int, default=1000, help="samples of an event")
    chosen = parser.parse_args()
    events = pulses(2, chosen.samples, chosen.samples // 5)
    simulated_until_ended(ScpiScope(chosen.dialect, events), chosen.port)


if __name__ == "__main__":
    main()
