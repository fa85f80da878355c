"""Set-ups as the manual and release 1.0.2 write them: ``RingBuffer`` and ``Functions``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mimocorb._setup.config_files import CommonConfig, ConfigFiles
from mimocorb._setup.form import Form, describe, nearest
from mimocorb._setup.model import BufferSpec, Role, Where, WorkerSpec
from mimocorb._setup.parts import (
    COMMON_KEYS,
    Draft,
    common_settings,
    limits,
    make_buffer,
    make_worker,
)
from mimocorb._setup.setup_file import Entry, ListNode, MappingNode, Node, ScalarNode

__all__ = ["TOP_KEYS", "read_manual"]

TOP_KEYS = {
    "RingBuffer": (),
    "Functions": (),
    "FunctionConfigs": (),
    "output_directory": (),
    **COMMON_KEYS,
}
_ADDED_BY_RELEASE = ("FunctionConfigs", "output_directory", "KBD_control", "GUI_control")
_BUFFER_KEYS = {
    "number_of_slots": (),
    "channel_per_slot": ("values_per_slot",),
    "data_type": ("dtype",),
}
_MAIN_KEYS = {"config_file": (), "runtime": (), "runevents": ()}
_FUNCTION_KEYS = {
    "file_name": (),
    "fkt_name": (),
    "num_process": (),
    "RB_assign": (),
    "config_file": (),
}
_ROLES: tuple[Role, ...] = ("read", "write", "observe")
_MAIN = "Fkt_main"


def read_manual(form: Form, root: MappingNode, base_directory: Path) -> Draft:
    """Read a set-up in the manual's dialect; problems go to the form."""
    top = form.entries("a set-up", root, TOP_KEYS, ("RingBuffer", "Functions"))
    files = ConfigFiles(form, base_directory)
    before = len(form.problems)
    named_buffers = list(_named(form, top.get("RingBuffer"), "RingBuffer", "RB_1"))
    # What is lost here may be just what seems to be missing later.
    buffers_complete = len(form.problems) == before and "RingBuffer" in top
    before = len(form.problems)
    functions = list(_named(form, top.get("Functions"), "Functions", "Fkt_1"))
    complete = len(form.problems) == before and "Functions" in top
    buffers = [_buffer(form, named) for named in named_buffers]
    main = _main(form, functions)
    common = _common_config(form, files, main, top)
    workers = []
    for named in functions:
        if named.name.casefold() != _MAIN.casefold():
            worker, is_complete = _worker(form, files, common, named, base_directory)
            workers.append(worker)
            complete = complete and is_complete
    common.warn_of_misspelt_sections(worker.function.name for worker in workers)
    general = common.general().entries
    runtime_s, runevents = limits(form, (top, main, general))
    setup = common_settings(form, top, base_directory, "output_directory")
    has_additions = any(key in top for key in _ADDED_BY_RELEASE)
    setup = replace(
        setup,
        buffers=tuple(buffers),
        workers=tuple(workers),
        runtime_s=runtime_s,
        runevents=runevents,
        config_files=files.paths,
        dialect="release 1.0.2" if has_additions else "manual",
    )
    return Draft(setup, buffers_complete, complete)


class _Named(NamedTuple):
    """One entry of the list under ``RingBuffer`` or ``Functions``."""

    name: str
    where: Where
    body: MappingNode


def _named(form: Form, entry: Entry | None, section: str, example: str) -> Iterator[_Named]:
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
    known = _BUFFER_KEYS if section == "RingBuffer" else {**_FUNCTION_KEYS, **_MAIN_KEYS}
    for item in items:
        if not isinstance(item, MappingNode):
            form.error(
                item.where,
                f"an entry of {section} is a name, a colon and indented keys",
                describe(item),
                f"write for example: - {example}:",
            )
            continue
        for key, body in _split_item(form, item, section, example, list(known)):
            name = form.name(key, f"an entry of {section}")
            table = form.mapping(body, f"{key.value!r}", f"{next(iter(known))}: …")
            if name is not None and table is not None:
                yield _Named(name, key.where, table)


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


def _buffer(form: Form, named: _Named) -> BufferSpec:
    keys = form.entries(
        f"buffer {named.name!r}", named.body, _BUFFER_KEYS, tuple(_BUFFER_KEYS), where=named.where
    )
    return make_buffer(form, named.name, named.where, [keys.get(key) for key in _BUFFER_KEYS])


def _main(form: Form, functions: list[_Named]) -> dict[str, Entry]:
    for named in functions:
        if named.name.casefold() == _MAIN.casefold():
            if named.name != _MAIN:
                form.error(
                    named.where,
                    f"the common settings are under {_MAIN!r}",
                    f"found {named.name!r}",
                    f"did you mean {_MAIN!r}?",
                )
            return form.entries(_MAIN, named.body, _MAIN_KEYS)
    return {}


def _common_config(
    form: Form, files: ConfigFiles, main: dict[str, Entry], top: dict[str, Entry]
) -> CommonConfig:
    empty = MappingNode({}, Where())
    inline = top.get("FunctionConfigs")
    inline_table = (
        form.mapping(inline.value, "FunctionConfigs", "save_to_txt: {filename: spectrum}")
        if inline
        else None
    )
    read = (
        files.read(main["config_file"].value, f"config_file of {_MAIN}")
        if "config_file" in main
        else None
    )
    path, sections = read or (None, empty)
    return CommonConfig(form, sections, path, inline_table or empty)


def _worker(
    form: Form, files: ConfigFiles, common: CommonConfig, named: _Named, base_directory: Path
) -> tuple[WorkerSpec, bool]:
    keys = form.entries(
        f"function {named.name!r}",
        named.body,
        _FUNCTION_KEYS,
        ("file_name", "fkt_name", "RB_assign"),
        where=named.where,
    )
    assign = keys.get("RB_assign")
    roles = _roles(form, assign.value, named.name) if assign else None
    worker = make_worker(
        form,
        named.name,
        named.where,
        base_directory,
        module=keys.get("file_name"),
        function=keys.get("fkt_name"),
        processes=keys.get("num_process"),
        rb_assign=roles or {},
    )
    own = None
    paths = [common.path] if common.path else []
    if "config_file" in keys:
        read = files.read(keys["config_file"].value, f"config_file of {named.name}")
        if read is not None:
            paths, own = [*paths, read[0]], read[1]
    config = common.of_function(worker.function.name, own)
    return replace(worker, config=config, config_files=tuple(paths)), roles is not None


def _roles(form: Form, node: Node, worker: str) -> dict[str, tuple[Role, Where]] | None:
    """``RB_assign`` as roles and places; ``None`` if part of it is unreadable."""
    table = form.mapping(node, f"RB_assign of {worker}", 'RB_1: "read"')
    if table is None:
        return None
    roles: dict[str, tuple[Role, Where]] = {}
    is_complete = True
    for entry in table.entries.values():
        name = form.name(entry.key, f"a buffer in RB_assign of {worker}")
        role = _role(form, entry.value, f"{entry.key.value!s:.60} in RB_assign of {worker}")
        if name is None or role is None:
            is_complete = False
        else:
            roles[name] = (role, entry.key.where)
    return roles if is_complete else None


def _role(form: Form, node: Node, what: str) -> Role | None:
    value = node.value if isinstance(node, ScalarNode) else None
    for role in _ROLES:
        if value == role:
            return role
    guess = nearest(value, _ROLES) if isinstance(value, str) else None
    form.error(
        node.where,
        f"{what} is 'read', 'write' or 'observe'",
        describe(node),
        f"did you mean {guess!r}?" if guess else "write one of the three",
    )
    return None
