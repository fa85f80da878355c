"""Sources of devices as one writes them at first: the contract finds out what is wrong."""

from __future__ import annotations

import serial

import mimocorb as mc
from mimocorb.devices.connection import keep_connected
from mimocorb.devices.streams import open_stream
from mimocorb.testing.devices import SOME


@mc.source
def gives_up(*, address: str, timeout_s: float = 1.0):
    """Read numbers, and fail when the cable is pulled out.

    Parameters
    ----------
    address
        Serial port.
    timeout_s
        Not used.
    """
    with serial.Serial(address, timeout=0.1) as port:
        port.readline()
        while mc.run_goes_on():
            if line := port.readline():
                yield [float(line)]


@mc.source
def repeats(*, address: str, timeout_s: float = 1.0):
    """Deliver every fifth number twice.

    Parameters
    ----------
    address
        Serial port.
    timeout_s
        The device counts as lost if nothing comes for so long, in s.
    """

    def read(stream):
        numbers = [float(line) for line in stream.read().split()]
        return [*numbers, *(number for number in numbers if number % 5 == 0)]

    for number in keep_connected(
        lambda: open_stream(address, 9600), read, name=address, timeout_s=timeout_s
    ):
        yield [number]


@mc.source
def never_ends(*, address: str, timeout_s: float = 1.0):
    """Wait for lines, also when the run has ended.

    Parameters
    ----------
    address
        Serial port.
    timeout_s
        Not used.
    """
    with serial.Serial(address) as port:
        port.readline()
        for _ in range(SOME):
            with mc.reading_out():
                line = port.readline()
            yield [float(line)]
        port.read(1 << 20)
