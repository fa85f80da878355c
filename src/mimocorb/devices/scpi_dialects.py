"""What oscilloscopes of three makers call the same things, and how each sends a waveform.

All answer in volts and seconds here; a count of a sample is what the instrument sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb.devices.allowed import check_choice, check_range
from mimocorb.devices.digitizer import CountScale
from mimocorb.devices.scope_settings import Coupling
from mimocorb.devices.scpi_link import ScpiLink, number_in
from mimocorb.errors import SetupError

__all__ = ["DIALECTS", "Dialect", "dialect_of"]

_STEPS_V = tuple(
    round(step * 10.0**power, 12) for power in range(-3, 2) for step in (1, 2, 5) if (step, power)
    not in {(2, 1), (5, 1)}
)  # fmt: skip
"""Volts per division of a knob in steps of 1, 2 and 5: 1 mV to 10 V."""
_SLOPES = {"rising": "POS", "falling": "NEG"}
_SOURCE = re.compile(r"\bC(?:HAN\w*?)?(\d)\b", re.I)


class Questions(NamedTuple):
    """How an oscilloscope is asked for what it was told."""

    coupling: str
    source: str
    slope: str
    level: str
    delay: str


class ToldTrigger(NamedTuple):
    """What an oscilloscope says that it waits for."""

    number: str
    slope: str
    level_v: float


@dataclass(frozen=True)
class Dialect:
    """How the oscilloscopes of a maker are spoken to.

    Parameters
    ----------
    makers
        What the answer to ``*IDN?`` begins with.
    divisions
        Vertical ones on the screen, which are the whole range.
    times
        Horizontal ones.
    points
        Samples of a whole screen, of which an event is the beginning; 0: an event is the screen.
    counts
        NumPy type of a sample.
    """

    makers: tuple[str, ...]
    divisions: int
    times: int
    points: int
    counts: np.dtype[Any]
    begin: str
    channel: str
    time: str
    trigger: str
    arm: str
    force: str
    questions: Questions
    state: str
    stopped: tuple[str, ...]
    block: str

    def check_range(self, range_mv: float) -> None:
        """Raise a SetupError for a range that the oscilloscopes do not have."""
        check_choice("range_mv", range_mv, [1e3 * self.divisions * step for step in _STEPS_V], "mV")

    def set_channel(
        self, link: ScpiLink, number: int, range_v: float, offset_v: float, coupling: Coupling
    ) -> None:
        """Switch an input on; `offset_v` is the voltage in the middle of its range."""
        link.write(
            self.channel.format(
                n=number, step=range_v / self.divisions, range=range_v, offset=offset_v,
                shift=-offset_v, coupling=coupling,
            )
        )  # fmt: skip

    def check_time(self, sample_time_ns: float, samples: int) -> None:
        """Raise a SetupError for what the knob of the time base does not have."""
        if self.points:
            check_range("data_length", samples, 1, self.points, "samples")
            steps_ns = [1e9 * step * 1e-6 for step in _STEPS_V]  # 1 ns to 10 µs …
            steps_ns = [*steps_ns, *(1e4 * step for step in steps_ns)]  # … and to 100 ms
            times_ns = sorted({round(each * self.times / self.points, 6) for each in steps_ns})
            check_choice("sample_time_ns", sample_time_ns, times_ns, "ns")

    def set_time(self, link: ScpiLink, sample_s: float, samples: int, before: int) -> None:
        """Set how long an event is, and how many samples of it lie before the trigger."""
        length_s = sample_s * (self.points or samples)
        link.write(
            self.time.format(
                step=length_s / self.times, length=length_s, samples=samples,
                middle=length_s / 2 - before * sample_s,
            )
        )  # fmt: skip

    def set_trigger(self, link: ScpiLink, number: int, level_v: float, slope: str) -> None:
        """Set what is waited for."""
        link.write(self.trigger.format(n=number, level=level_v, slope=_SLOPES[slope]))

    def read_coupling(self, link: ScpiLink, number: int) -> str:
        """Return the coupling that an input has, as ``DC``; another word if it has another one."""
        told = link.ask(self.questions.coupling.format(n=number)).split()[-1].upper()
        return {"D": "DC", "A": "AC"}.get(told[:1], told)

    def read_trigger(self, link: ScpiLink, number: int) -> ToldTrigger:
        """Return what is waited for; `number` is the input that was asked for."""
        source = _SOURCE.search(link.ask(self.questions.source))
        slope = link.ask(self.questions.slope.format(n=number)).split()[-1].upper()
        words = {short: word for word, short in _SLOPES.items()}
        level_v = number_in(link.ask(self.questions.level.format(n=number)))
        return ToldTrigger(source[1] if source else "", words.get(slope[:3], slope), level_v)

    def read_pre_samples(self, link: ScpiLink, sample_s: float, samples: int) -> float:
        """Return how many samples of an event lie before the trigger."""
        middle_s = number_in(link.ask(self.questions.delay))
        return (self.points or samples) / 2 - middle_s / sample_s

    def read_scale(self, link: ScpiLink, number: int) -> tuple[CountScale, float]:
        """Return what a count of an input is, and the time between two samples in s."""
        raise NotImplementedError

    def read(self, link: ScpiLink, number: int) -> NDArray[Any]:
        """Return the counts of an input."""
        return np.frombuffer(link.ask_block(self.block.format(n=number)), self.counts)

    def has_stopped(self, link: ScpiLink) -> bool:
        """Whether the waveform of a trigger can be read."""
        return link.ask(self.state).split()[-1].upper() in self.stopped


class _Rigol(Dialect):
    def read_scale(self, link: ScpiLink, number: int) -> tuple[CountScale, float]:
        """Count c is ``(c - yorigin - yreference) * yincrement``."""
        answer = link.ask(f":WAV:SOUR CHAN{number};:WAV:PRE?").split(",")
        x_step, (y_step, y_origin, y_reference) = float(answer[4]), map(float, answer[7:10])
        return CountScale(1e3 * y_step, -1e3 * y_step * (y_origin + y_reference)), x_step


class _Keysight(Dialect):
    def check_range(self, range_mv: float) -> None:
        """Any range is possible between the least and the greatest."""
        check_range("range_mv", range_mv, 8.0, 80_000.0, "mV")

    def read_scale(self, link: ScpiLink, number: int) -> tuple[CountScale, float]:
        """Count c is ``(c - yreference) * yincrement + yorigin``."""
        answer = link.ask(f":WAV:SOUR CHAN{number};:WAV:PRE?").split(",")
        x_step, (y_step, y_origin, y_reference) = float(answer[4]), map(float, answer[7:10])
        return CountScale(1e3 * y_step, 1e3 * (y_origin - y_step * y_reference)), x_step

    def has_stopped(self, link: ScpiLink) -> bool:
        """Bit 3 of the condition of operation: it runs."""
        return not int(float(link.ask(self.state))) & 8


class _Siglent(Dialect):
    def read_scale(self, link: ScpiLink, number: int) -> tuple[CountScale, float]:
        """Count c is ``c * vdiv / 25 - offset``; 25 counts are a division."""
        step = number_in(link.ask(f"C{number}:VDIV?"))
        offset = number_in(link.ask(f"C{number}:OFST?"))
        rate = number_in(link.ask("SARA?"))
        return CountScale(1e3 * step / 25, -1e3 * offset), 1.0 / rate


DIALECTS: Mapping[str, Dialect] = {
    "rigol": _Rigol(
        makers=("RIGOL",),
        divisions=8,
        times=12,
        points=1200,
        counts=np.dtype("u1"),
        begin=":STOP;:TRIG:MODE EDGE;:WAV:MODE NORM;:WAV:FORM BYTE",
        channel=":CHAN{n}:DISP ON;:CHAN{n}:PROB 1;:CHAN{n}:COUP {coupling};"
        ":CHAN{n}:SCAL {step:g};:CHAN{n}:OFFS {shift:g}",
        time=":TIM:MAIN:SCAL {step:g};:TIM:MAIN:OFFS {middle:g};"
        ":WAV:STAR 1;:WAV:STOP {samples}",
        trigger=":TRIG:EDGE:SOUR CHAN{n};:TRIG:EDGE:SLOP {slope};:TRIG:EDGE:LEV {level:g};"
        ":TRIG:SWE NORM",
        arm=":SING",
        force=":TFOR",
        questions=Questions(
            ":CHAN{n}:COUP?", ":TRIG:EDGE:SOUR?", ":TRIG:EDGE:SLOP?", ":TRIG:EDGE:LEV?",
            ":TIM:MAIN:OFFS?",
        ),
        state=":TRIG:STAT?",
        stopped=("STOP",),
        block=":WAV:SOUR CHAN{n};:WAV:DATA?",
    ),
    "siglent": _Siglent(
        makers=("SIGLENT",),
        divisions=8,
        times=14,
        points=0,
        counts=np.dtype("i1"),
        begin="CHDR OFF;STOP",
        channel="C{n}:TRA ON;C{n}:ATTN 1;C{n}:CPL {coupling[0]}1M;C{n}:VDIV {step:g}V;"
        "C{n}:OFST {shift:g}V",
        time="TDIV {step:g}S;TRDL {middle:g}S;WFSU SP,1,NP,{samples},FP,0",
        trigger="TRSE EDGE,SR,C{n};C{n}:TRSL {slope};C{n}:TRLV {level:g}V;TRMD NORM",
        arm="TRMD SINGLE;ARM",
        force="FRTR",
        questions=Questions("C{n}:CPL?", "TRSE?", "C{n}:TRSL?", "C{n}:TRLV?", "TRDL?"),
        state="SAST?",
        stopped=("STOP",),
        block="C{n}:WF? DAT2",
    ),
    "keysight": _Keysight(
        makers=("KEYSIGHT", "AGILENT"),
        divisions=8,
        times=10,
        points=0,
        counts=np.dtype("<u2"),
        begin=":STOP;:TRIG:MODE EDGE;:WAV:FORM WORD;:WAV:BYT LSBF;:WAV:UNS 1",
        channel=":CHAN{n}:DISP 1;:CHAN{n}:PROB 1;:CHAN{n}:COUP {coupling};"
        ":CHAN{n}:RANG {range:g};:CHAN{n}:OFFS {offset:g}",
        time=":TIM:RANG {length:g};:TIM:POS {middle:g};:WAV:POIN {samples}",
        trigger=":TRIG:EDGE:SOUR CHAN{n};:TRIG:EDGE:SLOP {slope};:TRIG:EDGE:LEV {level:g};"
        ":TRIG:SWE NORM",
        arm=":SING",
        force=":TRIG:FORC",
        questions=Questions(
            ":CHAN{n}:COUP?", ":TRIG:EDGE:SOUR?", ":TRIG:EDGE:SLOP?", ":TRIG:EDGE:LEV?",
            ":TIM:POS?",
        ),
        state=":OPER:COND?",
        stopped=(),
        block=":WAV:SOUR CHAN{n};:WAV:DATA?",
    ),
}  # fmt: skip


def dialect_of(answer: str) -> Dialect:
    """Return how to speak to the instrument that has answered ``*IDN?`` so."""
    maker = answer.upper()
    for dialect in DIALECTS.values():
        if maker.startswith(dialect.makers):
            return dialect
    raise SetupError(
        f"it is not known how to speak to {answer.strip()!r}: choose the dialect that its manual"
        f" agrees with: {', '.join(DIALECTS)}"
    )
