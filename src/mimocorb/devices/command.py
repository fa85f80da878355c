"""A program that prints events: the way to every device that has a program, in whatever language.

What it is: the source for vendors' command line programs, C programs, shell pipes.

How to connect it: name the program and its arguments. Each line that it prints is an event. It has
to print a line when it has an event: programs keep what they print to a pipe until some kilobytes
have come together, unless they flush it (``python -u``, ``stdbuf -oL``, ``fflush``). What it prints
to its standard error is in the log of the run.

Dead time: a line is understood in some 10 µs, and lines that come meanwhile wait in the pipe
(65536 bytes). A program that ends is started again; until its next event the device is lost.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Literal

from mimocorb.components.form import source
from mimocorb.devices.about import device
from mimocorb.devices.connection import POLL_S, check_times, keep_connected
from mimocorb.devices.line_reader import REPORTED, FieldLines, LineReader, check_columns
from mimocorb.errors import SetupError

__all__ = ["command"]

logger = logging.getLogger(__name__)

_MOST_BYTES = 65536
_END_S = 1.0


class _EndedAsMeant(Exception):
    """The program has done what it had to do."""


def _check(
    buffer: Mapping[str, Any],
    *,
    words: list[str],
    timeout_s: float | None,
    give_up_s: float | None,
    **how: Any,
) -> None:
    if not words:
        raise SetupError("words: the list is empty; write the program and its arguments")
    if shutil.which(words[0]) is None:
        raise SetupError(
            f"words: there is no program {words[0]!r}; write its whole path, or install it"
        )
    check_times(timeout_s, give_up_s)
    check_columns(buffer, how)


@device(found_as="program", check=_check, reports=REPORTED)
@source
def command(
    *,
    words: list[str],
    buffer: Mapping[str, Any],
    columns: list[str] | None = None,
    pattern: str | None = None,
    separator: str | None = None,
    comment: str = "#",
    header_lines: int = 0,
    when_it_ends: Literal["end", "restart"] = "end",
    timeout_s: float | None = None,
    give_up_s: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Make an event of each line that a program prints.

    A line that is not understood is no event; the run tells what is wrong with it, and how many
    there were. A program that fails is started again, and its time without events is dead time.

    Parameters
    ----------
    words
        The program and its arguments, as a list; no shell takes part.
    buffer
        Given by mimocorb.
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
        So many lines are left out after each start of the program.
    when_it_ends
        What follows when the program ends with exit code 0: ``end`` of the events, or ``restart``.
    timeout_s
        The program is started anew if it prints no event for so long, in s, from 0.1 on. Default:
        it may be silent for ever.
    give_up_s
        The run fails if a program that has failed delivers no event within this time, in s, from
        0.1 on. Default: it is started again and again.

    Raises
    ------
    DeviceLost
        It did not come back.
    """
    name = os.path.basename(words[0])  # noqa: PTH119 - a word, not a path of ours
    event_of = FieldLines(
        buffer, columns=columns, pattern=pattern, separator=separator, comment=comment
    )
    reader = LineReader(event_of, name)

    @contextmanager
    def started() -> Iterator[_Program]:
        reader.begin(skip_lines=header_lines)
        with _Program(words, name, ends_well=when_it_ends == "end") as program:
            yield program

    def read(program: _Program) -> Sequence[Any]:
        return reader.events(program.read())

    try:
        yield from keep_connected(
            started,
            read,
            name=name,
            timeout_s=timeout_s,
            give_up_s=give_up_s,
            back_when_opened=False,
        )
    except _EndedAsMeant:
        return
    finally:
        reader.end()


class _Program:
    """A program that runs until it is closed."""

    def __init__(self, words: list[str], name: str, *, ends_well: bool) -> None:
        self._name, self._ends_well = name, ends_well
        self._process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._output = self._process.stdout
        self._has_ended = False
        self._telling = threading.Thread(target=self._tell, args=(self._process.stderr,))
        self._telling.daemon = True  # a child of the program may keep the pipe open
        self._telling.start()

    def __enter__(self) -> _Program:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._telling.join(_END_S)
        self._output.close()

    def read(self) -> bytes:
        """Return what it has printed, after at most a step; OSError if it has ended badly."""
        if not select.select([self._output], [], [], POLL_S)[0]:
            return b""
        data = os.read(self._output.fileno(), _MOST_BYTES)
        if data:
            return data
        code = self._process.wait()
        if code == 0 and not self._has_ended:
            self._has_ended = True
            return b"\n"  # its last line may have no end
        if code == 0 and self._ends_well:
            raise _EndedAsMeant
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise ChildProcessError(f"the program has ended {how}")

    def _tell(self, errors: IO[bytes]) -> None:
        with errors:
            for line in errors:
                logger.warning("%s: %s", self._name, line.decode("utf-8", "replace").rstrip())
