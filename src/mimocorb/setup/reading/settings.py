"""Settings of the command line, ``--set path=value``: parts of a set-up replaced while reading.

A path goes down the structure of the file, with a dot between names:

* ``runevents``, ``target_directory``: a key at the top;
* ``Buffers.raw.slot_count``, ``RingBuffer.RB_1.number_of_slots``: a key of a buffer;
* ``Workers.source.number_of_processes``, ``Functions.Fkt_2.num_process``: a key of a worker;
* ``Workers.source.config.eventcount``: a key of its configuration, wherever that is written.

The section may be left out (``raw.slot_count``, ``Fkt_2.num_process``). What follows the name of a
worker and is no key of workers is a key of its configuration: ``source.eventcount``. A worker goes
by the name of its function as well, as in the configuration files of the manual:
``simulation_source.eventcount``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mimocorb.compat.dialects import file_keys
from mimocorb.compat.dialects.words import SPELLINGS
from mimocorb.model import Setup, WorkerSpec
from mimocorb.model.problem import Where
from mimocorb.setup.form import Form, describe
from mimocorb.setup.nearest import nearest, slip_of
from mimocorb.setup.paths import absolute
from mimocorb.setup.text.setup_file import (
    Entry,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    node_from_python,
    parse_text,
    plain,
)

__all__ = ["Setting", "apply_to_file", "apply_to_workers", "parse_settings", "with_data"]

Keys = Mapping[str, Sequence[str]]
"""Keys with their spellings."""

_RECOMMENDED, _MANUAL = SPELLINGS["mimoCoRB2"], SPELLINGS["manual"]
_ENTRY_KEYS: Mapping[str, Keys] = {
    "Buffers": _RECOMMENDED["Buffers"],
    "Workers": _RECOMMENDED["Workers"],
    "RingBuffer": _MANUAL["RingBuffer"],
    "Functions": {**_MANUAL["Functions"], **_MANUAL["Fkt_main"]},
}
# What is under these keys is looked up in the resolved configuration of the worker.
_CONFIG_KEYS = ("config", "config_file")


class Setting(NamedTuple):
    """One ``--set``: the path to what is to be set, the value, and how the user wrote it."""

    path: str
    value: Node
    where: Where


class _Part(NamedTuple):
    """A buffer or worker in the file: what it is called, which keys it has, how to get there."""

    names: tuple[str, ...]
    keys: Keys
    route: tuple[Any, ...]


class _Refused(Exception):
    """A path that leads into something that is no mapping; the text says what was found."""


def parse_settings(form: Form, texts: Iterable[str]) -> list[Setting]:
    """Read texts such as ``Buffers.raw.slot_count=64``; the value is YAML."""
    settings = []
    for text in texts:
        where = Where(f"--set {_one_line(text)}")
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            form.error(
                where,
                "a setting is a path, an equals sign and a value",
                f"found {text!r}",
                "write for example: --set runevents=500",
            )
            continue
        node, problems = parse_text(value, where.file)
        form.problems += [replace(problem, where=where) for problem in problems]
        if not problems:
            content = None if node is None else plain(node)
            settings.append(Setting(path.strip(), node_from_python(content, where.file), where))
    return settings


def apply_to_file(
    form: Form, root: MappingNode, settings: Sequence[Setting]
) -> tuple[MappingNode, list[Setting], list[str]]:
    """Replace what the settings name in the nodes of a set-up file.

    Returns
    -------
    root, rest, known
        The changed file; the settings that name nothing in it, which are for
        :func:`apply_to_workers`; the paths that could have been named.
    """
    top = file_keys(root)[""]
    known = list(_canonical(top))
    for part in _parts(root):
        known += [f"{name}.{key}" for name in part.names for key in _canonical(part.keys)]
    rest = []
    for setting in settings:
        target = _target(root, top, setting.path)
        if target is None:
            rest.append(setting)
            continue
        route, keys, key, below = target
        change = partial(_with_key, setting, keys, key, below)
        try:
            root = _changed(root, route, change)
        except _Refused as refused:
            form.error(
                setting.where,
                "a setting names a key in a mapping",
                str(refused),
                "set the whole of it, as in --set 'on_failure={action: restart}'",
            )
    return root, rest, known


def apply_to_workers(
    form: Form, setup: Setup, settings: Sequence[Setting], known: Sequence[str]
) -> Setup:
    """Replace what the settings name in the configurations of workers.

    A key that a configuration does not have is added, unless it looks like one that it has.
    """
    buffers = [spec.name for spec in setup.buffers]
    for setting in settings:
        is_named = False
        for spec in setup.workers:
            found = _below(spec, setting.path, buffers)
            if found:
                is_named = True
                setup = _with_worker(setup, _configured(form, spec, setting, *found))
        if not is_named:
            paths = [*known, *_config_paths(setup)]
            guess = nearest(setting.path, paths)
            form.error(
                setting.where,
                "a setting is for a key at the top, of a buffer, a worker or its configuration",
                f"found {setting.path!r}",
                f"did you mean {guess!r}?" if guess else f"for example {', '.join(paths[:3])}",
            )
    return setup


def with_data(setup: Setup, data: str) -> Setup:
    """Set the path of recorded data, relative to the working directory, for all sources.

    A source that knows no such key leaves it alone, like every key of a common configuration;
    whether one of them takes it is said where they are loaded.
    """
    for spec in setup.workers:
        if spec.is_source:
            config = {**spec.config, "data": str(absolute(Path(), data))}
            changed = _with_config(spec, config, "data", Where(f"--data {data}"))
            if "data" not in spec.config:
                common = changed.config_origin.common | {"data"}
                origin = replace(changed.config_origin, common=common)
                changed = replace(changed, config_origin=origin)
            setup = _with_worker(setup, changed)
    return setup


def _canonical(keys: Keys) -> dict[str, str]:
    return {name: names[0] for names in keys.values() for name in names}


def _parts(root: MappingNode) -> Iterator[_Part]:
    """Buffers and workers of the file."""
    names: list[tuple[str, str, tuple[Any, ...]]] = []
    for section in _ENTRY_KEYS:
        node = root.get(section)
        if isinstance(node, MappingNode):
            names += [(section, str(name), (section, name)) for name in node.entries]
        for index, item in enumerate(node.items if isinstance(node, ListNode) else ()):
            if isinstance(item, MappingNode):
                names += [(section, str(name), (section, index, name)) for name in item.entries]
    short = [name for _, name, _ in names]
    for section, name, route in names:
        # What a buffer and a worker share names none of the two.
        alone = (name,) if short.count(name) == 1 else ()
        yield _Part((f"{section}.{name}", *alone), _ENTRY_KEYS[section], route)


def _target(
    root: MappingNode, top: Keys, path: str
) -> tuple[tuple[Any, ...], Keys, str, str] | None:
    """Return the route to a mapping, its keys, the key in it, and the path below the key."""
    places = [(part, name) for part in _parts(root) for name in part.names]
    places = [(part, name) for part, name in places if path.startswith(f"{name}.")]
    if places:
        part, name = max(places, key=lambda place: len(place[1]))
        key, _, below = path[len(name) + 1 :].partition(".")
        canonical = _canonical(part.keys)
        if key not in canonical or (key in _CONFIG_KEYS and below):
            return None
        return part.route, part.keys, canonical[key], below
    key, _, below = path.partition(".")
    canonical = _canonical(top)
    if key not in canonical or (key in _ENTRY_KEYS and below):
        return None
    return (), top, canonical[key], below


def _changed(node: Node, route: tuple[Any, ...], change: Callable[[Node], Node]) -> Any:
    """Return the node with what lies at the end of the route changed."""
    if not route:
        return change(node)
    step, *more = route
    if isinstance(node, ListNode):
        items = list(node.items)
        items[step] = _changed(items[step], tuple(more), change)
        return replace(node, items=tuple(items))
    assert isinstance(node, MappingNode)
    entry = node.entries[step]
    value = _changed(entry.value, tuple(more), change)
    return replace(node, entries={**node.entries, step: Entry(entry.key, value)})


def _with_key(setting: Setting, keys: Keys, key: str, below: str, body: Node) -> Node:
    """Return a body with the key, or what is below it, set; other spellings of it are dropped."""
    if not isinstance(body, MappingNode):
        raise _Refused(describe(body))
    spellings = next(names for names in keys.values() if key in names)
    old = next((body.entries[name].value for name in spellings if name in body.entries), None)
    value = _laid_over(old, below, setting) if key == "base_config" and below else None
    value = value or _with_path(old, below, setting)
    entries = {name: entry for name, entry in body.entries.items() if name not in spellings}
    entries[key] = Entry(ScalarNode(key, setting.where), value)
    return replace(body, entries=entries)


def _laid_over(old: Node | None, below: str, setting: Setting) -> Node:
    """Return a configuration of files and mappings with one more mapping over it."""
    parts = old.items if isinstance(old, ListNode) else (old,) if old else ()
    return ListNode((*parts, _with_path(None, below, setting)), setting.where)


def _with_path(node: Node | None, path: str, setting: Setting) -> Node:
    """Return a node with the value at a path below it, whose names are keys of mappings."""
    if not path:
        return setting.value
    if isinstance(node, ScalarNode) and node.value is None:
        node = None
    if node is not None and not isinstance(node, MappingNode):
        raise _Refused(describe(node))
    entries = dict(node.entries) if node else {}
    key, below = _split(path, entries)
    value = _with_path(entries[key].value if key in entries else None, below, setting)
    entries[key] = Entry(ScalarNode(key, setting.where), value)
    return MappingNode(entries, node.where if node else setting.where)


def _split(path: str, keys: Iterable[Any]) -> tuple[Any, str]:
    """Return the key that the path begins with and the rest; keys may have dots themselves."""
    fitting = [key for key in keys if path == str(key) or path.startswith(f"{key}.")]
    if fitting:
        key = max(fitting, key=lambda key: len(str(key)))
        return key, path[len(str(key)) + 1 :]
    first, _, below = path.partition(".")
    return first, below


def _below(
    spec: WorkerSpec, path: str, buffers: Sequence[str]
) -> tuple[str, tuple[str, ...]] | None:
    """Return what follows the name of the worker in the path, if it is for its configuration.

    With it come the keys that could stand there instead.
    """
    named = [(f"Workers.{spec.name}", _RECOMMENDED["Workers"])]
    named += [(f"Functions.{spec.name}", _MANUAL["Functions"])]
    if spec.name not in buffers:
        named += [(spec.name, {**_RECOMMENDED["Workers"], **_MANUAL["Functions"]})]
    named += [(spec.function.name, {})]
    for name, keys in named:
        for prefix, others in ((f"{name}.config.", ()), (f"{name}.", tuple(_canonical(keys)))):
            if name and path.startswith(prefix) and len(path) > len(prefix):
                return path.removeprefix(prefix), others
    return None


def _config_paths(setup: Setup) -> list[str]:
    return [
        f"{name}.{key}"
        for spec in setup.workers
        for name in (spec.name, spec.function.name)
        for key in spec.config
    ]


def _configured(
    form: Form, spec: WorkerSpec, setting: Setting, path: str, others: Sequence[str]
) -> WorkerSpec:
    key, below = _split(path, spec.config)
    # Whether the function knows the key is said where it is loaded.
    guess = slip_of(key, others) if not below and key not in spec.config else None
    if guess:
        form.error(
            setting.where,
            f"{setting.path!r} is a key of {spec.name} or of its configuration",
            "found none of this name",
            f"did you mean {guess!r}? For the configuration write: {spec.name}.config.{path}",
        )
        return spec
    try:
        config = _with_path(node_from_python(spec.config, setting.where.file), path, setting)
    except _Refused as refused:
        form.error(
            setting.where,
            f"{path!r} names keys of mappings in the configuration of {spec.name}",
            str(refused),
            "set the whole of it",
        )
        return spec
    return _with_config(spec, plain(config), key, setting.where)


def _with_config(
    spec: WorkerSpec, config: Mapping[str, Any], key: object, where: Where
) -> WorkerSpec:
    """Return the worker with a configuration, one key of which was set for it alone."""
    origin = spec.config_origin
    below = {
        name: place for name, place in origin.places_below.items() if not name.startswith(f"{key}.")
    }
    origin = replace(
        origin,
        places={**origin.places, key: where},
        places_below=below,
        common=origin.common - {key},
    )
    return replace(spec, config=config, config_origin=origin)


def _with_worker(setup: Setup, changed: WorkerSpec) -> Setup:
    workers = [changed if spec.name == changed.name else spec for spec in setup.workers]
    return replace(setup, workers=tuple(workers))


def _one_line(text: str) -> str:
    """Return a text as it may stand in the first part of a message."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
