"""The keys of set-up files: which there are, what their values may be, what they mean.

The readers of the dialects, the JSON schema for editors and the tables of the documentation say the
same, because they all come from here.
"""

from __future__ import annotations

from typing import Any

from mimocorb.schema import MAX_SLOT_BYTES
from mimocorb.setup.keys.composite_kinds import EventLimits, Restart, StopConditions
from mimocorb.setup.keys.kinds import Directory, Flag, Key, Keys, Number, Text, Unread, WholeNumber
from mimocorb.setup.keys.record_types import RecordType
from mimocorb.setup.paths import RUNS_DIRECTORY

__all__ = [
    "MAIN",
    "MANUAL_BUFFER_KEYS",
    "MANUAL_MAIN_KEYS",
    "MANUAL_TOP_KEYS",
    "MANUAL_WORKER_KEYS",
    "OPTION_KEYS",
    "RECOMMENDED_BUFFER_KEYS",
    "RECOMMENDED_TOP_KEYS",
    "RECOMMENDED_WORKER_KEYS",
]

_MAXIMUM_SLOTS = 1 << 24
_MAXIMUM_PROCESSES = 256
_MAXIMUM_EVENTS = (1 << 63) - 1

_LIMIT_KEYS: Keys = {
    "runtime": Key(
        Number("seconds"),
        "End the run after this time of data taking in seconds; 0: no limit.",
    ),
    "runevents": Key(
        EventLimits(_MAXIMUM_EVENTS),
        "End the run after this many events in the first buffer, or in those of a mapping of "
        "buffers to numbers; 0: no limit.",
    ),
}
_COMMON_KEYS: Keys = {
    "title": Key(Text("Muon lifetime"), "Name of the set-up in displays and summaries."),
    "operator": Key(Text("A. Student"), "Who takes the data, for the record of the run."),
    "comment": Key(
        Text("Second layer repaired", lines=True), "Anything worth knowing, for the record."
    ),
    **_LIMIT_KEYS,
    "stop_when": Key(
        StopConditions(),
        "End the run as soon as one of these conditions holds, such as 'RB_3.events >= 10000'.",
    ),
    "drain_timeout_s": Key(
        Number("seconds", above_zero=True),
        "Give up draining after this time without progress, in seconds, and save the rest.",
    ),
    "KBD_control": Key(Flag(), "Whether keys steer the run.", ("keyboard_control",)),
    "GUI_control": Key(Flag(), "Whether a window steers the run.", ("gui_control",)),
}
_COMMON_WORKER_KEYS: Keys = {
    "restart": Key(
        Restart(),
        "What happens when a process fails: never, on_failure or required, or a mapping of "
        "policy, limit and backoff_s.",
    ),
    "hang_timeout_s": Key(
        Number("seconds", above_zero=True),
        "Kill a process that holds one event for longer than this, in seconds.",
    ),
    "ordered": Key(
        Flag(), "Whether several processes publish their results in the order of the input."
    ),
    "rejected_sample": Key(
        WholeNumber(1, _MAXIMUM_EVENTS),
        "Keep one in this many rejected events, chosen at random, as a sample.",
    ),
}
_SLOTS = WholeNumber(1, _MAXIMUM_SLOTS)
_VALUES = WholeNumber(1, MAX_SLOT_BYTES)
_PROCESSES = WholeNumber(1, _MAXIMUM_PROCESSES)
_SLOTS_MEANING = "How many events the buffer holds."
_VALUES_MEANING = "Length of the array in a slot: samples of an event, or 1 for numbers."
_TYPE_MEANING = "NumPy type of one value, or its fields."
_PROCESSES_MEANING = "Processes that run the function and share the events of its sources."
_DIRECTORY = Directory(str(RUNS_DIRECTORY))
_DIRECTORY_MEANING = "Where the directories of runs are made."

_MAPPING: dict[str, Any] = {"type": ["object", "null"]}
_CONFIG_PART: dict[str, Any] = {"type": ["object", "string", "null"]}
_CONFIG: dict[str, Any] = {"anyOf": [_CONFIG_PART, {"type": "array", "items": _CONFIG_PART}]}
_NAMES: dict[str, Any] = {"type": ["array", "string", "null"], "items": {"type": "string"}}
_ROLES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"enum": ["read", "write", "observe"]},
}

MANUAL_TOP_KEYS: Keys = {
    "RingBuffer": Key(Unread(), "The buffers, a list of names with their keys.", required=True),
    "Functions": Key(Unread(), "The workers, a list of names with their keys.", required=True),
    "FunctionConfigs": Key(Unread(_MAPPING), "Configuration of functions, one section for each."),
    "output_directory": Key(_DIRECTORY, _DIRECTORY_MEANING),
    **_COMMON_KEYS,
}
MANUAL_BUFFER_KEYS: Keys = {
    "number_of_slots": Key(_SLOTS, _SLOTS_MEANING, required=True),
    "channel_per_slot": Key(_VALUES, _VALUES_MEANING, ("values_per_slot",), required=True),
    "data_type": Key(RecordType(), _TYPE_MEANING, ("dtype",), required=True),
}
MAIN = "Fkt_main"
"""The entry of the manual's ``Functions`` that is no worker."""
MANUAL_MAIN_KEYS: Keys = {
    "config_file": Key(Text("config/simulation_config.yaml"), "The common configuration file."),
    **_LIMIT_KEYS,
}
MANUAL_WORKER_KEYS: Keys = {
    "file_name": Key(
        Text("modules/source"), "The Python file, or a module of mimocorb.", required=True
    ),
    "fkt_name": Key(Text("my_function"), "Name of the function.", required=True),
    "num_process": Key(_PROCESSES, _PROCESSES_MEANING),
    "RB_assign": Key(Unread(_ROLES), "Buffer name to read, write or observe.", required=True),
    "config_file": Key(Text("config/source.yaml"), "Configuration file of this worker alone."),
    **_COMMON_WORKER_KEYS,
}

RECOMMENDED_TOP_KEYS: Keys = {
    "Buffers": Key(Unread(), "The buffers, name to keys.", required=True),
    "Workers": Key(Unread(), "The workers, name to keys.", required=True),
    "base_config": Key(Unread(_CONFIG), "A configuration below that of every worker."),
    "Options": Key(Unread(_MAPPING), "Options of the first versions of mimoCoRB2."),
    "target_directory": Key(_DIRECTORY, _DIRECTORY_MEANING, ("output_directory",)),
    **_COMMON_KEYS,
}
RECOMMENDED_BUFFER_KEYS: Keys = {
    "slot_count": Key(_SLOTS, _SLOTS_MEANING, ("number_of_slots",), required=True),
    "data_length": Key(_VALUES, _VALUES_MEANING, ("values_per_slot",), required=True),
    "data_dtype": Key(RecordType(), _TYPE_MEANING, ("dtype",), required=True),
    "overwrite": Key(Flag(), "Option of the first versions of mimoCoRB2, without effect."),
}
# Options of the first versions of mimoCoRB2.
OPTION_KEYS: Keys = {
    "output_directory": Key(_DIRECTORY, _DIRECTORY_MEANING),
    "overarching_config": Key(Unread(_CONFIG), "As base_config."),
    "overwrite": Key(Flag(), "Without effect; every run has a directory of its own."),
    "debug_workers": Key(Flag(), "Without effect; the option --debug of the command line does it."),
}
RECOMMENDED_WORKER_KEYS: Keys = {
    "file": Key(Text("modules/source.py"), "The Python file; none for functions of mimocorb."),
    "function": Key(Text("my_function"), "Name of the function.", required=True),
    "config": Key(Unread(_CONFIG), "Mapping, file or list of these, later ones over earlier ones."),
    "number_of_processes": Key(_PROCESSES, _PROCESSES_MEANING),
    "sources": Key(Unread(_NAMES), "Buffers that are read.", ("source_list",)),
    "sinks": Key(Unread(_NAMES), "Buffers that are written.", ("sink_list",)),
    "observes": Key(Unread(_NAMES), "Buffers that are observed.", ("observe_list",)),
    **_COMMON_WORKER_KEYS,
}
