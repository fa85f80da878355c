"""The JSON schema of set-up files, for editors that check and complete while one writes.

It is made from the keys that the readers use (:mod:`mimocorb.setup.keys.table`). The file
``setup.schema.json`` in the package is the text of it; ``mimocorb schema`` prints it.
"""

from __future__ import annotations

import json

from mimocorb.setup.form import ARGUMENTS, NAME
from mimocorb.setup.keys.composite_kinds import Merge
from mimocorb.setup.keys.kinds import Keys, Schema, table_schema
from mimocorb.setup.keys.table import (
    MAIN,
    MANUAL_BUFFER_KEYS,
    MANUAL_MAIN_KEYS,
    MANUAL_TOP_KEYS,
    MANUAL_WORKER_KEYS,
    RECOMMENDED_BUFFER_KEYS,
    RECOMMENDED_TOP_KEYS,
    RECOMMENDED_WORKER_KEYS,
)

__all__ = ["schema_text", "setup_schema"]

# The draft that editors know best.
_DRAFT = "http://json-schema.org/draft-07/schema#"
_NAMES: Schema = {"pattern": f"^{NAME}$", "not": {"enum": list(ARGUMENTS)}}


def setup_schema() -> Schema:
    """Return the JSON schema of a set-up in any dialect."""
    is_manual = {"anyOf": [{"required": ["RingBuffer"]}, {"required": ["Functions"]}]}
    main = {"anyOf": [table_schema(MANUAL_MAIN_KEYS), {"type": "null"}]}
    return {
        "$schema": _DRAFT,
        "title": "Set-up of mimocorb",
        "description": "Buffers, workers, and who reads, writes or observes which buffer.",
        "type": "object",
        "if": is_manual,
        "then": _top(MANUAL_TOP_KEYS, RingBuffer="manual_buffers", Functions="manual_workers"),
        "else": _top(RECOMMENDED_TOP_KEYS, Buffers="buffers", Workers="workers"),
        "definitions": {
            "manual_buffers": _listed("manual_buffers"),
            "manual_buffers_by_name": _by_name(table_schema(MANUAL_BUFFER_KEYS)),
            "manual_workers": _listed("manual_workers"),
            "manual_workers_by_name": _by_name(table_schema(MANUAL_WORKER_KEYS), {MAIN: main}),
            "buffers": _by_name(_or_file(table_schema(RECOMMENDED_BUFFER_KEYS))),
            "workers": _by_name(_or_file(_worker())),
        },
    }


def schema_text() -> str:
    """Return the schema as the file that is part of the package."""
    return json.dumps(setup_schema(), indent=2, ensure_ascii=False) + "\n"


def _top(keys: Keys, **sections: str) -> Schema:
    """Describe the top level; other keys may be templates, which are mappings or lists."""
    schema = table_schema(keys)
    for name, definition in sections.items():
        schema["properties"][name] = _reference(definition)
    return {**schema, "additionalProperties": {"type": ["object", "array"]}}


def _worker() -> Schema:
    """Describe a worker; only with several sources ``merge`` in its configuration is known."""
    merge = {"description": "How events of the sources are put together.", **Merge().schema()}
    return {
        **table_schema(RECOMMENDED_WORKER_KEYS),
        "if": {
            "required": ["sources"],
            "properties": {"sources": {"type": "array", "minItems": 2}},
        },
        "then": {"properties": {"config": {"properties": {"merge": merge}}}},
    }


def _by_name(entry: Schema, special: Schema | None = None) -> Schema:
    """Describe a mapping of names to entries."""
    return {
        "type": "object",
        "propertyNames": _NAMES,
        "properties": special or {},
        "additionalProperties": entry,
    }


def _listed(definition: str) -> Schema:
    """Describe a list of mappings with one name each, or one mapping of names."""
    by_name = _reference(f"{definition}_by_name")
    return {"anyOf": [{"type": "array", "items": by_name}, by_name]}


def _reference(definition: str) -> Schema:
    return {"$ref": f"#/definitions/{definition}"}


def _or_file(entry: Schema) -> Schema:
    return {"anyOf": [entry, {"type": "string", "minLength": 1}]}
