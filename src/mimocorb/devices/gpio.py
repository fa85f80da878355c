"""Pulses at the pins of a Raspberry Pi or another board with GPIO.

What it is: a counter for detectors with a logic output, such as Geiger tubes with a pulse shaper,
or the discriminators of student experiments.

How to connect it: the signal to a pin, at most 3.3 V, and the ground to ground; pins are named by
their GPIO numbers, 17 for GPIO17, not by their places on the connector. An open collector output
needs ``pull: up``. ``mimocorb devices`` shows whether you may use the pins; the group is ``gpio``.
Besides gpiozero a driver of the pins is needed: on a Raspberry Pi ``pip install lgpio``.

Fields of an event, of which the buffer may have any: ``pin``; ``number`` of the pulse at this pin,
from 0; ``time_s`` since the start. With `gate_s`, an event is a gate instead: one field for each
pin, in the order of `pins`, with the number of its pulses in the gate.

Dead time: an interrupt of the operating system notices an edge, and Python is called for it: some
10 to 100 µs, depending on the board. Pulses must last for some µs. Above some 1000 pulses per
second edges are lost without a notice; use a counter chip or a microcontroller there.

To try without a board: the variable ``GPIOZERO_PIN_FACTORY=mimocorb_simulated`` makes pins with
random pulses, ``MIMOCORB_PINS_HZ=20`` sets their rate.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event
from typing import Any, Literal

from mimocorb.components.form import source
from mimocorb.components.meter import reading_out
from mimocorb.devices.about import device, import_driver
from mimocorb.devices.allowed import check_range
from mimocorb.devices.connection import POLL_S, check_times, keep_connected
from mimocorb.errors import SetupError

__all__ = ["gpio"]

_FIELDS = ("pin", "number", "time_s")
_HIGHEST_PIN = 27
_PULL = {"up": True, "down": False, "none": None}

Edge = tuple[int, int]
"""A pin, and the time of its edge in ns of the monotonic clock."""


def _check(
    buffer: Mapping[str, Any],
    *,
    pins: list[int],
    edge: str,
    gate_s: float | None,
    bounce_s: float,
    timeout_s: float | None,
    **_others: Any,
) -> None:
    del edge
    if not pins or len(set(pins)) < len(pins):
        raise SetupError("pins: name at least one pin, and each of them once")
    for pin in pins:
        check_range("pins", pin, 0, _HIGHEST_PIN)
    check_range("bounce_s", bounce_s, 0.0, 1.0, "s")
    check_times(timeout_s, None)
    names = buffer["dtype"].names or ()
    if buffer["values_per_slot"] != 1:
        raise SetupError(f"a pulse is one event: give the buffer {buffer['name']} data_length: 1")
    if gate_s is not None:
        check_range("gate_s", gate_s, 0.01, 3600.0, "s")
        if len(names) != len(pins):
            raise SetupError(
                f"with gate_s, the buffer {buffer['name']} has one field for each of the"
                f" {len(pins)} pins; found {', '.join(names) or 'no field'}"
            )
    elif unknown := [name for name in names or ("value",) if name not in _FIELDS]:
        raise SetupError(
            f"a pulse has {', '.join(_FIELDS)}; the buffer {buffer['name']} has"
            f" {', '.join(unknown)}"
        )


@device(needs=("gpiozero",), extra="gpio", found_as="gpio", check=_check)
@source
def gpio(
    *,
    pins: list[int],
    buffer: Mapping[str, Any],
    edge: Literal["rising", "falling"] = "rising",
    pull: Literal["up", "down", "none"] = "down",
    gate_s: float | None = None,
    bounce_s: float = 0.0,
    timeout_s: float | None = None,
) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
    """Count pulses at the pins of a Raspberry Pi.

    Each pulse is an event with pin, number and time_s, of which the buffer may have any; or each
    gate is one, with the number of pulses at each pin. The time in ns is in the metadata.

    Parameters
    ----------
    pins
        GPIO numbers, 0 to 27.
    buffer
        Given by mimocorb.
    edge
        Which edge of a pulse counts.
    pull
        The resistor of the board that holds a pin where nothing drives it; ``none``: the signal
        does so.
    gate_s
        Length of a gate, in s, from 0.01 to 3600. Default: each pulse is an event.
    bounce_s
        After a pulse, others at the same pin are left out for so long, in s, 0 to 1: for switches.
    timeout_s
        The pins are set up anew, and count as lost, if no pulse comes for so long, in s, from 0.1
        on. Default: they may be silent for ever.

    Raises
    ------
    DeviceLost
        There are no pins.
    """
    gpiozero = import_driver("gpiozero", "gpio")
    is_up = _PULL[pull]
    more = {"active_state": True} if is_up is None else {}
    # With a resistor up, a pin is active when it is low.
    counts = "when_activated" if (edge == "rising") != (is_up is True) else "when_deactivated"
    edges: deque[Edge] = deque()
    came = Event()

    def note(pin: int) -> None:
        edges.append((pin, time.monotonic_ns()))
        came.set()

    @contextmanager
    def watched() -> Iterator[None]:
        with ExitStack() as stack:
            for pin in pins:
                watched_pin = gpiozero.DigitalInputDevice(
                    pin, pull_up=is_up, bounce_time=bounce_s or None, **more
                )
                setattr(stack.enter_context(watched_pin), counts, partial(note, pin))
            yield

    def read(_handle: None) -> Sequence[Edge]:
        came.wait(POLL_S)
        came.clear()
        with reading_out():
            return [edges.popleft() for _ in range(len(edges))]

    start_ns = time.monotonic_ns()
    names = buffer["dtype"].names
    taken = keep_connected(
        watched,
        read if gate_s is None else partial(_with_beat, read),
        name=f"pins {', '.join(map(str, pins))}",
        timeout_s=timeout_s,
        lost_by=(OSError, gpiozero.GPIOZeroError),
    )
    if gate_s is None:
        yield from _pulses(taken, names, start_ns)
    else:
        yield from _gates(taken, dict(zip(pins, names, strict=True)), start_ns, gate_s)


def _with_beat(read: Callable[[None], Sequence[Edge]], handle: None) -> Sequence[Edge]:
    """Read, and say at least in every step what time it is: gates end without a pulse as well."""
    return [*read(handle), (-1, time.monotonic_ns())]


def _pulses(
    taken: Iterator[Edge], names: Sequence[str], start_ns: int
) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
    counts: Counter[int] = Counter()
    for pin, at_ns in taken:
        since_ns = at_ns - start_ns
        event = {"pin": pin, "number": counts[pin], "time_s": since_ns / 1e9}
        counts[pin] += 1
        yield {name: event[name] for name in names}, {"time_ns": since_ns}


def _gates(
    taken: Iterator[Edge], fields: Mapping[int, str], start_ns: int, gate_s: float
) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
    gate_ns = round(gate_s * 1e9)
    counts = dict.fromkeys(fields.values(), 0)
    begin_ns = start_ns
    for pin, at_ns in taken:
        while at_ns >= begin_ns + gate_ns:
            yield counts, {"time_ns": begin_ns - start_ns}
            counts = dict.fromkeys(fields.values(), 0)
            begin_ns += gate_ns
        if pin in fields:
            counts[fields[pin]] += 1
