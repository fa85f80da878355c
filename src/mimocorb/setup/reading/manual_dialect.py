"""Set-ups as the manual and release 1.0.2 write them: ``RingBuffer`` and ``Functions``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mimocorb.setup.form import Form, describe
from mimocorb.setup.keys.kinds import Given, given_keys
from mimocorb.setup.keys.table import (
    MAIN,
    MANUAL_BUFFER_KEYS,
    MANUAL_MAIN_KEYS,
    MANUAL_TOP_KEYS,
    MANUAL_WORKER_KEYS,
)
from mimocorb.setup.model import Role, Setup, WorkerSpec
from mimocorb.setup.nearest import nearest
from mimocorb.setup.problems import Where
from mimocorb.setup.reading.config_files import CommonConfig, ConfigFiles, with_shared_files
from mimocorb.setup.reading.parts import (
    Draft,
    Named,
    common_settings,
    limits,
    make_buffer,
    make_worker,
    output_directory,
    reference,
)
from mimocorb.setup.text.setup_file import Entry, ListNode, MappingNode, Node, ScalarNode

__all__ = ["read_manual"]

_ADDED_BY_RELEASE = ("FunctionConfigs", "output_directory", "KBD_control", "GUI_control")
_ROLES: tuple[Role, ...] = ("read", "write", "observe")


def read_manual(form: Form, root: MappingNode, files: ConfigFiles) -> Draft:
    """Read a set-up in the manual's dialect; problems go to the form."""
    base_directory = files.base_directory
    top = given_keys(form, "a set-up", root, MANUAL_TOP_KEYS)
    before = len(form.problems)
    named_buffers = list(_named(form, top.entry("RingBuffer"), "RingBuffer", "RB_1"))
    # What is lost here may be just what seems to be missing later.
    buffers_complete = len(form.problems) == before and "RingBuffer" in top
    before = len(form.problems)
    functions = list(_named(form, top.entry("Functions"), "Functions", "Fkt_1"))
    complete = len(form.problems) == before and "Functions" in top
    buffers = []
    for name, where, body in named_buffers:
        given = given_keys(form, f"buffer {name!r}", body, MANUAL_BUFFER_KEYS, of=name, where=where)
        buffers.append(make_buffer(form, name, where, given, tuple(MANUAL_BUFFER_KEYS)))
    main = _main(form, functions)
    common = _common_config(form, files, main, top)
    workers = []
    for named in functions:
        if named.name.casefold() != MAIN.casefold():
            worker, is_complete = _worker(form, files, common, named, base_directory)
            workers.append(worker)
            complete = complete and is_complete
    common.warn_of_misspelt_sections(worker.function.name for worker in workers)
    general = Given(form, MANUAL_MAIN_KEYS, common.general().entries, "")
    has_additions = any(key in top for key in _ADDED_BY_RELEASE)
    setup = Setup(
        **common_settings(top),
        base_directory=base_directory,
        output_directory=output_directory(base_directory, top.value("output_directory")),
        **limits(form, (top, main, general)),
        buffers=tuple(buffers),
        workers=with_shared_files(workers, {root.where.file, common.sections.where.file}),
        config_files=files.paths,
        dialect="release 1.0.2" if has_additions else "manual",
    )
    return Draft(setup, buffers_complete, complete)


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
    known = (
        MANUAL_BUFFER_KEYS
        if section == "RingBuffer"
        else {**MANUAL_WORKER_KEYS, **MANUAL_MAIN_KEYS}
    )
    for item in items:
        if not isinstance(item, MappingNode):
            form.error(
                item.where,
                f"an entry of {section} is a name, a colon and indented keys",
                describe(item),
                f"write for example: - {example}:",
            )
            continue
        spellings = [name for key in known for name in (key, *known[key].spellings)]
        for key, body in _split_item(form, item, section, example, spellings):
            name = form.name(key, f"an entry of {section}")
            table = form.mapping(body, f"{key.value!r}", f"{next(iter(known))}: …")
            if name is not None and table is not None:
                yield Named(name, key.where, table)


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


def _main(form: Form, functions: list[Named]) -> Given:
    for named in functions:
        if named.name.casefold() == MAIN.casefold():
            if named.name != MAIN:
                form.error(
                    named.where,
                    f"the common settings are under {MAIN!r}",
                    f"found {named.name!r}",
                    f"did you mean {MAIN!r}?",
                )
            return given_keys(form, MAIN, named.body, MANUAL_MAIN_KEYS)
    return Given(form, MANUAL_MAIN_KEYS, {}, "")


def _common_config(form: Form, files: ConfigFiles, main: Given, top: Given) -> CommonConfig:
    empty = MappingNode({}, Where())
    inline = top.node("FunctionConfigs")
    inline_table = (
        form.mapping(inline, "FunctionConfigs", "save_to_txt: {filename: spectrum}")
        if inline
        else None
    )
    named = main.node("config_file")
    read = files.read(named, f"config_file of {MAIN}") if named else None
    path, sections = read or (None, empty)
    complete = read is not None or named is None
    return CommonConfig(form, sections, path, inline_table or empty, complete)


def _worker(
    form: Form, files: ConfigFiles, common: CommonConfig, named: Named, base_directory: Path
) -> tuple[WorkerSpec, bool]:
    name, where, body = named
    given = given_keys(form, f"function {name!r}", body, MANUAL_WORKER_KEYS, of=name, where=where)
    assign, module, called = (given.node(key) for key in ("RB_assign", "file_name", "fkt_name"))
    roles = _roles(form, assign, name) if assign else None
    worker = make_worker(
        name,
        where,
        given,
        function=reference(
            given.value("file_name"),
            given.value("fkt_name"),
            base_directory,
            module.where if module else where,
            called.where if called else where,
        ),
        processes_key="num_process",
        rb_assign=roles or {},
    )
    config_file = given.node("config_file")
    own = files.read(config_file, f"config_file of {name}") if config_file else None
    complete = own is not None or config_file is None
    config = common.of_function(worker.function.name, own, complete=complete)
    return config.of_worker(worker, base_directory), roles is not None


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
