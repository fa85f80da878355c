"""Set-ups as mimoCoRB2 writes them, which is the form we recommend: ``Buffers`` and ``Workers``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mimocorb.setup.form import Form, describe
from mimocorb.setup.keys.kinds import Given, given_keys
from mimocorb.setup.keys.table import (
    OPTION_KEYS,
    RECOMMENDED_BUFFER_KEYS,
    RECOMMENDED_TOP_KEYS,
    RECOMMENDED_WORKER_KEYS,
)
from mimocorb.setup.model import BufferSpec, FunctionReference, Role, Setup, WorkerSpec
from mimocorb.setup.problems import Where
from mimocorb.setup.reading.config_files import ConfigFiles, Layers, with_shared_files
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
from mimocorb.setup.text.setup_file import (
    Entry,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
)
from mimocorb.setup.user_code.own_functions import offered_function, place_in_mimocorb

__all__ = ["include_files", "read_mimocorb2"]

_LAYOUT = ("slot_count", "data_length", "data_dtype")
# Options, and what mimocorb does instead.
_WITHOUT_EFFECT = {
    "overwrite": "every run makes a directory of its own in target_directory, and no file of "
    "another run is overwritten",
    "debug_workers": "debug messages of workers are logged with the option --debug of the command "
    "line",
}
_ROLES: Mapping[str, Role] = {"sources": "read", "sinks": "write", "observes": "observe"}


def include_files(files: ConfigFiles, root: MappingNode) -> MappingNode:
    """Return the set-up with the buffers and workers that are in files of their own."""
    sections = dict(root.entries)
    for section in ("Buffers", "Workers"):
        table = root.get(section)
        if not isinstance(table, MappingNode):
            continue
        entries = dict(table.entries)
        for name, (key, value) in table.entries.items():
            if isinstance(value, ScalarNode) and isinstance(value.value, str):
                read = files.read(value, f"the file of {name!s:.60}")
                if read is not None:
                    entries[name] = Entry(key, read[1])
        sections[section] = Entry(sections[section].key, replace(table, entries=entries))
    return replace(root, entries=sections)


def read_mimocorb2(form: Form, root: MappingNode, files: ConfigFiles) -> Draft:
    """Read a set-up in mimoCoRB2's dialect; problems go to the form."""
    base_directory = files.base_directory
    top = given_keys(form, "a set-up", root, RECOMMENDED_TOP_KEYS)
    options = _options(form, top)
    base = Layers()
    for node in (options.node("overarching_config"), top.node("base_config")):
        base = _over(base, node, files, "base_config", common=True) if node else base
    before = len(form.problems)
    named_buffers = list(_named(form, top.entry("Buffers"), "Buffers"))
    # What is lost here may be just what seems to be missing later.
    buffers_complete = len(form.problems) == before and "Buffers" in top
    before = len(form.problems)
    named_workers = list(_named(form, top.entry("Workers"), "Workers"))
    complete = len(form.problems) == before and "Workers" in top
    buffers = _buffers(form, named_buffers)
    workers = []
    for named in named_workers:
        worker, is_complete = _worker(form, files, base, named)
        workers.append(worker)
        complete = complete and is_complete
    setup = Setup(
        **common_settings(top),
        base_directory=base_directory,
        output_directory=output_directory(
            base_directory, top.value("target_directory") or options.value("output_directory")
        ),
        **limits(form, (top,)),
        buffers=buffers,
        workers=with_shared_files(workers, {root.where.file}),
        config_files=files.paths,
        dialect="mimoCoRB2",
    )
    return Draft(setup, buffers_complete, complete)


def _buffers(form: Form, named: Iterable[Named]) -> tuple[BufferSpec, ...]:
    buffers = []
    overwriting: Where | None = None
    for name, where, body in named:
        given = given_keys(
            form, f"buffer {name!r}", body, RECOMMENDED_BUFFER_KEYS, of=name, where=where
        )
        buffers.append(make_buffer(form, name, where, given, _LAYOUT))
        if given.value("overwrite") and overwriting is None:
            overwriting = given.where("overwrite")
    if overwriting:
        form.warning(
            overwriting,
            "a buffer that is full makes its writers wait, and the waiting is counted",
            "found overwrite, which does nothing here",
            "remove it",
        )
    return tuple(buffers)


def _worker(form: Form, files: ConfigFiles, base: Layers, named: Named) -> tuple[WorkerSpec, bool]:
    """Return a worker, and whether all of its buffers could be read."""
    name, where, body = named
    given = given_keys(
        form, f"worker {name!r}", body, RECOMMENDED_WORKER_KEYS, of=name, where=where
    )
    assigned, is_complete = _assigned(form, given, name)
    worker = make_worker(
        name,
        where,
        given,
        function=_function(form, given, name, where, files.base_directory),
        processes_key="number_of_processes",
        rb_assign=assigned,
    )
    config_node = given.node("config")
    config = _over(base, config_node, files, f"config of {name}") if config_node else base
    return config.of_worker(worker, files.base_directory), is_complete


def _options(form: Form, top: Given) -> Given:
    """Read the options of the first versions of mimoCoRB2."""
    node = top.node("Options")
    table = form.mapping(node, "Options", "output_directory: target") if node else None
    options = given_keys(form, "Options", table or MappingNode({}, Where()), OPTION_KEYS)
    for key, instead in _WITHOUT_EFFECT.items():
        if options.value(key):
            found = f"found {key}, which does nothing here"
            form.warning(options.where(key), instead, found, "remove it")
    return options


def _over(
    config: Layers, node: Node, files: ConfigFiles, what: str, *, common: bool = False
) -> Layers:
    """Return the configuration with a mapping, a file or a list of them laid over it."""
    if isinstance(node, ListNode):
        for item in node.items:
            config = _over(config, item, files, what, common=common)
        return config
    if isinstance(node, MappingNode):
        return config.over(node, common=common)
    read = files.read(node, what) if node.value is not None else None
    if read is None:
        return replace(config, complete=config.complete and node.value is None)
    return config.over(read[1], read[0], common=common)


def _named(form: Form, entry: Entry | None, section: str) -> Iterator[Named]:
    if entry is None:
        return
    table = form.mapping(entry.value, section, "InputBuffer: …")
    for item in table.entries.values() if table else ():
        name = form.name(item.key, f"an entry of {section}")
        body = form.mapping(item.value, f"{item.key.value!s:.60}", "…: …")
        if name is not None and body is not None:
            yield Named(name, item.key.where, body)


def _function(
    form: Form, given: Given, worker: str, where: Where, base_directory: Path
) -> FunctionReference:
    module, called = given.node("file"), given.node("function")
    name_where = called.where if called else where
    is_empty = isinstance(module, ScalarNode) and module.value in (None, "")
    if module is not None and not is_empty:
        asked, name = given.value("file"), given.value("function")
        return reference(asked, name, base_directory, module.where, name_where)
    text = called.value if isinstance(called, ScalarNode) else None
    if isinstance(text, str) and text and "." not in text:
        return offered_function(text, name_where)
    asked, name = _of_mimocorb(form, called, worker) if called else (None, None)
    return reference(asked, name, base_directory, name_where, name_where)


def _of_mimocorb(form: Form, node: Node, worker: str) -> tuple[str | None, str | None]:
    """Without ``file``, ``plot.plot_graph`` names a function in a module of mimocorb."""
    text = node.value if isinstance(node, ScalarNode) else None
    place = place_in_mimocorb(text) if isinstance(text, str) else None
    if isinstance(text, str) and text.startswith("importers."):  # device modules of mimoCoRB2
        module, _, name = text.rpartition(".")
        form.error(
            node.where,
            f"function of {worker} is one that mimocorb has",
            describe(node),
            f"copy {module.replace('.', '/')}.py of mimoCoRB2 beside the set-up, where it runs"
            f" unchanged, and write: file: {module.rpartition('.')[2]}.py, function: {name}",
        )
        return None, None
    if place is not None:
        return place
    form.error(
        node.where,
        f"function of {worker}, which has no 'file', is a function of mimocorb",
        describe(node),
        "add the key 'file', or write for example: plot.plot_graph",
    )
    return None, None


def _assigned(form: Form, given: Given, worker: str) -> tuple[dict[str, tuple[Role, Where]], bool]:
    """Roles and places of a worker's buffers, and whether all could be read."""
    roles: dict[str, tuple[Role, Where]] = {}
    is_complete = True
    for key, role in _ROLES.items():
        node = given.node(key)
        if node is None or (isinstance(node, ScalarNode) and node.value is None):
            continue
        for item in node.items if isinstance(node, ListNode) else (node,):
            name = form.name(item, f"a buffer in {key} of {worker}")
            if name is None:
                is_complete = False
            elif name in roles:
                form.error(
                    item.where,
                    f"{worker} names a buffer once among sources, sinks and observes",
                    f"found {name!r} in line {roles[name][1].line} already",
                    "keep one of them",
                )
            else:
                roles[name] = (role, item.where)
    return roles, is_complete
