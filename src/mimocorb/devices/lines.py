"""Lines of text from any device that sends them, over a serial port or the network.

What it is: the source for Arduino sketches, Geiger counters, multimeters, balances, and programs on
other computers that print a line for each event.

How to connect it: a serial device by its cable; ``mimocorb devices`` shows its port. A program on
another computer listens at a port and writes lines to whoever connects, for example
``my_program | nc -lk 5000``; then the address is ``tcp://HOST:5000``.

Dead time: a line is understood in some 10 µs, and lines that come meanwhile wait in the memory of
the operating system (4096 bytes of a serial port), so nothing is lost up to thousands of lines per
second. What the device itself is dead for, it has to say in a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mimocorb.components.form import source
from mimocorb.devices.about import device
from mimocorb.devices.allowed import check_range
from mimocorb.devices.connection import check_times, keep_connected
from mimocorb.devices.line_reader import REPORTED, FieldLines, LineReader, check_columns
from mimocorb.devices.streams import Stream, check_address, open_stream

__all__ = ["line_events", "lines"]


def _check(
    buffer: Mapping[str, Any],
    *,
    address: str,
    baud: int,
    header_lines: int,
    timeout_s: float | None,
    give_up_s: float | None,
    **how: Any,
) -> None:
    check_address(address, baud)
    check_range("header_lines", header_lines, 0, float("inf"), "lines")
    check_times(timeout_s, give_up_s)
    check_columns(buffer, how)


@device(found_as="serial", extra="serial", check=_check, reports=REPORTED)
@source
def lines(
    *,
    address: str,
    buffer: Mapping[str, Any],
    baud: int = 9600,
    columns: list[str] | None = None,
    pattern: str | None = None,
    separator: str | None = None,
    comment: str = "#",
    header_lines: int = 0,
    send: str = "",
    timeout_s: float | None = None,
    give_up_s: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Make an event of each line that a serial device, or a program in the network, sends.

    A line that is not understood is no event; the run tells what is wrong with it, and how many
    there were. At a serial port the first line is left out, as its beginning may be missing.

    Parameters
    ----------
    address
        A serial port such as ``/dev/ttyUSB0``, or ``tcp://HOST:PORT``.
    buffer
        Given by mimocorb.
    baud
        Speed of a serial port, in bit/s: 300 to 1000000, as the device is set.
    columns
        The field of the buffer for each column of a line, ``-`` for a column that is left out.
        Default: all fields, in their order.
    pattern
        Instead of columns: a regular expression with a group ``(?P<field>…)`` for each field.
    separator
        What stands between two columns. Default: white space, commas and semicolons.
    comment
        Lines that begin with this are no events.
    header_lines
        So many lines are left out after each connection.
    send
        A line that is sent to the device after each connection, to start it.
    timeout_s
        The device counts as lost if no event comes for so long, in s, from 0.1 on. Default: it may
        be silent for ever.
    give_up_s
        The run fails if a lost device does not come back within this time, in s, from 0.1 on.
        Default: it is waited for.

    Raises
    ------
    DeviceLost
        It is not there, or did not come back.
    """
    event_of = FieldLines(
        buffer, columns=columns, pattern=pattern, separator=separator, comment=comment
    )
    reader = LineReader(event_of, address)
    yield from line_events(
        reader,
        address,
        baud,
        send=send,
        header_lines=header_lines,
        timeout_s=timeout_s,
        give_up_s=give_up_s,
    )


def line_events(
    reader: LineReader,
    address: str,
    baud: int,
    *,
    send: str = "",
    header_lines: int = 0,
    timeout_s: float | None,
    give_up_s: float | None,
) -> Iterator[Any]:
    """Yield the events of the lines that a device sends; for devices with a format of their own."""
    may_be_cut = not address.startswith("tcp://") and not send

    @contextmanager
    def opened() -> Iterator[Stream]:
        with open_stream(address, baud) as stream:
            reader.begin(skip_lines=max(header_lines, may_be_cut))
            if send:
                stream.write(send.encode() + b"\n")
            yield stream

    def read(stream: Stream) -> Sequence[Any]:
        return reader.events(stream.read())

    try:
        yield from keep_connected(
            opened, read, name=address, timeout_s=timeout_s, give_up_s=give_up_s
        )
    finally:
        reader.end()
