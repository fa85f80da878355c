"""Kinds of values that have parts: limits of events, stop conditions, restart policies, merges."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, get_args

from mimocorb.setup.form import Form, describe
from mimocorb.setup.keys.kinds import (
    Choice,
    Key,
    Keys,
    Number,
    Schema,
    Text,
    WholeNumber,
    given_keys,
    table_schema,
)
from mimocorb.setup.merge_settings import Incomplete, MergeBy, MergeSettings, window_fault
from mimocorb.setup.model import Comparison, Policy, RestartPolicy, StopCondition
from mimocorb.setup.problems import Where
from mimocorb.setup.text.setup_file import ListNode, MappingNode, Node, ScalarNode

__all__ = ["EventLimits", "Merge", "Restart", "StopConditions"]

_CONDITION = re.compile(
    r"\s*(?P<subject>.+)\.(?P<quantity>[A-Za-z_]\w*)\s*(?P<comparison>[<>]=?|==)\s*(?P<limit>\S+)\s*"
)
_EXAMPLE = "RB_3.events >= 10000"


@dataclass(frozen=True)
class EventLimits:
    """A number of events in the first buffer, or a mapping of buffers to numbers."""

    maximum: int

    def read(self, form: Form, node: Node, what: str) -> int | dict[str, tuple[int, Where]] | None:
        """Return the number, or numbers and places of the buffers' names; 0 sets no limit."""
        if not isinstance(node, MappingNode):
            return form.whole_number(node, what, 0, self.maximum)
        read: dict[str, tuple[int, Where]] = {}
        for entry in node.entries.values():
            name = form.name(entry.key, f"a buffer in {what}")
            number = form.whole_number(entry.value, f"{what} in {name}", 0, self.maximum)
            if name is not None and number is not None:
                read[name] = (number, entry.key.where)
        return read

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        number = WholeNumber(0, self.maximum).schema()
        return {"anyOf": [number, {"type": "object", "additionalProperties": number}]}


@dataclass(frozen=True)
class StopConditions:
    """Texts such as ``RB_3.events >= 10000``, one or a list."""

    def read(self, form: Form, node: Node, what: str) -> tuple[StopCondition, ...]:
        """Return the conditions that can be read."""
        if isinstance(node, ScalarNode) and node.value is None:
            return ()
        items = node.items if isinstance(node, ListNode) else (node,)
        read = (self._condition(form, item, f"an entry of {what}") for item in items)
        return tuple(condition for condition in read if condition is not None)

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        text = {**Text(_EXAMPLE).schema(), "pattern": r"^.+\.[A-Za-z_]\w*\s*([<>]=?|==)\s*\S+\s*$"}
        return {"anyOf": [text, {"type": "array", "items": text}]}

    def _condition(self, form: Form, node: Node, what: str) -> StopCondition | None:
        value = node.value if isinstance(node, ScalarNode) else None
        match = _CONDITION.fullmatch(value) if isinstance(value, str) else None
        limit = _finite(match["limit"]) if match else None
        if match is None or limit is None:
            form.error(
                node.where,
                f"{what} compares what a buffer or worker reports with a number",
                describe(node),
                f"write for example: {_EXAMPLE}",
            )
            return None
        comparison: Comparison = next(
            known for known in get_args(Comparison) if known == match["comparison"]
        )
        return StopCondition(match["subject"], match["quantity"], comparison, limit, node.where)


@dataclass(frozen=True)
class Restart:
    """What happens when a process fails: a word, or a mapping with limits."""

    KEYS: ClassVar[Keys] = {
        "policy": Key(
            Choice(get_args(Policy)),
            "required: the run ends; on_failure: a new process; never: the others go on.",
            required=True,
        ),
        "limit": Key(WholeNumber(0, 1_000_000), "New processes in a run, for each process."),
        "backoff_s": Key(
            Number("seconds"), "Pause before the first new process; it doubles every time."
        ),
    }

    def read(self, form: Form, node: Node, what: str) -> RestartPolicy | None:
        """Return the policy."""
        policies: Mapping[str, Policy] = {word: word for word in get_args(Policy)}
        if not isinstance(node, MappingNode):
            word = Choice(get_args(Policy)).read(form, node, what)
            return RestartPolicy(policies[word]) if word else None
        given = given_keys(form, what, node, self.KEYS, of=what)
        word = given.value("policy")
        numbers = {key: given.value(key) for key in ("limit", "backoff_s") if key in given}
        if word is None or None in numbers.values():
            return None
        return RestartPolicy(policies[word], **numbers)

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        table = table_schema(self.KEYS)
        return {"anyOf": [Choice(get_args(Policy)).schema(), table]}


@dataclass(frozen=True)
class Merge:
    """How events of several buffers are put together: ``merge`` in a configuration."""

    KEYS: ClassVar[Keys] = {
        "by": Key(
            Choice(get_args(MergeBy)),
            "counter: events of the same number belong together; time: those at most window_s "
            "after the earliest.",
        ),
        "window_s": Key(Number("seconds"), "The window in seconds, for by: time."),
        "incomplete": Key(
            Choice(get_args(Incomplete)),
            "If a buffer has nothing that fits: drop the others, pass them on, or fail.",
        ),
        "timeout_s": Key(
            Number("seconds"), "How long to wait for a buffer that has nothing, in seconds."
        ),
    }

    def read(self, form: Form, node: Node, what: str) -> MergeSettings | None:
        """Return the settings."""
        table = form.mapping(node, what, "merge: {by: time, window_s: 0.001}")
        if table is None:
            return None
        entries = {  # nothing given is as good as not given: timeout_s: null
            key: entry
            for key, entry in table.entries.items()
            if not isinstance(entry.value, ScalarNode) or entry.value.value is not None
        }
        given = given_keys(form, what, replace(table, entries=entries), self.KEYS, of=what)
        values = {key: given.value(key) for key in given}
        if None in values.values():
            return None
        window_s = values.get("window_s")
        fault = window_fault(values.get("by", MergeSettings.by), window_s)
        if fault:
            asked, found, remedy = fault
            at_fault = "by" if window_s is None else "window_s"
            form.error(given.where(at_fault), f"{what}: {asked}", found, remedy)
            return None
        return MergeSettings(**values)

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        table = table_schema(self.KEYS)
        for kind in table["properties"].values():
            if "type" in kind:
                kind["type"] = [kind["type"], "null"]
        return {**table, "type": ["object", "null"]}


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
