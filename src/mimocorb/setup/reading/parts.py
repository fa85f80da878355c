"""What all dialects have in common: making the parts of the model from entries of a set-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mimocorb._memory import size_in_words
from mimocorb._words import how_many
from mimocorb.schema import MAX_SLOT_BYTES
from mimocorb.setup.form import Form
from mimocorb.setup.keys.kinds import Given
from mimocorb.setup.model import BufferSpec, FunctionReference, Role, Setup, WorkerSpec
from mimocorb.setup.paths import absolute
from mimocorb.setup.problems import Where
from mimocorb.setup.text.setup_file import MappingNode, plain
from mimocorb.setup.user_code.user_functions import locate

__all__ = [
    "Draft",
    "Named",
    "common_settings",
    "limits",
    "make_buffer",
    "make_worker",
    "output_directory",
    "reference",
]


@dataclass(frozen=True)
class Draft:
    """A set-up as far as it could be read.

    Parameters
    ----------
    setup
        Parts that have problems are in it as well, so that their names are known: what could not
        be read is 0 or empty there.
    buffers_complete
        Whether the names of all buffers are known.
    assignments_complete
        Whether it is known which worker reads and writes which buffer.
    """

    setup: Setup
    buffers_complete: bool
    assignments_complete: bool


class Named(NamedTuple):
    """A buffer or worker as it stands in the file."""

    name: str
    where: Where
    body: MappingNode


def make_buffer(
    form: Form, name: str, where: Where, given: Given, keys: Sequence[str]
) -> BufferSpec:
    """Make a buffer; what is missing has been reported, what is wrong is reported here.

    What could not be read is 0: a number, or the size of the type.

    Parameters
    ----------
    form
        Takes the problems.
    name, where
        Its name, and the place of it.
    given
        What is said of it.
    keys
        The dialect's names for the number of slots, the values per slot and the type.
    """
    slots, values, dtype = (given.value(key) for key in keys)
    kind = np.dtype("V0") if dtype is None else dtype
    spec = BufferSpec(name, slots or 0, values or 0, kind, where)
    if spec.slot_size_bytes > MAX_SLOT_BYTES:
        node = given.node(keys[1])
        each = size_in_words(spec.dtype.itemsize)
        form.error(
            node.where if node else where,
            f"a slot of {name} holds at most {MAX_SLOT_BYTES >> 20} MiB",
            f"found {how_many(spec.values_per_slot, 'value')} of {each}, "
            f"{spec.slot_size_bytes >> 20} MiB",
            "store fewer values in a slot, or smaller types",
        )
        return replace(spec, values_per_slot=0)
    return spec


def reference(
    asked: str | None, called: str | None, base_directory: Path, where: Where, name_where: Where
) -> FunctionReference:
    """Return where a function is; with empty names if it could not be read."""
    if asked and called:
        return locate(asked, called, base_directory, where, name_where)
    return FunctionReference(asked or "", called or "", where=where, name_where=name_where)


def make_worker(
    name: str,
    where: Where,
    given: Given,
    *,
    function: FunctionReference,
    processes_key: str,
    rb_assign: Mapping[str, tuple[Role, Where]],
) -> WorkerSpec:
    """Make a worker without its configuration.

    Parameters
    ----------
    name, where
        Its name, and the place of it.
    given
        What is said of it, for the keys that all dialects have.
    function
        Where its function is.
    processes_key
        The dialect's name for the number of processes.
    rb_assign
        Roles and places of its buffers.
    """
    return WorkerSpec(
        name,
        function,
        1 if processes_key not in given else given.value(processes_key) or 0,
        {buffer: role for buffer, (role, _) in rb_assign.items()},
        restart=given.value("restart"),
        hang_timeout_s=given.value("hang_timeout_s"),
        ordered=given.value("ordered") is True,
        rejected_prescale=given.value("rejected_sample"),
        where=where,
        rb_where={buffer: place for buffer, (_, place) in rb_assign.items()},
    )


def common_settings(given: Given) -> dict[str, Any]:
    """Return what all dialects have at the top, except the limits, by the names of the model."""
    return {
        "title": given.value("title") or "",
        "operator": given.value("operator") or "",
        "comment": given.value("comment") or "",
        "keyboard_control": given.value("KBD_control") is not False,
        "gui_control": given.value("GUI_control") is True,
        "stop_when": given.value("stop_when") or (),
        "drain_timeout_s": given.value("drain_timeout_s"),
    }


def output_directory(base_directory: Path, name: str | None) -> Path | None:
    """Return where directories of runs are made; ``None`` leaves it to the run."""
    return absolute(base_directory, name) if name else None


def limits(form: Form, places: Sequence[Given]) -> dict[str, Any]:
    """Return run time and numbers of events by the names of the model.

    Of several places the last one rules, but over all files the command line.
    """
    read: dict[str, Any] = {}
    for key in ("runtime", "runevents"):
        given = [place for place in places if key in place]
        given = [place for place in given if place.where(key).is_option] or given
        values = [(place, place.value(key)) for place in given]
        usable = [value for _, value in values if value is not None]
        if usable:
            read[key] = usable[-1]
        _warn_of_contradictions(form, key, given)
    events = read.get("runevents")
    found: dict[str, Any] = {"runtime_s": read.get("runtime") or None}
    if not isinstance(events, dict):
        return {**found, "runevents": events or None}
    return {
        **found,
        "runevents_of": {name: number for name, (number, _) in events.items() if number},
        "runevents_where": {name: where for name, (_, where) in events.items()},
    }


def _warn_of_contradictions(form: Form, key: str, places: Sequence[Given]) -> None:
    entries = [entry for place in places if (entry := place.entry(key)) is not None]
    for entry in entries[:-1]:
        if plain(entry.value) != plain(entries[-1].value):
            form.warning(
                entry.key.where,
                f"{key} is given once",
                f"found another value at {entries[-1].key.where}, which rules",
                "remove one of the two",
            )
