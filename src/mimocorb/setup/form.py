"""Collecting what is wrong with a set-up: known keys, required keys, values of their kinds.

A :class:`Form` collects every problem it meets, so that reading goes on after one, and one look at
the messages repairs a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from mimocorb.model.faults import Fault, Faults
from mimocorb.model.kinds import Kind, Text, name_faults
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.nearest import nearest
from mimocorb.setup.text.setup_file import Entry, ListNode, MappingNode, Node, ScalarNode, plain

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = ["Form", "describe"]


def describe(node: Node) -> str:
    """Say what a node is, as the second half of a message."""
    if isinstance(node, MappingNode):
        keys = ", ".join(repr(key)[:30] for key in list(node.entries)[:3])
        return f"found a mapping with {keys or 'no keys'}"
    if isinstance(node, ListNode):
        return f"found a list of {len(node.items)}"
    if node.value is None:
        return "found nothing"
    if isinstance(node.value, str):
        return f"found the text {node.value[:60]!r}"
    return f"found {str(node.value)[:60]}"


@dataclass
class Form:
    """Reads values and keeps the problems."""

    problems: list[Problem] = field(default_factory=list)

    def error(self, where: Where, asked: str, found: str, remedy: str) -> None:
        """Note something that keeps the run from starting."""
        self.problems.append(Problem(where, asked, found, remedy))

    def warning(self, where: Where, asked: str, found: str, remedy: str) -> None:
        """Note something that is suspicious but possible."""
        self.problems.append(Problem(where, asked, found, remedy, "warning"))

    def mapping(self, node: Node, what: str, example: str) -> MappingNode | None:
        """Return a mapping; an empty value is an empty mapping."""
        if isinstance(node, MappingNode):
            return node
        if isinstance(node, ScalarNode) and node.value is None:
            return MappingNode({}, node.where)
        remedy = f"write for example: {example}"
        if isinstance(node, ScalarNode) and re.match(r"\w+:\S", str(node.value)):
            remedy = "insert a space after the colon"
        self.error(
            node.where, f"{what} must be a mapping of keys to values", describe(node), remedy
        )
        return None

    def entries(
        self,
        owner: str,
        table: MappingNode,
        known: Mapping[str, Sequence[str]],
        required: Sequence[str] = (),
        *,
        where: Where | None = None,
    ) -> dict[str, Entry]:
        """Sort the entries of a mapping by the keys that are known there.

        Parameters
        ----------
        owner
            The thing described, for messages.
        table
            The mapping.
        known
            Key to its spellings; the first one is for messages.
        required
            Keys that must be there.
        where
            Where a missing key is reported; the start of the mapping unless given.

        Returns
        -------
        dict
            By key; each entry has the spelling of the file. A misspelt key is reported and then
            read as the key it most likely stands for, unless that one is there as well.
        """
        canonical = {name: key for key, names in known.items() for name in names}
        found: dict[str, Entry] = {}
        unknown: list[Entry] = []
        for written, entry in table.entries.items():
            key = canonical.get(written) if isinstance(written, str) else None
            if key is None:
                unknown.append(entry)
            elif key in found:
                self.error(
                    entry.key.where,
                    f"{owner} has one of {' and '.join(map(repr, known[key]))}",
                    f"found {written!r} beside {found[key].key.value!r}",
                    "keep one of them",
                )
            else:
                found[key] = entry
        for entry in unknown:
            guess = nearest(entry.key.value, canonical)
            self.error(
                entry.key.where,
                f"{owner} has the keys {', '.join(names[0] for names in known.values())}",
                f"found {str(entry.key.value)[:60]!r}",
                f"did you mean {guess!r}?" if guess else "remove it",
            )
            if guess:
                found.setdefault(canonical[guess], entry)
        for key in required:
            if key not in found:
                name = known[key][0]
                at = where or table.where
                self.error(at, f"{owner} needs the key {name!r}", "found none", f"add {name!r}")
        return found

    def value(self, kind: Kind, node: Node, what: str) -> Any:
        """Return a value as its kind reads it; ``None`` if that fails, which is reported.

        Parameters
        ----------
        kind
            What the value may be.
        node
            The value as it stands in the file.
        what
            What it is, for messages: "slot_count of raw".
        """
        return self.valid(kind, plain(node), node, what)

    def valid(self, kind: Kind, value: Any, node: Node, what: str) -> Any:
        """Return a value that stands for a node, if it is of a kind; see :meth:`value`."""
        from pydantic_core import ValidationError

        try:
            return _validator(kind).validate_python(value)
        except ValidationError as error:
            (refused,) = error.errors(include_url=False)
        context = refused["ctx"]
        cause = context.get("error")
        if isinstance(cause, Faults):
            self.faults(cause.faults, node, what)
            return None
        remedy = context.get("remedy") or _remedy(value, context)
        self.error(node.where, f"{what} {context['asked']}", describe(node), remedy)
        return None

    def faults(self, faults: Sequence[Fault], node: Node, what: str) -> None:
        """Note what is wrong with parts of a value."""
        for fault in faults:
            at = _part(node, fault.path, at_key=fault.at_key)
            found = fault.found or describe(at)
            if fault.other is not None:
                found = found.replace("{line}", str(_part(node, fault.other).where.line))
            value = at.value if isinstance(at, ScalarNode) else None
            remedy = fault.remedy
            if fault.words:
                remedy = _meant(value, fault.words) or remedy
            elif not remedy and not fault.found:
                remedy = _number_remedy(value, whole=True)
            part = fault.part.replace("{}", what)
            self.error(at.where, f"{part} {fault.asked}", found, remedy)

    def name(self, node: Node, what: str) -> str | None:
        """Return the name of a buffer or worker."""
        name = node.value if isinstance(node, ScalarNode) else None
        faults = name_faults(name)
        self.faults(faults, node, what)
        return None if faults else str(name)

    def text(self, node: Node, what: str, example: str) -> str | None:
        """Return a text that is not empty."""
        text: str | None = self.value(Text(example), node, what)
        return text


@cache
def _validator(kind: Kind) -> SchemaValidator:
    from pydantic_core import SchemaValidator

    return SchemaValidator(kind.core())


def _part(node: Node, path: Sequence[Any], *, at_key: bool = False) -> Node:
    """Return the node at the end of a path; the key itself, if it is meant."""
    for number, step in enumerate(path, 1):
        if isinstance(node, MappingNode):
            key, value = node.entries[step]
            node = key if at_key and number == len(path) else value
        elif isinstance(node, ListNode):
            node = node.items[step]
    return node


def _remedy(value: object, context: Mapping[str, Any]) -> str:
    words = context.get("words")
    if words:
        return _meant(value, words) or "write one of them"
    return _number_remedy(value, whole=context.get("number") == "whole")


def _meant(value: object, words: Sequence[str]) -> str | None:
    """Say which of the words a text may stand for, if it looks like one."""
    text = value.removeprefix("np.").removeprefix("numpy.") if isinstance(value, str) else ""
    guess = nearest(text, words) if text else None
    return f"did you mean {guess!r}?" if guess else None


def _number_remedy(value: object, *, whole: bool) -> str:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return "write a number"
        return f"write it without quotes: {value.strip()}"
    if whole and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"write {int(value)}"
    return "correct the number"
