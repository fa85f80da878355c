"""How the forms of set-up files spell the keys of the recommended one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mimocorb.model import BufferSpec, OnFailure, Setup, WorkerSpec
from mimocorb.model.keys import keys_of
from mimocorb.model.kinds import Choice, Flag
from mimocorb.model.problem import Where
from mimocorb.setup.form import Form
from mimocorb.setup.text.setup_file import Entry, MappingNode, Node, ScalarNode

__all__ = [
    "EFFECTLESS",
    "MANUAL_PARAMETERS",
    "PARAMETERS",
    "SPELLINGS",
    "TELLING_PARAMETERS",
    "Translated",
    "sorted_keys",
    "sorted_part",
    "without_effect",
]

Spellings = Mapping[str, Sequence[str]]

MANUAL_PARAMETERS = ("source_list", "sink_list", "observe_list", "config_dict", "rb_info")
PARAMETERS = frozenset({MANUAL_PARAMETERS, ("buffer_io",)})
"""What functions of the older forms take."""

TELLING_PARAMETERS = frozenset({"config_dict", "buffer_io"})
"""One of these tells that a function is of an older form."""


@dataclass(frozen=True)
class Translated:
    """A set-up file in the recommended form.

    Parameters
    ----------
    root
        The mapping with ``Buffers`` and ``Workers``.
    dialect
        The form in which it was written.
    buffers_complete
        Whether the names of all buffers are known.
    assignments_complete
        Whether it is known which worker reads and writes which buffer.
    sectioned_file
        A configuration file, as it is shown, with a part of its own for each worker.
    """

    root: MappingNode
    dialect: str
    buffers_complete: bool
    assignments_complete: bool
    sectioned_file: str = ""


def _spelt(part: Any, **others: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the keys of a part of the model, those with other names under these."""
    return {key: others.get(key, (key,)) for key in keys_of(part)}


_TOP = {
    "KBD_control": ("KBD_control", "keyboard_control"),
    "target_directory": ("target_directory", "output_directory"),
}
_EVERY_WORKER = {"on_failure": ("on_failure", "restart")}
_EVERY_TOP = {"GUI_control": ("GUI_control", "gui_control")}
_OF_MANUAL_TOP = {
    "Buffers": ("RingBuffer",),
    "Workers": ("Functions",),
    "base_config": (),
    "target_directory": ("output_directory",),
    "KBD_control": _TOP["KBD_control"],
}

SPELLINGS: Mapping[str, Mapping[str, Spellings]] = {
    "mimoCoRB2": {
        "": {**_spelt(Setup, **_TOP), "Options": ("Options",), **_EVERY_TOP},
        "Buffers": {
            **_spelt(
                BufferSpec,
                slot_count=("slot_count", "number_of_slots"),
                data_length=("data_length", "values_per_slot"),
                data_dtype=("data_dtype", "dtype"),
            ),
            "overwrite": ("overwrite",),
        },
        "Workers": _spelt(
            WorkerSpec,
            **_EVERY_WORKER,
            sources=("sources", "source_list"),
            sinks=("sinks", "sink_list"),
            observes=("observes", "observe_list"),
        ),
    },
    "manual": {
        "": {
            **_spelt(Setup, **_OF_MANUAL_TOP),
            "FunctionConfigs": ("FunctionConfigs",),
            **_EVERY_TOP,
        },
        "RingBuffer": _spelt(
            BufferSpec,
            slot_count=("number_of_slots",),
            data_length=("channel_per_slot", "values_per_slot"),
            data_dtype=("data_type", "dtype"),
        ),
        "Functions": {
            **_spelt(
                WorkerSpec,
                **_EVERY_WORKER,
                file=("file_name",),
                function=("fkt_name",),
                number_of_processes=("num_process",),
                config=("config_file",),
                **dict.fromkeys(("sources", "sinks", "observes"), ()),
            ),
            "RB_assign": ("RB_assign",),
        },
        "Fkt_main": {
            "config": ("config_file",),
            "runtime": ("runtime",),
            "runevents": ("runevents",),
        },
    },
}
"""Form, section and recommended key to the names in the file, the usual one first."""

EFFECTLESS = {
    "GUI_control": "a run has no window: keys, 'mimocorb pause' and other commands steer it",
    "overwrite": "every run makes a directory of its own in target_directory, and no file of"
    " another run is overwritten",
    "debug_workers": "debug messages of workers are logged with the option --debug of the command"
    " line",
}
"""Keys that are read for older set-ups, and what mimocorb does instead."""

_OWNERS = {
    **{"Buffers": "buffer", "Workers": "worker"},
    **{"RingBuffer": "buffer", "Functions": "function"},
}
_ACTIONS = {"never": "go_on", "on_failure": "restart", "required": "end_run"}


def sorted_keys(
    form: Form,
    owner: str,
    body: MappingNode,
    spellings: Spellings,
    required: Sequence[str] = (),
    *,
    where: Where | None = None,
) -> MappingNode:
    """Return a body with its keys under their recommended names; problems go to the form."""
    known = {key: names for key, names in spellings.items() if names}
    return replace(body, entries=form.entries(owner, body, known, required, where=where))


def sorted_part(
    form: Form, name: ScalarNode, body: MappingNode, section: str, part: Any
) -> MappingNode:
    """Return a buffer or worker of a section with recommended keys and words.

    Parameters
    ----------
    form
        Takes the problems.
    name, body
        The part in the file.
    section
        The section in the words of the file.
    part
        The class of the model.
    """
    owner = f"{_OWNERS[section]} {name.value!r}"
    spellings = next(words[section] for words in SPELLINGS.values() if section in words)
    needed = [key for key, made in keys_of(part).items() if made.required]
    needed += ["data_dtype"] if part is BufferSpec and "channels" not in body.entries else []
    needed += ["file", "RB_assign"] if section == "Functions" else []
    table = sorted_keys(form, owner, body, spellings, needed, where=name.where)
    entry = table.entries.get("on_failure")
    if entry is None:
        return table
    others = {key: item for key, item in table.entries.items() if key != "on_failure"}
    translated = _on_failure(form, entry, f"{entry.key.value} of {name.value}")
    return replace(table, entries={**others, "on_failure": translated} if translated else others)


def _on_failure(form: Form, entry: Entry, what: str) -> Entry | None:
    """Return what happens on a failure; ``restart: required`` is an older word for end_run."""
    is_old = entry.key.value == "restart"
    if not isinstance(entry.value, MappingNode):
        action = _action(form, entry.value, what) if is_old else entry.value
        return Entry(entry.key, action) if action else None
    words = {key: (key,) for key in keys_of(OnFailure)} | (
        {"action": ("policy",)} if is_old else {}
    )
    table = sorted_keys(form, what, entry.value, words, ("action",))
    key, action = table.entries.get("action", (entry.key, None))
    if is_old and action:
        action = _action(form, action, f"{key.value} of {what}")
    if action is None:
        return None
    return Entry(entry.key, replace(table, entries={**table.entries, "action": Entry(key, action)}))


def _action(form: Form, node: Node, what: str) -> Node | None:
    word = form.value(Choice(tuple(_ACTIONS)), node, what)
    return replace(node, value=_ACTIONS[word]) if word and isinstance(node, ScalarNode) else None


def without_effect(form: Form, entries: dict[str, Entry], key: str, instead: str = "") -> None:
    """Take out a key that has no effect, and say so if it asks for one."""
    entry = entries.pop(key, None)
    if entry and form.value(Flag(), entry.value, str(entry.key.value)):
        found = f"found {entry.key.value}, which does nothing here"
        form.warning(entry.key.where, instead or EFFECTLESS[key], found, "remove it")
