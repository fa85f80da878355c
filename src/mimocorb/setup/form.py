"""Filling a form from a mapping: known keys, required keys, types and ranges.

A :class:`Form` collects every problem it meets and hands back ``None`` for what it could not read,
so that reading goes on and one look at the messages repairs a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mimocorb.setup.nearest import nearest
from mimocorb.setup.problems import Problem, Where
from mimocorb.setup.text.setup_file import Entry, ListNode, MappingNode, Node, ScalarNode

__all__ = ["ARGUMENTS", "NAME", "Form", "describe"]

# Names become keyword arguments of functions, parts of file names and titles of displays.
NAME = r"[A-Za-z0-9_][A-Za-z0-9_ .+-]*"
ARGUMENTS = ("source_list", "sink_list", "observe_list", "config_dict")


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
            Key to further spellings of it.
        required
            Keys that must be there.
        where
            Where a missing key is reported; the start of the mapping unless given.

        Returns
        -------
        dict
            By key, under its first spelling. A misspelt key is reported and then read as the key
            it most likely stands for, unless that one is there as well.
        """
        canonical = {name: key for key, more in known.items() for name in (key, *more)}
        found: dict[str, Entry] = {}
        unknown: list[Entry] = []
        for written, entry in table.entries.items():
            key = canonical.get(written) if isinstance(written, str) else None
            if key is None:
                unknown.append(entry)
            elif key in found:
                self.error(
                    entry.key.where,
                    f"{owner} has one of {' and '.join(map(repr, (key, *known[key])))}",
                    f"found {written!r} beside {found[key].key.value!r}",
                    "keep one of them",
                )
            else:
                found[key] = entry
        for entry in unknown:
            guess = nearest(entry.key.value, canonical)
            self.error(
                entry.key.where,
                f"{owner} has the keys {', '.join(known)}",
                f"found {str(entry.key.value)[:60]!r}",
                f"did you mean {guess!r}?" if guess else "remove it",
            )
            if guess:
                found.setdefault(canonical[guess], entry)
        for key in required:
            if key not in found:
                self.error(
                    where or table.where,
                    f"{owner} needs the key {key!r}",
                    "found none",
                    f"add {key!r}",
                )
        return found

    def whole_number(self, node: Node, what: str, minimum: int, maximum: int) -> int | None:
        """Return a whole number in ``minimum … maximum``."""
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        self.error(
            node.where,
            f"{what} must be a whole number from {minimum} to {maximum}",
            describe(node),
            _number_remedy(value, whole=True),
        )
        return None

    def number(self, node: Node, what: str, unit: str, *, above_zero: bool = False) -> float | None:
        """Return a finite number of at least 0, or above 0."""
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                if math.isfinite(value) and (value > 0 if above_zero else value >= 0):
                    return float(value)
            except OverflowError:
                pass
        self.error(
            node.where,
            f"{what} must be a number {'above' if above_zero else 'of at least'} 0, in {unit}",
            describe(node),
            _number_remedy(value, whole=False),
        )
        return None

    def flag(self, node: Node, what: str) -> bool | None:
        """Return a truth value."""
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        self.error(
            node.where, f"{what} must be true or false", describe(node), "write true or false"
        )
        return None

    def text(self, node: Node, what: str, example: str, *, lines: bool = False) -> str | None:
        """Return a text that is not empty; of one line, unless it may have several."""
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, str) and value.strip():
            parts = value.splitlines() if lines else [value]
            if all(part.isprintable() for part in parts):
                return value
        self.error(
            node.where, f"{what} must be a text", describe(node), f"write for example: {example}"
        )
        return None

    def name(self, node: Node, what: str) -> str | None:
        """Return the name of a buffer or worker."""
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, str) and re.fullmatch(NAME, value) and value not in ARGUMENTS:
            return value
        remedy = "choose a name such as RB_1"
        if value in ARGUMENTS:
            remedy = "choose another name: functions have an argument of this one"
        self.error(
            node.where,
            f"{what} has a name of letters, digits, underscores, spaces, dots and dashes",
            describe(node),
            remedy,
        )
        return None


def _number_remedy(value: object, *, whole: bool) -> str:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return "write a number"
        return f"write it without quotes: {value.strip()}"
    if whole and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    return "correct the number"
