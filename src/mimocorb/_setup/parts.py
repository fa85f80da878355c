"""What all dialects have in common: making the parts of the model from entries of a set-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mimocorb._setup.form import Form
from mimocorb._setup.model import BufferSpec, FunctionReference, Role, Setup, Where, WorkerSpec
from mimocorb._setup.paths import absolute
from mimocorb._setup.record_types import read_record_type
from mimocorb._setup.setup_file import Entry, Node
from mimocorb._setup.user_functions import locate
from mimocorb.schema import MAX_SLOT_BYTES

__all__ = ["COMMON_KEYS", "Draft", "common_settings", "limits", "make_buffer", "make_worker"]

COMMON_KEYS: Mapping[str, Sequence[str]] = {
    "title": (),
    "runtime": (),
    "runevents": (),
    "KBD_control": ("keyboard_control",),
    "GUI_control": ("gui_control",),
}
MAXIMUM_SLOTS = 1 << 24
MAXIMUM_VALUES = MAX_SLOT_BYTES
MAXIMUM_PROCESSES = 256
MAXIMUM_EVENTS = (1 << 63) - 1


@dataclass(frozen=True)
class Draft:
    """A set-up as far as it could be read.

    Parameters
    ----------
    setup
        Parts that have problems are in it with stand-ins, so that their names are known.
    buffers_complete
        Whether the names of all buffers are known.
    assignments_complete
        Whether it is known which worker reads and writes which buffer.
    """

    setup: Setup
    buffers_complete: bool
    assignments_complete: bool


def make_buffer(form: Form, name: str, where: Where, layout: Sequence[Entry | None]) -> BufferSpec:
    """Make a buffer from its number of slots, values per slot and type.

    What is missing has been reported; what is wrong is reported here.
    """
    slots, values, dtype = layout

    def number(entry: Entry | None, maximum: int) -> int:
        if entry is None:
            return 1
        return form.whole_number(entry.value, _of(entry, name), 1, maximum) or 1

    number_of_slots = number(slots, MAXIMUM_SLOTS)
    values_per_slot = number(values, MAXIMUM_VALUES)
    kind = read_record_type(form, dtype.value, _of(dtype, name)) if dtype else None
    spec = BufferSpec(name, number_of_slots, values_per_slot, kind or np.dtype(np.uint8), where)
    if spec.slot_size_bytes > MAX_SLOT_BYTES:
        form.error(
            values.value.where if values else where,
            f"a slot of {name} holds at most {MAX_SLOT_BYTES >> 20} MiB",
            f"found {values_per_slot} values of {spec.dtype.itemsize} bytes, "
            f"{spec.slot_size_bytes >> 20} MiB",
            "store fewer values in a slot, or smaller types",
        )
        return BufferSpec(name, 1, 1, spec.dtype, where)
    return spec


def make_worker(
    form: Form,
    name: str,
    where: Where,
    base_directory: Path,
    *,
    module: Entry | None,
    function: Entry | None,
    processes: Entry | None,
    rb_assign: Mapping[str, tuple[Role, Where]],
) -> WorkerSpec:
    """Make a worker without its configuration."""
    asked = form.text(module.value, _of(module, name), "modules/source") if module else None
    called = form.text(function.value, _of(function, name), "my_function") if function else None
    number = (
        form.whole_number(processes.value, _of(processes, name), 1, MAXIMUM_PROCESSES)
        if processes
        else None
    )
    reference = FunctionReference(
        asked or "",
        called or "",
        where=module.value.where if module else where,
        name_where=function.value.where if function else where,
    )
    if asked and called:
        reference = locate(asked, called, base_directory, reference.where, reference.name_where)
    return WorkerSpec(
        name,
        reference,
        number or 1,
        {buffer: role for buffer, (role, _) in rb_assign.items()},
        where=where,
        rb_where={buffer: place for buffer, (_, place) in rb_assign.items()},
    )


def common_settings(
    form: Form, top: Mapping[str, Entry], base_directory: Path, output_key: str
) -> Setup:
    """Return a set-up without buffers and workers from the settings beside them."""

    def value(key: str) -> Node | None:
        return top[key].value if key in top else None

    output = value(output_key)
    title = value("title")
    keyboard, window = value("KBD_control"), value("GUI_control")
    directory = form.text(output, output_key, "target") if output else None
    heading = form.text(title, "title", "Muon lifetime") if title else None
    keyboard_control = form.flag(keyboard, "KBD_control") if keyboard else None
    gui_control = form.flag(window, "GUI_control") if window else None
    return Setup(
        title=heading or "",
        base_directory=base_directory,
        output_directory=absolute(base_directory, directory) if directory else None,
        keyboard_control=keyboard_control is not False,
        gui_control=gui_control is True,
    )


def limits(form: Form, places: Sequence[Mapping[str, Entry]]) -> tuple[float | None, int | None]:
    """Return run time in seconds and number of events; of several places the last one rules."""
    runtime: float | None = None
    events: int | None = None
    for place in places:
        if "runtime" in place:
            read = form.number(place["runtime"].value, "runtime", "seconds")
            runtime = read if read is not None else runtime
        if "runevents" in place:
            entry = place["runevents"].value
            count = form.whole_number(entry, "runevents", 0, MAXIMUM_EVENTS)
            events = count if count is not None else events
    _warn_of_contradictions(form, places)
    return runtime or None, events or None


def _warn_of_contradictions(form: Form, places: Sequence[Mapping[str, Entry]]) -> None:
    for key in ("runtime", "runevents"):
        given = [place[key] for place in places if key in place]
        for entry in given[:-1]:
            if getattr(entry.value, "value", None) != getattr(given[-1].value, "value", None):
                form.warning(
                    entry.key.where,
                    f"{key} is given once",
                    f"found another value at {given[-1].key.where}, which rules",
                    "remove one of the two",
                )


def _of(entry: Entry, owner: str) -> str:
    return f"{entry.key.value} of {owner}"
