"""What may stand as the value of a key of a set-up, said beside the field that takes it.

A field of the model that is annotated with a kind is a key of set-up files::

    slot_count: Annotated[int, WholeNumber(1, 1 << 24)]

The kind tells pydantic how to read a value and how to describe it as JSON schema, and knows how a
value is written back. pydantic is imported only where that is done.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import CoreSchema
from mimocorb.model.faults import Fault, Faults

__all__ = [
    "Choice",
    "Derived",
    "Directory",
    "Flag",
    "Kind",
    "Number",
    "Parsed",
    "Section",
    "Table",
    "Text",
    "WholeNumber",
    "WordOrTable",
    "command_line",
    "host_names",
    "name_faults",
    "names",
]

Schema = dict[str, Any]

# Names become keyword arguments of functions, parts of file names and titles of displays.
NAME = r"[A-Za-z0-9_][A-Za-z0-9_ .+-]*"
RESERVED_NAMES = ("source_list", "sink_list", "observe_list", "config_dict")
"""Arguments of functions of the older form; the names of buffers are arguments beside them."""


class Kind:
    """What the value of a key may be."""

    def core(self) -> CoreSchema:
        """Return how pydantic reads a value."""
        raise NotImplementedError

    def write(self, value: Any) -> Any:
        """Return a value as a set-up has it."""
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return self.core()


class Derived:
    """A field that follows from the set-up as a whole, and is no key."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core.core_schema import any_schema

        return any_schema()

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Schema:
        from pydantic_core import PydanticOmit

        raise PydanticOmit


def _refusing(schema: CoreSchema, asked: str, **context: Any) -> CoreSchema:
    """Say what belongs there in one sentence, whatever pydantic finds wrong with a value."""
    from pydantic_core.core_schema import custom_error_schema

    # braces in the sentence would be filled in from the context
    return custom_error_schema(
        schema,
        "refused",
        custom_error_message="{asked}",
        custom_error_context={"asked": asked, **context},
    )


@dataclass(frozen=True)
class WholeNumber(Kind):
    """A whole number in ``minimum … maximum``."""

    minimum: int
    maximum: int

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core.core_schema import int_schema

        asked = f"must be a whole number from {self.minimum} to {self.maximum}"
        return _refusing(
            int_schema(strict=True, ge=self.minimum, le=self.maximum), asked, number="whole"
        )


@dataclass(frozen=True)
class Number(Kind):
    """A finite number of at least 0, or above 0; 0 may stand for no number at all."""

    unit: str
    above_zero: bool = False
    zero_is_none: bool = False

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core import core_schema

        number = core_schema.float_schema(
            strict=True,
            allow_inf_nan=False,
            gt=0 if self.above_zero else None,
            ge=None if self.above_zero else 0,
        )
        least = "above" if self.above_zero else "of at least"
        read = _refusing(number, f"must be a number {least} 0, in {self.unit}", number="any")
        if not self.zero_is_none:
            return read
        return core_schema.no_info_after_validator_function(lambda value: value or None, read)

    def write(self, value: float) -> float | int:
        """Return 60 for 60.0, as a person would write it."""
        return int(value) if value.is_integer() and value < 1e15 else value


class Flag(Kind):
    """A truth value."""

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core.core_schema import bool_schema

        return _refusing(
            bool_schema(strict=True), "must be true or false", remedy="write true or false"
        )


@dataclass(frozen=True)
class Text(Kind):
    """A text that is not empty, such as ``example``; of several lines if it may be."""

    example: str
    lines: bool = False

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core import core_schema

        text = core_schema.str_schema(strict=True, min_length=1)
        return _refusing(
            core_schema.no_info_after_validator_function(self._printable, text),
            "must be a text",
            remedy=f"write for example: {self.example}",
        )

    def _printable(self, text: str) -> str:
        parts = text.splitlines() if self.lines else [text]
        if not text.strip() or not all(part.isprintable() for part in parts):
            raise ValueError
        return text

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Schema:
        return {**handler(schema), "examples": [self.example]}


class Directory(Text):
    """The name of a directory that a run makes, and so would make under a wrong name as well."""


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    words: Sequence[str]

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core.core_schema import literal_schema

        return _refusing(literal_schema(list(self.words)), self.asked, words=self.words)

    @property
    def asked(self) -> str:
        """The words, to follow the name of the key."""
        *most, last = (repr(word) for word in self.words)
        return f"is {', '.join(most)} or {last}"

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Schema:
        return {"enum": list(self.words)}


@dataclass(frozen=True, eq=False)
class Parsed(Kind):
    """A value that a function reads, which raises :class:`Faults`; described by a JSON schema."""

    parse: Callable[[Any], Any]
    described: Mapping[str, Any]
    writer: Callable[[Any], Any] | None = None

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core.core_schema import no_info_plain_validator_function

        return no_info_plain_validator_function(self.parse)

    def write(self, value: Any) -> Any:
        """Return a value as a set-up has it."""
        return self.writer(value) if self.writer else value

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Schema:
        return dict(self.described)


class _OfParts(Kind):
    """A value with parts that are described by a class of the model."""

    part: type

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core.core_schema import any_schema, json_or_python_schema

        described = handler.generate_schema(self.part)
        return json_or_python_schema(json_schema=described, python_schema=any_schema())


@dataclass(frozen=True)
class WordOrTable(_OfParts):
    """One of a few words, or a mapping of which one key is the word.

    Parameters
    ----------
    part
        The class of the mapping; its first field takes the word.
    words
        The words.
    """

    part: type
    words: Sequence[str]

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core import core_schema

        word = core_schema.no_info_after_validator_function(
            self.part, core_schema.literal_schema(list(self.words))
        )
        table = core_schema.is_instance_schema(self.part)  # the reader has read it already
        choice = core_schema.union_schema([table, word])
        return _refusing(choice, Choice(self.words).asked, words=self.words)

    def write(self, value: Any) -> Any:
        """Return the word alone, if the rest is as usual."""
        word, *more = (field.name for field in fields(self.part))
        chosen = getattr(value, word)
        if value == self.part(chosen):
            return chosen
        return {word: chosen, **{name: getattr(value, name) for name in more}}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Schema:
        return {"anyOf": [{"enum": list(self.words)}, handler(schema)]}


@dataclass(frozen=True)
class Table(_OfParts):
    """A mapping of keys that are described by a class of the model."""

    part: type

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core import core_schema

        table = core_schema.is_instance_schema(self.part)  # the reader has read it already
        return _refusing(table, "must be a mapping")

    def write(self, value: Any) -> Any:
        """Return the mapping, without what is as usual."""
        from mimocorb.model.keys import written

        return written(value)


@dataclass(frozen=True)
class Section(_OfParts):
    """A mapping of names to parts, or to files that hold one."""

    part: type

    def core(self) -> CoreSchema:
        """Return how pydantic reads it."""
        from pydantic_core.core_schema import any_schema

        return any_schema()  # the reader has read each part alone

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Schema:
        file = {"type": "string", "minLength": 1}
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{NAME}$", "not": {"enum": list(RESERVED_NAMES)}},
            "additionalProperties": {"anyOf": [handler(schema), file]},
        }


def name_faults(name: object, **place: Any) -> list[Fault]:
    """Return what is wrong with the name of a buffer or worker."""
    if isinstance(name, str) and re.fullmatch(NAME, name) and name not in RESERVED_NAMES:
        return []
    remedy = "choose a name such as RB_1"
    if name in RESERVED_NAMES:
        remedy = "choose another name: functions have an argument of this one"
    asked = "has a name of letters, digits, underscores, spaces, dots and dashes"
    return [Fault(asked, remedy, **place)]


def names() -> Parsed:
    """Return the kind of a list of names of buffers; one name needs no list."""
    return Parsed(
        _parse_names,
        {"type": ["array", "string", "null"], "items": {"type": "string", "pattern": f"^{NAME}$"}},
        list,
    )


def host_names() -> Parsed:
    """Return the kind of the names of hosts: a list, or a mapping of names to nothing."""
    name = {"type": "string", "pattern": f"^{NAME}$"}
    table = {"type": "object", "propertyNames": name, "additionalProperties": {"maxProperties": 0}}
    return Parsed(_parse_hosts, {"anyOf": [{"type": "array", "items": name}, table]}, list)


def _parse_hosts(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        faults = [
            Fault("of a host is an empty mapping", "write {} behind its name", path=(name,))
            for name, content in value.items()
            if content
        ]
        if faults:
            raise Faults(*faults)
        value = list(value)
    return _parse_names(value)


def _parse_names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    is_list = isinstance(value, list)
    faults = [
        fault
        for index, name in enumerate(value if is_list else [value])
        for fault in name_faults(name, path=(index,) if is_list else (), part="a buffer in {}")
    ]
    if faults:
        raise Faults(*faults)
    return tuple(value) if is_list else (value,)


def command_line(example: str) -> Parsed:
    """Return the kind of a program with its arguments: a text, or a list of texts."""
    text = {"type": "string", "minLength": 1, "examples": [example]}
    return Parsed(
        partial(_parse_command, example),
        {"anyOf": [text, {"type": "array", "items": {"type": "string"}}]},
        list,
    )


def _parse_command(example: str, value: Any) -> tuple[str, ...]:
    """Return program and arguments; of a text as a shell splits it, which fills nothing in."""
    if value is None:
        return ()
    words = value
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            fault = Fault("must be a program with its arguments", f"{error}".lower())
            raise Faults(fault) from None
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    if not is_list or not words or not words[0].strip() or "\0" in "".join(words):
        asked = "must be a program with its arguments, as a text or a list of texts"
        raise Faults(Fault(asked, f"write for example: {example}"))
    return tuple(words)
