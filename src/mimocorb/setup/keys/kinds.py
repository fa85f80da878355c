"""What may stand as the value of a key: one description, from which it is read and documented.

Every kind reads a node (problems go to the form, and the answer is ``None`` then) and describes
itself as JSON schema, so that an editor and the reader cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mimocorb.setup.form import Form, describe
from mimocorb.setup.nearest import nearest
from mimocorb.setup.problems import Where
from mimocorb.setup.text.setup_file import Entry, MappingNode, Node, ScalarNode

__all__ = [
    "Choice",
    "Directory",
    "Flag",
    "Given",
    "Key",
    "Keys",
    "Kind",
    "Number",
    "Schema",
    "Text",
    "Unread",
    "WholeNumber",
    "given_keys",
    "table_schema",
]

Schema = dict[str, Any]


class Kind(Protocol):
    """A kind of value."""

    def read(self, form: Form, node: Node, what: str) -> Any:
        """Return the value; ``None`` if it is not of this kind, which is in the form then."""

    def schema(self) -> Schema:
        """Return the description as JSON schema."""


@dataclass(frozen=True)
class Key:
    """A key of a set-up.

    Parameters
    ----------
    kind
        What its value may be.
    meaning
        One sentence for the user.
    spellings
        Further spellings.
    required
        Whether it must be there.
    """

    kind: Kind
    meaning: str
    spellings: tuple[str, ...] = ()
    required: bool = False


Keys = Mapping[str, Key]


class Given:
    """The keys of a mapping that are there, each to be read as its kind.

    Parameters
    ----------
    form
        Takes the problems.
    keys
        Those that may be there.
    entries
        Those that are there.
    of
        The thing described, for messages such as "number_of_slots of RB_1"; nothing for the
        set-up itself.
    """

    def __init__(self, form: Form, keys: Keys, entries: Mapping[str, Entry], of: str) -> None:
        self._form = form
        self._keys = keys
        self._entries = entries
        self._of = f" of {of}" if of else ""

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def entry(self, key: str) -> Entry | None:
        """Return key and value as they stand in the file; ``None`` if they do not."""
        return self._entries.get(key)

    def node(self, key: str) -> Node | None:
        """Return the value as it stands in the file; ``None`` if it is not there."""
        entry = self._entries.get(key)
        return entry.value if entry else None

    def where(self, key: str) -> Where:
        """Return the place of a key that is there."""
        return self._entries[key].key.where

    def value(self, key: str) -> Any:
        """Return the value as its kind reads it; ``None`` if it is not there or wrong."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        return self._keys[key].kind.read(self._form, entry.value, f"{entry.key.value}{self._of}")


def given_keys(
    form: Form,
    owner: str,
    table: MappingNode,
    keys: Keys,
    *,
    of: str = "",
    where: Where | None = None,
) -> Given:
    """Sort out the keys of a mapping; unknown and missing ones go to the form.

    Parameters
    ----------
    form
        Takes the problems.
    owner
        The thing described, for messages about its keys, such as "buffer 'RB_1'".
    table
        The mapping.
    keys
        The keys that it may have.
    of
        The thing described, for messages about values, such as "RB_1".
    where
        Where a missing key is reported; the start of the mapping unless given.
    """
    known = {name: key.spellings for name, key in keys.items()}
    required = [name for name, key in keys.items() if key.required]
    return Given(form, keys, form.entries(owner, table, known, required, where=where), of)


def table_schema(keys: Keys) -> Schema:
    """Return the JSON schema of a mapping with these keys and no others."""
    properties = {
        spelling: {"description": key.meaning, **key.kind.schema()}
        for name, key in keys.items()
        for spelling in (name, *key.spellings)
    }
    needed = [(name, *key.spellings) for name, key in keys.items() if key.required]
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": [names[0] for names in needed if len(names) == 1],
    }
    choices = [
        {"anyOf": [{"required": [name]} for name in names]} for names in needed if len(names) > 1
    ]
    return {**schema, "allOf": choices} if choices else schema


@dataclass(frozen=True)
class WholeNumber:
    """A whole number in ``minimum … maximum``."""

    minimum: int
    maximum: int

    def read(self, form: Form, node: Node, what: str) -> int | None:
        """Return the number."""
        return form.whole_number(node, what, self.minimum, self.maximum)

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Number:
    """A finite number of at least 0, or above 0."""

    unit: str
    above_zero: bool = False

    def read(self, form: Form, node: Node, what: str) -> float | None:
        """Return the number."""
        return form.number(node, what, self.unit, above_zero=self.above_zero)

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        return {"type": "number", "exclusiveMinimum" if self.above_zero else "minimum": 0}


@dataclass(frozen=True)
class Flag:
    """A truth value."""

    def read(self, form: Form, node: Node, what: str) -> bool | None:
        """Return the truth value."""
        return form.flag(node, what)

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text:
    """A text that is not empty, such as ``example``; of several lines if it may be."""

    example: str
    lines: bool = False

    def read(self, form: Form, node: Node, what: str) -> str | None:
        """Return the text."""
        return form.text(node, what, self.example, lines=self.lines)

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        return {"type": "string", "minLength": 1, "examples": [self.example]}


@dataclass(frozen=True)
class Directory(Text):
    """The name of a directory that a run makes, and so would make under a wrong name as well."""

    def read(self, form: Form, node: Node, what: str) -> str | None:
        """Return the name."""
        name = super().read(form, node, what)
        if name is not None and re.search(r"\$\{?\w", name):
            form.warning(
                node.where,
                f"{what} is a name in which ~ is the home directory, and nothing else is filled in",
                f"found {name!r}",
                "write the name out",
            )
        return name


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: Sequence[str]

    def read(self, form: Form, node: Node, what: str) -> str | None:
        """Return the word."""
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, str) and value in self.words:
            return value
        guess = nearest(value, self.words) if isinstance(value, str) else None
        *most, last = (repr(word) for word in self.words)
        form.error(
            node.where,
            f"{what} is {', '.join(most)} or {last}",
            describe(node),
            f"did you mean {guess!r}?" if guess else "write one of them",
        )
        return None

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Unread:
    """A value that is read elsewhere: only its description is here."""

    fragment: Schema = field(default_factory=dict)

    def read(self, form: Form, node: Node, what: str) -> Node:  # noqa: ARG002
        """Return the node as it is."""
        return node

    def schema(self) -> Schema:
        """Return the description as JSON schema."""
        return dict(self.fragment)
