"""The JSON schema of set-up files, for editors that check and complete while one writes.

pydantic makes it from the model (:mod:`mimocorb.model`). The file ``setup.schema.json`` in the
package is the text of it; ``mimocorb schema`` prints it. It describes the recommended form.
"""

from __future__ import annotations

import json
from typing import Any

from mimocorb.model import Setup
from mimocorb.model.merge import MergeSettings

__all__ = ["part_schema", "schema_text", "setup_schema"]

# The draft that editors know best.
_DRAFT = "http://json-schema.org/draft-07/schema#"

Schema = dict[str, Any]


def part_schema(part: Any) -> Schema:
    """Return the JSON schema of a class of the model."""
    from pydantic import TypeAdapter

    schema: Schema = _plain(TypeAdapter(part).json_schema())
    return schema


def setup_schema() -> Schema:
    """Return the JSON schema of a set-up."""
    schema = part_schema(Setup)
    one_type = [{"required": ["data_dtype"]}, {"required": ["channels"]}]
    schema["$defs"]["BufferSpec"]["oneOf"] = one_type
    worker, merge = schema["$defs"]["WorkerSpec"], part_schema(MergeSettings)
    for kind in merge["properties"].values():
        if "type" in kind:
            kind["type"] = [kind["type"], "null"]
    # Only with several sources, merge in the configuration of a worker is ours.
    worker["if"] = {
        "required": ["sources"],
        "properties": {"sources": {"type": "array", "minItems": 2}},
    }
    merge["type"] = ["object", "null"]
    worker["then"] = {"properties": {"config": {"properties": {"merge": merge}}}}
    return {
        "$schema": _DRAFT,
        **schema,
        "title": "Set-up of mimocorb",
        "description": "Buffers, workers, and who reads, writes or observes which buffer.",
        # Other keys may be templates, which are mappings or lists.
        "additionalProperties": {"type": ["object", "array"]},
    }


def schema_text() -> str:
    """Return the schema as the file that is part of the package."""
    return json.dumps(setup_schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """Leave out what says nothing: titles made from names, defaults that stand for nothing."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_field = "description" in value or "type" in value
    dropped = {"title"} if is_field and isinstance(value.get("title"), str) else set()
    if value.get("default", 0) is None:
        dropped.add("default")
    kept = {key: _plain(item) for key, item in value.items() if key not in dropped}
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split())
    return kept
