"""What a run and its clients say to each other: one JSON object a line, over a Unix socket.

A client sends a request and gets one answer, then may send the next::

    → {"protocol": 2, "command": "pause", "by": "mimocorb pause", "timeout_s": 10}
    ← {"protocol": 2, "mimocorb": "2.0.0", "ok": true, "changed": true, "status": {…}}
    ← {"protocol": 2, "mimocorb": "2.0.0", "ok": false, "kind": "refused", "error": "…"}

``status`` is answered at once, and so is ``acknowledge``, after which all alarms count as known;
``pause``, ``resume``, ``stop`` and ``end`` when the run has come into the state asked for;
``observe`` gives what an Observer needs; ``note`` is kept in the
record; ``follow`` is answered when the run has ended. Histograms
are not asked for: clients read them from the directory of the run, see
:mod:`mimocorb.analysis.histograms`. The number of the protocol changes whenever an older side would
misunderstand a newer one; a side that meets another number refuses, and names both.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import mimocorb
from mimocorb._json import to_json
from mimocorb.errors import SetupError
from mimocorb.run.run_log import LogLine
from mimocorb.run.run_state import RunState
from mimocorb.run.run_view import BufferView, RunView
from mimocorb.run.wording import status_line

if TYPE_CHECKING:
    import numpy as np

    from mimocorb.buffers.setup_dict import SetupDict

__all__ = [
    "COMMANDS",
    "LONGEST_ANSWER",
    "LONGEST_REQUEST",
    "PROTOCOL",
    "BadRequest",
    "Request",
    "RunStatus",
    "answer",
    "observer_from_plain",
    "observer_to_plain",
    "refusal",
    "status_from_plain",
    "status_to_json",
    "status_to_plain",
]

PROTOCOL = 2
"""Another number whenever a request or an answer changes: both sides have to say the same."""

LONGEST_REQUEST = 16384
LONGEST_ANSWER = 64 << 20
LONGEST_NAME = 80
COMMANDS = (
    "status",
    "pause",
    "resume",
    "stop",
    "end",
    "acknowledge",
    "observe",
    "note",
    "follow",
)


class BadRequest(Exception):
    """A request that cannot be understood; the text says why, and the connection is closed."""


@dataclass(frozen=True)
class Request:
    """One request of a client.

    Parameters
    ----------
    command
        One of :data:`COMMANDS`.
    by
        What the client calls itself, for the log.
    timeout_s
        For how long to wait for the effect of a command.
    buffer
        Which one to observe.
    lines
        How many of the newest lines of the log a status shall have.
    kind, text
        Of a note to be kept with the run; see :mod:`mimocorb.run.record.notes`.
    """

    command: str
    by: str = ""
    timeout_s: float = 10.0
    buffer: str = ""
    lines: int = 0
    kind: str = ""
    text: str = ""

    def encoded(self) -> bytes:
        """Return the line to send."""
        return _line({"protocol": PROTOCOL, "mimocorb": mimocorb.__version__} | asdict(self))

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read one line; :class:`BadRequest` if it is not a request of this protocol."""
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict) or "protocol" not in content:
            raise BadRequest("not a request: one JSON object a line, with the key 'protocol'")
        if content["protocol"] != PROTOCOL:
            raise BadRequest(other_protocol(content, "the client"))
        known = {field.name for field in fields(cls)}
        try:
            request = cls(**{key: value for key, value in content.items() if key in known})
        except TypeError:
            raise BadRequest("a request needs the key 'command'") from None
        request._check()
        return request

    def _check(self) -> None:
        if self.command not in COMMANDS:
            raise BadRequest(f"no such command: give one of {', '.join(COMMANDS)}")
        if not all(isinstance(text, str) for text in (self.by, self.buffer, self.kind, self.text)):
            raise BadRequest("'by', 'buffer', 'kind' and 'text' must be texts")
        if not _is_number(self.timeout_s) or not _is_number(self.lines):
            raise BadRequest("'timeout_s' and 'lines' must be numbers from 0")

    @property
    def name(self) -> str:
        """What the client calls itself, safe to print."""
        return "".join(c for c in self.by[:LONGEST_NAME] if c.isprintable()) or "a client"


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )


def other_protocol(content: Mapping[str, Any], whose: str) -> str:
    """Say that the other side speaks another protocol, with both numbers."""
    theirs, release = str(content.get("protocol"))[:20], str(content.get("mimocorb", "?"))[:40]
    return (
        f"{whose} speaks control protocol {theirs} (mimocorb {release}), this side protocol "
        f"{PROTOCOL} (mimocorb {mimocorb.__version__}): use the same release"
    )


def answer(**content: Any) -> bytes:
    """Return the line that grants a request."""
    return _line({"protocol": PROTOCOL, "mimocorb": mimocorb.__version__, "ok": True, **content})


def refusal(kind: str, error: str) -> bytes:
    """Return the line that refuses a request.

    Parameters
    ----------
    kind
        ``"request"``: not understood; ``"refused"``: not possible now; ``"timeout"``: asked for,
        but not come about in time.
    error
        The message for the user.
    """
    return _line(
        {
            "protocol": PROTOCOL,
            "mimocorb": mimocorb.__version__,
            "ok": False,
            "kind": kind,
            "error": error,
        }
    )


def _line(content: Mapping[str, Any]) -> bytes:
    return to_json(content, default=_plain, exact=True).encode() + b"\n"


def _plain(value: object) -> Any:
    """Return what JSON does not know by itself in a form that it knows."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    # Numbers of NumPy, and what else may come into a view one day.
    return value.tolist() if hasattr(value, "tolist") else str(value)


# --- the status of a run


@dataclass(frozen=True)
class RunStatus:
    """A run at one moment, as others see it; as a text, one line with its state and its counts.

    Parameters
    ----------
    name
        Name of the directory of the run.
    number
        The number of the run; None if it has none.
    directory
        Where its files are.
    pid, user
        Its main process, and whose it is.
    mimocorb
        The release that it runs with.
    started_s
        UTC time in seconds.
    failures, warnings
        What has gone wrong so far.
    lines
        The newest lines of its log, as many as were asked for.
    view
        Times, states, buffers and workers.
    """

    name: str
    number: int | None
    directory: Path
    pid: int
    user: str
    mimocorb: str
    started_s: float
    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    lines: tuple[LogLine, ...]
    view: RunView

    @property
    def state(self) -> RunState:
        """What the run is doing."""
        return self.view.state

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.view.state is RunState.ENDED

    @property
    def buffers(self) -> dict[str, BufferView]:
        """The buffers by name."""
        return {buffer.stats.name: buffer for buffer in self.view.buffers}

    @property
    def label(self) -> str:
        """What to call the run: by its number, if it has one, and its name."""
        return f"run {self.name}" if self.number is None else f"run {self.number} {self.name}"

    def __str__(self) -> str:
        return f"{self.label}: {status_line(self.view)}"


def status_to_plain(status: RunStatus) -> dict[str, Any]:
    """Return the status in plain values."""
    return asdict(status)


def status_to_json(status: RunStatus) -> str:
    """Return the status as JSON, for other programs."""
    return to_json(status_to_plain(status), default=_plain)


def status_from_plain(content: Any) -> RunStatus:
    """Read a status that came over the socket; ValueError if it is none."""
    return _status_type().validate_python(content)  # type: ignore[no-any-return]


@cache
def _status_type() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(RunStatus)


# --- what an Observer needs


def observer_to_plain(setup: SetupDict) -> dict[str, Any]:
    """Return the set-up dictionary of an Observer in what JSON knows.

    The dtype is written as in the header of a NumPy file: a Python literal, which keeps names,
    shapes, gaps and byte order, and which can be read without executing anything.

    Raises
    ------
    SetupError
        The buffer is of a type, or of another backend, that another program cannot be told of.
    """
    from mimocorb.buffers.backends import OWN_BACKENDS

    if setup["backend"] != OWN_BACKENDS["shared_memory"]:
        raise SetupError(
            f"an Observer of another program needs a buffer in shared memory: {setup['name']} is"
            f" made by {setup['backend']}"
        )
    return {
        "name": setup["name"],
        "number_of_slots": setup["number_of_slots"],
        "values_per_slot": setup["values_per_slot"],
        "dtype": _dtype_text(setup["dtype"]),
        "channels": setup["channels"],
        "variable": setup["variable"],
        "seal": setup["seal"],
        "debug": setup["debug"],
        "ring": list(setup["address"]["ring"]),
    }


def observer_from_plain(content: Mapping[str, Any]) -> SetupDict:
    """Return the set-up dictionary from :func:`observer_to_plain`."""
    from mimocorb.buffers.backends import OWN_BACKENDS
    from mimocorb.buffers.setup_dict import SetupDict

    return SetupDict(
        kind="observer",
        name=content["name"],
        number_of_slots=content["number_of_slots"],
        values_per_slot=content["values_per_slot"],
        dtype=_dtype(content["dtype"]),
        channels=content.get("channels", {}),
        variable=content.get("variable", False),
        seal=content["seal"],
        debug=content["debug"],
        backend=OWN_BACKENDS["shared_memory"],
        address={"ring": tuple(content["ring"])},
    )


def _dtype_text(dtype: np.dtype[Any]) -> str:
    from numpy.lib.format import dtype_to_descr

    try:
        text = repr(dtype_to_descr(dtype))
        if _dtype(text) == dtype:
            return text
    except ValueError:  # fields that overlap
        pass
    raise SetupError(
        f"an Observer of another program cannot be told of the dtype {dtype}: give the buffer a "
        "dtype of fields one after the other"
    )


def _dtype(text: str) -> np.dtype[Any]:
    from numpy.lib.format import descr_to_dtype

    return descr_to_dtype(ast.literal_eval(text))
