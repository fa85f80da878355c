"""Simulated generators that speak SCPI as those of Rigol, Keysight and Siglent do."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Mapping
from typing import Any, Literal

from mimocorb.testing.fakes.tcp_server import InstrumentAtPort, simulated_until_ended

__all__ = ["ScpiGenerator"]

_IDN = {
    "rigol": "RIGOL TECHNOLOGIES,DG1022Z,DG1ZA000000000,03.01.12",
    "keysight": "KEYSIGHT TECHNOLOGIES,33512B,MY00000000,3.04",
    "siglent": "Siglent Technologies,SDG1032X,SDG1XCAD000000,1.01.01.33R1",
}
_DRIFT_V = 1e-7


class ScpiGenerator(InstrumentAtPort):
    """A generator at a port of this computer.

    Its amplitude drifts by 0.1 µV from one reading to the next, so that readings can be told apart.

    Parameters
    ----------
    dialect
        Whose words it understands.
    most_hz
        Its highest frequency; higher ones are not taken, as by the real ones.
    """

    def __init__(
        self, dialect: Literal["rigol", "keysight", "siglent"], most_hz: float = 30e6
    ) -> None:
        super().__init__()
        self._dialect, self._most_hz = dialect, most_hz
        self._values: dict[str, str] = {}
        self._rest = b""
        self._readings = 0
        self.is_on = False

    def plug_in(self) -> None:
        super().plug_in()
        self.config = {"address": f"TCPIP::127.0.0.1::{self.port}::SOCKET"}

    def settings(self) -> Mapping[str, Any]:
        """Return what it was told, by the words of its dialect."""
        return dict(self._values)

    def begin(self) -> None:
        self._rest = b""  # settings stay, as nobody has switched it off

    def answer(self, connection: socket.socket, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            found = self._do(line.decode().strip())
            if found is not None:
                connection.sendall(f"{found}\n".encode())

    def _do(self, command: str) -> str | None:
        name, _, value = command.partition(" ")
        if command == "*IDN?":
            return _IDN[self._dialect]
        if name.endswith("?"):
            return self._ask_siglent(name[:-1]) if self._dialect == "siglent" else self._ask(name)
        if name in ("OUTP1", "C1:OUTP") and value in ("ON", "OFF"):
            self.is_on = value == "ON"
        elif name == "C1:BSWV":
            words = value.split(",")
            for word, each in zip(words[::2], words[1::2], strict=True):
                self._values[word] = each
            self._values["FRQ"] = self._possible_hz(self._values["FRQ"])
        else:
            self._values[name] = self._possible_hz(value) if name.endswith("FREQ") else value
        return None

    def _possible_hz(self, asked: str) -> str:
        return f"{min(float(asked), self._most_hz):.9g}"

    def _drifted(self, amplitude_v: float, offset_v: float, frequency_hz: float) -> str:
        """Return the amplitude of the next reading as text; the reading is complete with it."""
        self._readings += 1
        text = f"{amplitude_v + self._readings * _DRIFT_V:.9E}"
        self.note(
            {
                "frequency_hz": frequency_hz,
                "amplitude_mv": 1e3 * float(text),
                "offset_mv": 1e3 * offset_v,
            }
        )
        return text

    def _ask(self, question: str) -> str:
        if question == "OUTP1?":
            return str(int(self.is_on))
        value = float(self._values[question[:-1]])
        if question == "SOUR1:VOLT?":
            others = (float(self._values[f"SOUR1:{name}"]) for name in ("VOLT:OFFS", "FREQ"))
            return self._drifted(value, *others)
        return f"{value:+.9E}"

    def _ask_siglent(self, name: str) -> str:
        if name == "C1:OUTP":
            return f"C1:OUTP {'ON' if self.is_on else 'OFF'},LOAD,HZ,PLRT,NOR"
        values = self._values
        amplitude = self._drifted(*(float(values[each]) for each in ("AMP", "OFST", "FRQ")))
        return (
            f"C1:BSWV WVTP,{values['WVTP']},FRQ,{values['FRQ']}HZ,PERI,0.001S,AMP,{amplitude}V,"
            f"OFST,{values['OFST']}V,PHSE,0"
        )


def main() -> None:
    """Simulate a generator until the program is ended."""
    parser = argparse.ArgumentParser(description="Simulate a generator at a port.")
    parser.add_argument("dialect", choices=sorted(_IDN))
    parser.add_argument("--port", type=int, default=5556)
    chosen = parser.parse_args()
    simulated_until_ended(ScpiGenerator(chosen.dialect), chosen.port)


if __name__ == "__main__":
    main()
