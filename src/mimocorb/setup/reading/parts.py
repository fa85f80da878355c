"""From the nodes of the recommended form to the model: each part alone, so that reading goes on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from mimocorb._memory import size_in_words
from mimocorb._words import how_many
from mimocorb.model import BufferSpec, FunctionReference, Setup, StopCondition, WorkerSpec
from mimocorb.model.buffer import CONNECTS
from mimocorb.model.keys import keys_of
from mimocorb.model.kinds import Directory, Table, WordOrTable
from mimocorb.model.problem import Where
from mimocorb.registry import offered
from mimocorb.schema import MAX_SLOT_BYTES
from mimocorb.setup.form import Form, describe
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import absolute
from mimocorb.setup.reading.config_files import ConfigFiles, Layers
from mimocorb.setup.text.setup_file import ListNode, MappingNode, Node, ScalarNode
from mimocorb.setup.user_code.own_functions import (
    is_offered,
    offered_function,
    place_in_mimocorb,
)
from mimocorb.setup.user_code.user_functions import locate

__all__ = ["ReadParts", "read_keys", "read_setup_nodes"]

# What stands for values that could not be read: a number, the size of a type, a function.
_UNKNOWN: Mapping[str, Any] = {
    "slot_count": 0,
    "data_length": 0,
    "number_of_processes": 0,
    "function": "",
}


class _Part(NamedTuple):
    """A buffer or worker as it stands in the file."""

    name: str
    where: Where
    body: MappingNode


class ReadParts(NamedTuple):
    """A set-up as far as it could be read, and whether all buffers of its workers could be."""

    setup: Setup
    assignments_complete: bool


def read_setup_nodes(form: Form, root: MappingNode, files: ConfigFiles) -> ReadParts:
    """Make the model of a set-up in the recommended form; problems go to the form.

    Parts that have problems are in it as well, so that their names are known: what could not be
    read is 0 or empty there.
    """
    base = Layers(origin=replace(Layers().origin, directory=files.base_directory))
    node = root.get("base_config")
    base = base.with_node(node, files, "base_config", common=True) if node else base
    buffers = tuple(_buffer(form, *named) for named in _named(root.get("Buffers")))
    workers, complete = [], True
    for named in _named(root.get("Workers")):
        worker, is_complete = _worker(form, files, base, named)
        workers.append(worker)
        complete = complete and is_complete
    values = read_keys(form, Setup, root, "", but_not=("Buffers", "Workers", "base_config"))
    program = root.get("on_alarm")
    if program is not None and values.get("on_alarm"):
        _check_program(form, values["on_alarm"][0], program, files.base_directory)
    output = values.get("output_directory")
    limits, conditions = root.get("runevents"), root.get("stop_when")
    if output is not None:
        values["output_directory"] = absolute(files.base_directory, output)
    if values.get("stop_when"):
        values["stop_when"] = tuple(_with_places(values["stop_when"], conditions))
    if isinstance(limits, MappingNode):
        values["places"] = {name: key.where for name, (key, _) in limits.entries.items()}
    return ReadParts(
        Setup(
            buffers,
            tuple(workers),
            base_config=base.content,
            base_directory=files.base_directory,
            config_files=files.paths,
            **values,
        ),
        complete,
    )


def read_keys(
    form: Form, part: type, body: MappingNode, of: str, but_not: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the values of the keys that can be read, by the names of their fields.

    Parameters
    ----------
    form
        Takes the problems.
    part
        The class of the model.
    body
        The keys, under their recommended names.
    of
        The thing described, for messages such as "slot_count of raw"; nothing for the set-up.
    but_not
        Keys that are read elsewhere.
    """
    values: dict[str, Any] = {}
    for key, made in keys_of(part).items():
        entry = body.entries.get(key)
        if key in but_not:
            continue
        if entry is None:
            value = _UNKNOWN.get(key) if made.required else None
        else:
            what = f"{entry.key.value} of {of}" if of else str(entry.key.value)
            value = _value(form, made.kind, entry.value, what)
            if isinstance(made.kind, Directory) and re.search(r"\$\{?\w", value or ""):
                asked = "is a name in which ~ is the home directory, and nothing else is filled in"
                found = f"found {value!r}"
                form.warning(entry.value.where, f"{what} {asked}", found, "write the name out")
            value = _UNKNOWN.get(key) if value is None else value
        if value is not None:
            values[made.field.name] = value
    return values


def _value(form: Form, kind: Any, node: Node, what: str) -> Any:
    if not isinstance(kind, (Table, WordOrTable)) or not isinstance(node, MappingNode):
        return form.value(kind, node, what)
    before = len(form.problems)
    if isinstance(kind, Table):
        keys = keys_of(kind.part)
        needed = [key for key, made in keys.items() if made.required]
        entries = form.entries(what, node, {key: (key,) for key in keys}, needed)
        node = replace(node, entries=entries)
    values = read_keys(form, kind.part, node, what)
    return kind.part(**values) if len(form.problems) == before else None


def _named(section: Node | None) -> Iterator[_Part]:
    for key, body in section.entries.values() if isinstance(section, MappingNode) else ():
        assert isinstance(body, MappingNode)
        yield _Part(str(key.value), key.where, body)


def _with_places(
    conditions: tuple[StopCondition, ...], node: Node | None
) -> Iterator[StopCondition]:
    items = node.items if isinstance(node, ListNode) else (node,)
    for condition, item in zip(conditions, items, strict=True):
        yield replace(condition, where=item.where) if item else condition


def _buffer(form: Form, name: str, where: Where, body: MappingNode) -> BufferSpec:
    spec = BufferSpec(name, where=where, **read_keys(form, BufferSpec, body, name))
    _check_type(form, name, body)
    backend = body.get("backend")
    if backend is not None and spec.backend != BufferSpec.backend:
        _check_backend(form, spec.backend, backend, f"backend of {name}")
    if spec.slot_size_bytes > MAX_SLOT_BYTES:
        node = body.get("data_length")
        each = size_in_words(spec.data_dtype.itemsize)
        form.error(
            node.where if node else where,
            f"a slot of {name} holds at most {MAX_SLOT_BYTES >> 20} MiB",
            f"found {how_many(spec.data_length, 'value')} of {each}, "
            f"{spec.slot_size_bytes >> 20} MiB",
            "store fewer values in a slot, or smaller types",
        )
        return replace(spec, data_length=0)
    if spec.variable and spec.data_length == 1:
        node = body.get("data_length")
        form.error(
            node.where if node else where,
            f"events of {name} may be shorter than data_length, which is 2 or more then",
            "found data_length: 1",
            "write the most values that an event can have; a field that is an array is always"
            " whole, so write for example: data_length: 1000, data_dtype: {chA: float32}",
        )
    return spec


def _check_type(form: Form, name: str, body: MappingNode) -> None:
    """Report a buffer whose values have two types."""
    given = [body.entries[key] for key in ("data_dtype", "channels") if key in body.entries]
    if len(given) == 2:
        dtype, channels = (str(entry.key.value) for entry in given)
        form.error(
            given[1].key.where,
            f"buffer {name!r} has one of {dtype!r} and {channels!r}, which gives units as well",
            f"found {channels!r} beside {dtype!r} in line {given[0].key.where.line}",
            "keep one of them",
        )


def _check_backend(form: Form, name: str, node: Node, what: str) -> None:
    known = offered("backends")
    if name in known or name == CONNECTS:
        return
    names = [BufferSpec.backend, CONNECTS, *known]
    guess = nearest(name, names)
    packages = known.twice.get(name, ())
    form.error(
        node.where,
        f"{what} is {BufferSpec.backend}, {CONNECTS}, or one that an installed package offers",
        f"found {name!r} in {' and '.join(packages)}" if packages else f"found {name!r}",
        f"did you mean {guess!r}?" if guess else f"there are {', '.join(names)}",
    )


def _check_program(form: Form, name: str, node: Node, directory: Path) -> None:
    """Report a program that is not there; one with a slash in its name is beside the set-up."""
    if shutil.which(str(absolute(directory, name)) if "/" in name else name) is None:
        form.error(
            node.where,
            "on_alarm names a program",
            f"found no program {name!r}",
            f"make it executable, or name it with its directory: ./{Path(name).name}",
        )


def _worker(form: Form, files: ConfigFiles, base: Layers, part: _Part) -> tuple[WorkerSpec, bool]:
    """Return a worker, and whether all of its buffers could be read."""
    name, where, body = part
    own, module = body.get("config"), body.get("file")
    if isinstance(module, ScalarNode) and module.value in (None, ""):
        given = {key: entry for key, entry in body.entries.items() if key != "file"}
        body = replace(body, entries=given)
    values = read_keys(form, WorkerSpec, body, name, but_not=("config",))
    is_complete = all(
        made.field.name in values
        for key, made in keys_of(WorkerSpec).items()
        if key in _ROLES and key in body.entries
    )
    values["function"] = _function(form, files, part._replace(body=body), values)
    values |= _used_once(form, name, body, values)
    config = base.with_node(own, files, f"config of {name}") if own else base
    spec = WorkerSpec(
        name,
        where=where,
        config=config.content,
        config_files=config.files,
        config_origin=config.origin,
        **values,
    )
    return spec, is_complete


_ROLES = ("sources", "sinks", "observes")


def _used_once(
    form: Form, worker: str, body: MappingNode, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the lists of buffers, none of them named twice, and the places of the names."""
    places: dict[str, Where] = {}
    lists = {}
    for key in _ROLES:
        field, node = keys_of(WorkerSpec)[key].field.name, body.get(key)
        items = node.items if isinstance(node, ListNode) else (node,) if node else ()
        names = []
        for name, item in zip(values.get(field, ()), items, strict=False):
            if name in places:
                form.error(
                    item.where,
                    f"{worker} names a buffer once among sources, sinks and observes",
                    f"found {name!r} in line {places[name].line} already",
                    "keep one of them",
                )
            else:
                places[name] = item.where
                names.append(name)
        lists[field] = tuple(names)
    return {**lists, "places": places}


def _function(
    form: Form, files: ConfigFiles, part: _Part, values: Mapping[str, Any]
) -> FunctionReference:
    """Return where the function is; with empty names if that could not be read."""
    worker, where, body = part
    file, function = body.get("file"), body.get("function")
    asked, name = values.get("file"), values["function"]
    name_where = function.where if function else where
    module_where = file.where if file else name_where
    if file is None and function is not None and name:
        if is_offered(name):
            return offered_function(name, name_where)
        asked, name = place_in_mimocorb(name) or (None, name)
        if asked is None or asked.startswith("mimocorb/importers"):
            _not_of_mimocorb(form, function, worker, name)
            asked = None
    if asked and name:
        return locate(asked, name, files.base_directory, module_where, name_where)
    return FunctionReference(asked or "", name or "", where=module_where, name_where=name_where)


def _not_of_mimocorb(form: Form, node: Node, worker: str, name: str) -> None:
    """Report a function without ``file`` that mimocorb does not have."""
    text = str(node.value) if isinstance(node, ScalarNode) else ""
    remedy = "add the key 'file', or write for example: plot.plot_graph"
    if text.startswith("importers."):  # device modules of mimoCoRB2
        module = text.rpartition(".")[0]
        remedy = (
            f"copy {module.replace('.', '/')}.py of mimoCoRB2 beside the set-up, where it runs"
            f" unchanged, and write: file: {module.rpartition('.')[2]}.py, function: {name}"
        )
    asked = f"function of {worker}, which has no 'file', is one that mimocorb has"
    form.error(node.where, asked, describe(node), remedy)
