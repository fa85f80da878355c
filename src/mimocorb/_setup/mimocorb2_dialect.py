"""Set-ups as mimoCoRB2 writes them, which is the form we recommend: ``Buffers`` and ``Workers``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mimocorb._setup.config_files import ConfigFiles
from mimocorb._setup.form import Form, describe
from mimocorb._setup.model import Role, Where, WorkerSpec
from mimocorb._setup.parts import (
    COMMON_KEYS,
    Draft,
    common_settings,
    limits,
    make_buffer,
    make_worker,
)
from mimocorb._setup.setup_file import (
    Entry,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    plain,
)

__all__ = ["TOP_KEYS", "read_mimocorb2"]

TOP_KEYS: Mapping[str, Sequence[str]] = {
    "Buffers": (),
    "Workers": (),
    "base_config": (),
    "target_directory": ("output_directory",),
    **COMMON_KEYS,
}
_BUFFER_KEYS: Mapping[str, Sequence[str]] = {
    "slot_count": ("number_of_slots",),
    "data_length": ("values_per_slot",),
    "data_dtype": ("dtype",),
}
_WORKER_KEYS: Mapping[str, Sequence[str]] = {
    "file": (),
    "function": (),
    "config": (),
    "number_of_processes": (),
    "sources": (),
    "sinks": (),
    "observes": (),
}
_ROLES: Mapping[str, Role] = {"sources": "read", "sinks": "write", "observes": "observe"}


def read_mimocorb2(form: Form, root: MappingNode, base_directory: Path) -> Draft:
    """Read a set-up in mimoCoRB2's dialect; problems go to the form."""
    top = form.entries("a set-up", root, TOP_KEYS, ("Buffers", "Workers"))
    files = ConfigFiles(form, base_directory)
    base = _Config(form, files)
    if "base_config" in top:
        base = base.over(top["base_config"].value, "base_config")
    before = len(form.problems)
    named_buffers = list(_named(form, top.get("Buffers"), "Buffers"))
    # What is lost here may be just what seems to be missing later.
    buffers_complete = len(form.problems) == before and "Buffers" in top
    before = len(form.problems)
    named_workers = list(_named(form, top.get("Workers"), "Workers"))
    complete = len(form.problems) == before and "Workers" in top
    buffers = []
    for name, where, body in named_buffers:
        keys = form.entries(
            f"buffer {name!r}", body, _BUFFER_KEYS, tuple(_BUFFER_KEYS), where=where
        )
        buffers.append(make_buffer(form, name, where, [keys.get(key) for key in _BUFFER_KEYS]))
    workers = []
    for name, where, body in named_workers:
        keys = form.entries(f"worker {name!r}", body, _WORKER_KEYS, ("function",), where=where)
        assigned, is_complete = _assigned(form, keys, name)
        worker = _worker(form, (name, where), base_directory, keys, assigned)
        config = base
        if "config" in keys:
            config = base.over(keys["config"].value, f"config of {name}")
        workers.append(replace(worker, config=config.content, config_files=config.paths))
        complete = complete and is_complete
    runtime_s, runevents = limits(form, (top,))
    setup = replace(
        common_settings(form, top, base_directory, "target_directory"),
        buffers=tuple(buffers),
        workers=tuple(workers),
        runtime_s=runtime_s,
        runevents=runevents,
        config_files=files.paths,
        dialect="mimoCoRB2",
    )
    return Draft(setup, buffers_complete, complete)


class _Config:
    """A configuration built up from mappings and files, later ones over earlier ones."""

    def __init__(
        self,
        form: Form,
        files: ConfigFiles,
        content: Mapping[str, Any] | None = None,
        paths: tuple[Path, ...] = (),
    ) -> None:
        self._form = form
        self._files = files
        self.content = dict(content or {})
        self.paths = paths

    def over(self, node: Node, what: str) -> _Config:
        """Return this configuration with a mapping, a file or a list of them laid over it."""
        result = self
        if isinstance(node, ListNode):
            for item in node.items:
                result = result.over(item, what)
            return result
        if isinstance(node, MappingNode):
            return result.with_content(plain(node), ())
        if node.value is None:
            return result
        read = self._files.read(node, what)
        return result.with_content(plain(read[1]), (read[0],)) if read else result

    def with_content(self, content: Mapping[str, Any], paths: tuple[Path, ...]) -> _Config:
        """Return this configuration with more content."""
        new = tuple(path for path in paths if path not in self.paths)
        return _Config(self._form, self._files, {**self.content, **content}, self.paths + new)


def _named(
    form: Form, entry: Entry | None, section: str
) -> Iterator[tuple[str, Where, MappingNode]]:
    if entry is None:
        return
    table = form.mapping(entry.value, section, "InputBuffer: …")
    for item in table.entries.values() if table else ():
        name = form.name(item.key, f"an entry of {section}")
        body = form.mapping(item.value, f"{item.key.value!s:.60}", "…: …")
        if name is not None and body is not None:
            yield name, item.key.where, body


def _worker(
    form: Form,
    named: tuple[str, Where],
    base_directory: Path,
    keys: Mapping[str, Entry],
    assigned: Mapping[str, tuple[Role, Where]],
) -> WorkerSpec:
    name, where = named
    module, function = keys.get("file"), keys.get("function")
    is_own = module is not None and getattr(module.value, "value", None) not in {None, ""}
    if not is_own and function is not None:
        module, function = _of_mimocorb(form, function, name)
    return make_worker(
        form,
        name,
        where,
        base_directory,
        module=module,
        function=function,
        processes=keys.get("number_of_processes"),
        rb_assign=assigned,
    )


def _of_mimocorb(form: Form, function: Entry, worker: str) -> tuple[Entry | None, Entry | None]:
    """Without ``file``, ``plot.plot_graph`` names a function in a module of mimocorb."""
    node = function.value
    text = node.value if isinstance(node, ScalarNode) else None
    module, dot, name = text.rpartition(".") if isinstance(text, str) else ("", "", "")
    if not (dot and module and name):
        form.error(
            node.where,
            f"function of {worker}, which has no 'file', is a function of mimocorb",
            describe(node),
            "add the key 'file', or write for example: plot.plot_graph",
        )
        return None, None
    path = "mimocorb/" + module.removeprefix("mimocorb.").replace(".", "/")
    module_node, name_node = (
        replace(node, value=part) for part in (path, name) if isinstance(node, ScalarNode)
    )
    return Entry(function.key, module_node), Entry(function.key, name_node)


def _assigned(
    form: Form, keys: Mapping[str, Entry], worker: str
) -> tuple[dict[str, tuple[Role, Where]], bool]:
    """Roles and places of a worker's buffers, and whether all could be read."""
    roles: dict[str, tuple[Role, Where]] = {}
    is_complete = True
    for key, role in _ROLES.items():
        node = keys[key].value if key in keys else None
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
