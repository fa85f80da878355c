"""Set-ups as the manual and release 1.0.2 write them, in the words of the recommended form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mimocorb.compat.dialects.words import (
    SPELLINGS,
    Translated,
    sorted_keys,
    sorted_part,
    without_effect,
)
from mimocorb.model import BufferSpec, WorkerSpec
from mimocorb.model.kinds import Choice
from mimocorb.model.problem import Where
from mimocorb.setup.form import Form, describe
from mimocorb.setup.nearest import nearest
from mimocorb.setup.reading.config_files import ConfigFiles
from mimocorb.setup.text.setup_file import Entry, ListNode, MappingNode, Node, ScalarNode, plain

__all__ = ["HEADS", "translated"]

HEADS = ("RingBuffer", "Functions")
MAIN = "Fkt_main"
"""The entry of ``Functions`` that is no worker."""
_WORDS = SPELLINGS["manual"]
_ADDED_BY_RELEASE = ("FunctionConfigs", "target_directory", "KBD_control", "GUI_control")
_RUN_KEYS = ("runtime", "runevents")
_ROLES = {"read": "sources", "write": "sinks", "observe": "observes"}
_NOTHING = MappingNode({}, Where())

Named = tuple[ScalarNode, MappingNode]


def translated(form: Form, root: MappingNode, files: ConfigFiles) -> Translated:
    """Return the set-up in the recommended form; problems go to the form."""
    top = dict(sorted_keys(form, "a set-up", root, _WORDS[""], ("Buffers", "Workers")).entries)
    release = any(key in top for key in _ADDED_BY_RELEASE)
    without_effect(form, top, "GUI_control")
    before = len(form.problems)
    buffers = list(_named(form, top.get("Buffers"), "RingBuffer", "RB_1"))
    # What is lost here may be just what seems to be missing later.
    buffers_complete = len(form.problems) == before and "Buffers" in top
    before = len(form.problems)
    functions = list(_named(form, top.get("Workers"), "Functions", "Fkt_1"))
    complete = len(form.problems) == before and "Workers" in top
    workers = [named for named in functions if not _is_main(named[0])]
    buffers_complete &= _all_differ(form, "buffer", buffers)
    complete &= _all_differ(form, "worker", workers)

    main = _main(form, functions)
    common = _common_config(form, files, main, top.pop("FunctionConfigs", None))
    general = common.general()
    _limits(form, top, (top, main, general.entries))
    top["Buffers"] = _section(
        top.get("Buffers"),
        {
            name.value: Entry(name, sorted_part(form, name, body, "RingBuffer", BufferSpec))
            for name, body in reversed(buffers)
        },
    )
    entries = {}
    for name, body in reversed(workers):
        worker, is_complete = _worker(form, name, body, common)
        entries[name.value] = Entry(name, worker)
        complete = complete and is_complete
    top["Workers"] = _section(top.get("Workers"), entries)
    common.warn_of_misspelt_sections()
    content = {key: item for key, item in general.entries.items() if key not in _RUN_KEYS}
    # A file that is not there is named once more: the reader knows then that keys may be missing.
    parts = (*common.missing, replace(general, entries=content))
    top["base_config"] = Entry(ScalarNode("general", general.where), ListNode(parts, general.where))
    return Translated(
        replace(root, entries=top),
        "release 1.0.2" if release else "manual",
        buffers_complete,
        complete,
        common.sections.where.file,
    )


def _section(entry: Entry | None, reversed_entries: dict[object, Entry]) -> Entry:
    """Return a section in the order of the file; of repeated names the first one counts."""
    in_order = dict(reversed(reversed_entries.items()))
    key = entry.key if entry else ScalarNode("", Where())
    return Entry(key, MappingNode(in_order, entry.value.where if entry else Where()))


def _named(form: Form, entry: Entry | None, section: str, example: str) -> Iterator[Named]:
    """Entries of a section: a list of mappings with one name each, or one mapping of names."""
    if entry is None:
        return
    if isinstance(entry.value, MappingNode):
        items: tuple[Node, ...] = (entry.value,)
    elif isinstance(entry.value, ListNode):
        items = entry.value.items
    else:
        form.error(
            entry.value.where if describe(entry.value) != "found nothing" else entry.key.where,
            f"{section} is a list with entries such as '- {example}:'",
            describe(entry.value),
            "indent the entries deeper than the name of the section",
        )
        return
    main = _WORDS[MAIN].values() if section == "Functions" else ()
    spellings = [name for names in (*_WORDS[section].values(), *main) for name in names]
    for item in items:
        if not isinstance(item, MappingNode):
            form.error(
                item.where,
                f"an entry of {section} is a name, a colon and indented keys",
                describe(item),
                f"write for example: - {example}:",
            )
            continue
        for key, body in _split_item(form, item, section, example, spellings):
            name = form.name(key, f"an entry of {section}")
            table = form.mapping(body, f"{key.value!r}", f"{spellings[0]}: …")
            if name is not None and table is not None:
                yield key, table


def _split_item(
    form: Form, item: MappingNode, section: str, example: str, known: list[str]
) -> list[Entry]:
    """Entries of one list item; wrong indentation is reported and read as it was meant."""
    entries = list(item.entries.values())
    belongs = [entry for entry in entries if entry.key.value in known]
    if not belongs:
        return entries
    rest = {entry.key.value: entry for entry in belongs}
    body = MappingNode(rest, belongs[0].key.where)
    names = [entry for entry in entries if entry not in belongs]
    if not names:
        form.error(
            item.where,
            f"an entry of {section} has a name",
            f"found {describe(item).removeprefix('found ')} and no name",
            f"put a line '- {example}:' above and indent the keys below it",
        )
        return []
    form.error(
        belongs[0].key.where,
        f"the keys of {names[0].key.value!r} are indented deeper than its name",
        "found them in the same column",
        "insert spaces before the keys",
    )
    return [Entry(names[0].key, body)]


def _all_differ(form: Form, kind: str, named: Iterable[Named]) -> bool:
    """Whether every buffer or worker has a name of its own; a list can hold one twice."""
    first: dict[object, Where] = {}
    all_differ = True
    for name, _ in named:
        if name.value in first:
            form.error(
                name.where,
                f"every {kind} has a name of its own",
                f"found {name.value!r} at {first[name.value]} already",
                "choose another name",
            )
            all_differ = False
        first.setdefault(name.value, name.where)
    return all_differ


def _is_main(name: ScalarNode) -> bool:
    return str(name.value).casefold() == MAIN.casefold()


def _main(form: Form, functions: Iterable[Named]) -> dict[str, Entry]:
    """Return the keys of ``Fkt_main``, under their recommended names."""
    for name, body in functions:
        if _is_main(name):
            if name.value != MAIN:
                form.error(
                    name.where,
                    f"the common settings are under {MAIN!r}",
                    f"found {name.value!r}",
                    f"did you mean {MAIN!r}?",
                )
            return dict(sorted_keys(form, MAIN, body, _WORDS[MAIN]).entries)
    return {}


def _limits(form: Form, top: dict[str, Entry], places: Iterable[Mapping[Any, Entry]]) -> None:
    """Put run time and numbers of events at the top.

    Of several places the last one rules, but over all files the command line.
    """
    places = tuple(dict(place) for place in places)
    for key in _RUN_KEYS:
        given = [place[key] for place in places if key in place]
        given = [entry for entry in given if entry.key.where.is_option] or given
        if not given:
            continue
        top[key] = given[-1]
        for entry in given[:-1]:
            if plain(entry.value) != plain(given[-1].value):
                form.warning(
                    entry.key.where,
                    f"{key} is given once",
                    f"found another value at {given[-1].key.where}, which rules",
                    "remove one of the two",
                )


def _common_config(
    form: Form, files: ConfigFiles, main: dict[str, Entry], inline: Entry | None
) -> _CommonConfig:
    table = None
    if inline:
        example = "save_to_txt: {filename: spectrum}"
        table = form.mapping(inline.value, "FunctionConfigs", example)
    named = main.get("config")
    read = files.read(named.value, f"config_file of {MAIN}") if named else None
    missing = (named.value,) if named and not read else ()
    return _CommonConfig(form, read[1] if read else _NOTHING, table or _NOTHING, missing)


@dataclass
class _CommonConfig:
    """The common configuration file of the manual: ``general`` and one section per function.

    A function gets, over the keys of ``general``, exactly one of these, the first that exists: the
    content of its own ``config_file``, the section of the common file named like the function, the
    section under ``FunctionConfigs`` in the set-up. ``runtime`` and ``runevents`` under ``general``
    belong to the run.
    """

    form: Form
    sections: MappingNode
    inline: MappingNode
    missing: tuple[Node, ...]

    def __post_init__(self) -> None:
        self._functions: set[str] = set()

    def general(self) -> MappingNode:
        """Return the section ``general``; empty if there is none."""
        return self._section(self.sections, "general") or replace(self.sections, entries={})

    def of_function(self, function: str, own: Entry | None) -> Entry | None:
        """Return what a function gets over ``general``."""
        self._functions.add(function)
        if own is not None:
            return own
        content = self._section(self.sections, function) or self._section(self.inline, function)
        return Entry(ScalarNode("config", content.where), content) if content else None

    def warn_of_misspelt_sections(self) -> None:
        """Report sections that no function uses but that look like one that has none."""
        named = self._functions
        for table in (self.sections, self.inline):
            without = sorted(name for name in named if name not in table.entries)
            for key, entry in table.entries.items():
                guess = nearest(key, without) if key not in {*named, "general"} else None
                if guess and str(key)[:1].casefold() == guess[:1].casefold():
                    self.form.warning(
                        entry.key.where,
                        "a section is named like the function it configures",
                        f"found {str(key)[:60]!r}, and no section for {guess!r}",
                        "correct the one that is misspelt",
                    )

    def _section(self, table: MappingNode, name: str) -> MappingNode | None:
        node = table.get(name)
        if node is None:
            return None
        found = self.form.mapping(node, f"the section {name!r}", f"{name}: {{sample_time_ns: 4}}")
        return found if found is not None else MappingNode({}, node.where)


def _worker(
    form: Form, name: ScalarNode, body: MappingNode, common: _CommonConfig
) -> tuple[MappingNode, bool]:
    """Return a worker, and whether all of its buffers could be read."""
    table = sorted_part(form, name, body, "Functions", WorkerSpec)
    entries = dict(table.entries)
    assign = entries.pop("RB_assign", None)
    lists = _lists(form, assign.value, str(name.value)) if assign else None
    for key, items in (lists or {}).items():
        if items:
            assert assign is not None
            entries[key] = Entry(ScalarNode(key, assign.key.where), ListNode(items, items[0].where))
    function = entries.get("function")
    called = str(plain(function.value)) if function else ""
    config = common.of_function(called, entries.pop("config", None))
    if config:
        entries["config"] = config
    return replace(table, entries=entries), lists is not None


def _lists(form: Form, node: Node, worker: str) -> dict[str, tuple[Node, ...]] | None:
    """``RB_assign`` as the lists of the recommended form; ``None`` if part of it is unreadable."""
    what = f"RB_assign of {worker}"
    table = form.mapping(node, what, 'RB_1: "read"')
    if table is None:
        return None
    lists: dict[str, tuple[Node, ...]] = dict.fromkeys(_ROLES.values(), ())
    is_complete = True
    for entry in table.entries.values():
        name = form.name(entry.key, f"a buffer in {what}")
        role = form.value(Choice(tuple(_ROLES)), entry.value, f"{entry.key.value!s:.60} in {what}")
        if name is None or role is None:
            is_complete = False
        else:
            lists[_ROLES[role]] += (entry.key,)
    return lists if is_complete else None
