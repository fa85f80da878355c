"""YAML text to plain nodes that know their place in the file.

Nothing else in mimocorb parses YAML. A file is read with PyYAML's safe loader, never with one that
could run code, into three frozen kinds of node; each keeps file, line and column of its first
character, and a mapping those of its keys as well, so that a problem can be pointed at.

What YAML allows and a set-up does not need is refused with a message: a key given twice, tags of
foreign objects, aliases that refer to themselves or swell the file, files beyond
:data:`MAXIMUM_SIZE_BYTES`. In one point numbers follow YAML 1.2: ``1e-3`` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mimocorb._files import read_regular
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.text.yaml_messages import decoding_problem, reader_problem, syntax_problem

__all__ = [
    "Entry",
    "ListNode",
    "MappingNode",
    "Node",
    "ScalarNode",
    "node_from_python",
    "parse_text",
    "plain",
    "read_file",
]

MAXIMUM_SIZE_BYTES = 1 << 20
MAXIMUM_NODES = 100_000
MAXIMUM_DEPTH = 40
# Long enough for every float64 and for any sensible count; protects against numbers of megabytes.
MAXIMUM_NUMBER_LENGTH = 100

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {
    _TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "binary", "value")
}


@dataclass(frozen=True)
class ScalarNode:
    """A number, text, truth value or nothing; ``quoted`` tells ``"5"`` from ``5``."""

    value: Any
    where: Where
    quoted: bool = False
    anchored: bool = False
    size: int = 1


@dataclass(frozen=True)
class ListNode:
    """A list; ``size`` counts all nodes below after aliases are followed."""

    items: tuple[Node, ...]
    where: Where
    anchored: bool = False
    size: int = 1


class Entry(NamedTuple):
    """A key and its value in a mapping."""

    key: ScalarNode
    value: Node


@dataclass(frozen=True)
class MappingNode:
    """A mapping; its entries are in the order of the file."""

    entries: Mapping[Any, Entry]
    where: Where
    anchored: bool = False
    size: int = 1

    def get(self, key: str) -> Node | None:
        """Return the value of ``key``; ``None`` if it is not there."""
        entry = self.entries.get(key)
        return entry.value if entry else None


Node = ScalarNode | ListNode | MappingNode


def plain(node: Node) -> Any:
    """Return dictionaries, lists and values as a safe YAML loader would."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}


def read_file(path: Path, shown: str) -> tuple[Node | None, list[Problem]]:
    """Read a YAML file.

    Parameters
    ----------
    path
        The file.
    shown
        Its name in messages.

    Returns
    -------
    node, problems
        The content, ``None`` if there is none; all problems found.
    """
    try:
        size = path.stat().st_size
        if size > MAXIMUM_SIZE_BYTES:
            problem = Problem(
                Where(shown),
                f"a set-up or configuration file has at most {MAXIMUM_SIZE_BYTES >> 10} KiB",
                f"found {size >> 10} KiB",
                "keep data in files of their own and give their names",
            )
            return None, [problem]
        content = read_regular(path, most_bytes=MAXIMUM_SIZE_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problem = Problem(
            Where(shown), "the file must be readable", f"found: {reason}", "check name and rights"
        )
        return None, [problem]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, [decoding_problem(shown, content, error.start)]
    return parse_text(text, shown)


def parse_text(text: str, shown: str) -> tuple[Node | None, list[Problem]]:
    """Parse YAML text; see :func:`read_file`."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return None, []
        tree = _Tree(loader, shown)
        return tree.node(root), tree.problems
    except _Refused as refused:
        return None, [Problem(_where(shown, refused.mark), *refused.parts)]
    except yaml.reader.ReaderError as error:
        return None, [reader_problem(shown, text, error)]
    except yaml.MarkedYAMLError as error:
        return None, [syntax_problem(shown, text, error)]


def node_from_python(value: Any, place: str, depth: int = MAXIMUM_DEPTH) -> Node:
    """Make nodes from dictionaries, so that both ways into a set-up share their checks.

    ``place`` such as ``RingBuffer[0]`` stands where a file has its name. Anything that is neither
    a mapping nor a list is taken as a value.
    """
    where = Where(place)
    if depth > 0 and isinstance(value, Mapping):
        entries = {
            key: Entry(
                ScalarNode(key, Where(f"{place}.{key}")),
                node_from_python(item, f"{place}.{key}", depth - 1),
            )
            for key, item in value.items()
        }
        return MappingNode(entries, where)
    if depth > 0 and isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = (
            node_from_python(item, f"{place}[{index}]", depth - 1)
            for index, item in enumerate(value)
        )
        return ListNode(tuple(items), where)
    return ScalarNode(value, where, quoted=isinstance(value, str))


def _where(shown: str, mark: yaml.Mark | None) -> Where:
    return Where(shown, mark.line + 1, mark.column + 1) if mark else Where(shown)


class _Refused(Exception):
    """Reading cannot go on: the place, what was asked, what was found, what to do."""

    def __init__(self, mark: yaml.Mark | None, *parts: str) -> None:
        super().__init__(*parts)
        self.mark = mark
        self.parts = (parts[0], parts[1], parts[2])


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with a limit of depth that remembers which nodes carry an anchor."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.anchored: set[int] = set()
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self._depth >= MAXIMUM_DEPTH:
            raise _Refused(
                event.start_mark,
                f"lists and mappings are nested at most {MAXIMUM_DEPTH} deep",
                "found deeper ones",
                "check the brackets and the indentation",
            )
        is_alias = isinstance(event, yaml.AliasEvent)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and not is_alias and event.anchor is not None:
            self.anchored.add(id(node))
        return node


_Loader.add_implicit_resolver(
    _TAG + "float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _whole(source: yaml.ScalarNode) -> str:
    r"""Return a text with whole characters, also of those written in two halves: \ud83d\ude00."""
    text: str = source.value
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise _Refused(
            source.start_mark,
            "a text is made of whole characters",
            f"found half of one in {text[:40]!r}",
            r"write the character itself, or both halves: \ud83d\ude00",
        ) from None


@dataclass
class _Tree:
    """Turns PyYAML's nodes into ours, each of them once however often aliases name it."""

    loader: _Loader
    shown: str
    problems: list[Problem] = field(default_factory=list)
    _done: dict[int, Node] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _merged: int = 0

    def node(self, source: yaml.Node) -> Node:
        known = self._done.get(id(source))
        if known is not None:
            return known
        if id(source) in self._open:
            raise _Refused(
                source.start_mark,
                "an alias (*name) repeats a part that is complete",
                "found one inside the part it names",
                "write the part out",
            )
        self._open.add(id(source))
        made = self._make(source)
        self._open.remove(id(source))
        if made.size > MAXIMUM_NODES:
            raise _Refused(
                source.start_mark,
                f"a file has at most {MAXIMUM_NODES} values, counting repeated parts (*name)",
                "found more",
                "repeat fewer parts",
            )
        self._done[id(source)] = made
        return made

    def _make(self, source: yaml.Node) -> Node:
        where = _where(self.shown, source.start_mark)
        anchored = id(source) in self.loader.anchored
        if isinstance(source, yaml.ScalarNode):
            value = self._value(source)
            return ScalarNode(value, where, quoted=source.style in {"'", '"'}, anchored=anchored)
        self._refuse_tag(source, {_TAG + "seq", _TAG + "map"})
        if isinstance(source, yaml.SequenceNode):
            items = tuple(self.node(item) for item in source.value)
            return ListNode(items, where, anchored, 1 + sum(item.size for item in items))
        assert isinstance(source, yaml.MappingNode)
        entries = self._entries(source)
        size = 1 + sum(1 + entry.value.size for entry in entries.values())
        return MappingNode(entries, where, anchored, size)

    def _value(self, source: yaml.ScalarNode) -> Any:
        self._refuse_tag(source, _SCALAR_TAGS)
        if source.tag in {_TAG + "str", _TAG + "value"}:
            return _whole(source)
        try:
            if len(source.value) <= MAXIMUM_NUMBER_LENGTH or source.tag == _TAG + "binary":
                return self.loader.construct_object(source)
        except (ValueError, OverflowError, LookupError, TypeError, AttributeError):
            pass  # PyYAML lets the errors of int(), float() and date() through
        kind = source.tag.removeprefix(_TAG)
        raise _Refused(
            source.start_mark,
            f"this value reads like a value of type {kind}",
            f"found {source.value[:40]!r}",
            "correct it, or put it in quotes if it is a text",
        )

    def _refuse_tag(self, source: yaml.Node, allowed: set[str]) -> None:
        if source.tag not in allowed:
            raise _Refused(
                source.start_mark,
                "values are numbers, texts, lists and mappings",
                f"found the tag {source.tag.replace(_TAG, '!!')[:60]!r}",
                "remove the tag",
            )

    def _entries(self, source: yaml.MappingNode) -> dict[Any, Entry]:
        own: dict[Any, Entry] = {}
        merged: dict[Any, Entry] = {}
        for key_source, value_source in source.value:
            if key_source.tag == _TAG + "merge":
                for part in self._merge_parts(self.node(value_source)):
                    self._merged += len(part.entries)
                    merged = {**part.entries, **merged}
                continue
            if not isinstance(key_source, yaml.ScalarNode):
                raise _Refused(
                    key_source.start_mark,
                    "a key is a name or a number",
                    "found a list or a mapping",
                    "check the brackets and braces; put quotes around texts that contain them",
                )
            key = self.node(key_source)
            assert isinstance(key, ScalarNode)
            entry = Entry(key, self.node(value_source))
            if key.value in own:
                self._report_repetition(own[key.value], entry)
            own[key.value] = entry
        return {**merged, **own}

    def _merge_parts(self, node: Node) -> tuple[MappingNode, ...]:
        parts = node.items if isinstance(node, ListNode) else (node,)
        if self._merged > MAXIMUM_NODES or not all(isinstance(p, MappingNode) for p in parts):
            raise _Refused(
                None,
                "a merge (<<: *name) takes over the keys of one mapping or of a list of them",
                f"found something else, or far too much of it, in line {node.where.line}",
                "name mappings only",
            )
        return tuple(part for part in parts if isinstance(part, MappingNode))

    def _report_repetition(self, first: Entry, second: Entry) -> None:
        # A key that was left empty, or repeated word for word, does no harm; published set-ups
        # of release 1.0.2 have such slips.
        harmless = isinstance(first.value, ScalarNode) and first.value.value is None
        if first.value.size < 1000 and second.value.size < 1000:
            harmless = harmless or plain(first.value) == plain(second.value)
        self.problems.append(
            Problem(
                second.key.where,
                f"the key {second.key.value!r} is given once",
                f"found it in line {first.key.where.line} already",
                "remove one of the two",
                "warning" if harmless else "error",
            )
        )
