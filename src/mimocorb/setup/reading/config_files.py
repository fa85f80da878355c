"""The configuration that worker functions get: which file, which section, what over what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mimocorb.model import ConfigLayer, ConfigOrigin, WorkerSpec
from mimocorb.model.problem import Where
from mimocorb.setup.form import Form
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import absolute, shown
from mimocorb.setup.text.setup_file import (
    Entry,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    plain,
    read_file,
)

__all__ = [
    "ConfigFiles",
    "Layers",
    "include_files",
    "is_there",
    "meant_file",
    "with_shared_files",
]


@dataclass
class ConfigFiles:
    """Reads configuration files, each of them once, and remembers which."""

    form: Form
    base_directory: Path
    _content: dict[Path, MappingNode | None] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that were read, in the order of reading."""
        return tuple(path for path, content in self._content.items() if content is not None)

    def read(self, node: Node, what: str) -> tuple[Path, MappingNode] | None:
        """Read the file whose name is in ``node``; ``None`` if that failed."""
        name = self.form.text(node, what, "config/simulation_config.yaml")
        if name is None:
            return None
        path = absolute(self.base_directory, name)
        if path not in self._content:
            self._content[path] = self._load(path, name, node.where, what)
        content = self._content[path]
        return None if content is None else (path, content)

    def path_of(self, table: MappingNode) -> Path | None:
        """Return the file that a mapping is a section of; ``None`` if it is in the set-up."""
        for path, content in self._content.items():
            if content is not None and content.where.file == table.where.file:
                return path
        return None

    def _load(self, path: Path, name: str, where: Where, what: str) -> MappingNode | None:
        if not is_there(path):
            guess = meant_file(name, path)
            self.form.error(
                where,
                f"{what} is the file {shown(path)}",
                "found: no such file",
                f"did you mean {guess!r}?" if guess else "create it, or correct the name",
            )
            return None
        node, problems = read_file(path, shown(path))
        self.form.problems += problems
        if node is None:
            return None if problems else MappingNode({}, Where(shown(path), 1, 1))
        return self.form.mapping(node, f"the content of {name}", "filename: spectrum")


def include_files(files: ConfigFiles, root: MappingNode) -> MappingNode:
    """Return a set-up with the buffers and workers that are in files of their own."""
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


def is_there(path: Path) -> bool:
    """Whether there is such a file, whatever the name; what kind of file, reading it tells."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def meant_file(name: str, path: Path) -> str | None:
    """Return the name of a file beside a path that is not there, written as `name` was."""
    try:
        others = [other for other in path.parent.iterdir() if other.suffix in {".yaml", ".yml"}]
    except (OSError, ValueError):
        return None
    by_stem = {other.stem: other.name for other in others}
    guess = nearest(path.stem, by_stem)
    return str(Path(name).with_name(by_stem[guess])) if guess else None


@dataclass(frozen=True)
class Layers:
    """A configuration put together from mappings, later ones over earlier ones.

    Parameters
    ----------
    content
        The keys and values.
    files
        The files that were read.
    origin
        Where it was written.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    origin: ConfigOrigin = field(default_factory=ConfigOrigin)

    def with_node(
        self, node: Node, files: ConfigFiles, what: str, *, common: bool = False
    ) -> Layers:
        """Return this configuration with a mapping, a file or a list of them laid over it."""
        if isinstance(node, ListNode):
            layers = self
            for item in node.items:
                layers = layers.with_node(item, files, what, common=common)
            return layers
        if isinstance(node, MappingNode):
            return self._over(node, files.path_of(node), None, common=common)
        read = files.read(node, what) if node.value is not None else None
        if read is None:
            complete = self.origin.complete and node.value is None
            return replace(self, origin=replace(self.origin, complete=complete))
        return self._over(read[1], read[0], read[0], common=common)

    def _over(
        self, table: MappingNode, file: Path | None, whole: Path | None, *, common: bool
    ) -> Layers:
        """Lay a mapping over this, which is from a file, or is the whole of one."""
        keys = table.entries.keys()
        old, content = self.origin, plain(table)
        origin = replace(
            old,
            places={**old.places, **{key: entry.key.where for key, entry in table.entries.items()}},
            places_below={**old.places_below, **dict(_places_below(table))},
            common=old.common | keys if common else old.common - keys,
            layers=(*old.layers, ConfigLayer(content, whole, common)),
        )
        new = () if file is None or file in self.files else (file,)
        return Layers({**self.content, **content}, self.files + new, origin)


def _places_below(table: MappingNode, above: str = "") -> Iterator[tuple[str, Where]]:
    for key, entry in table.entries.items():
        name = f"{above}{key}"
        if above:
            yield name, entry.key.where
        if isinstance(entry.value, MappingNode):
            yield from _places_below(entry.value, f"{name}.")


def with_shared_files(
    workers: Sequence[WorkerSpec], but_not: Collection[str]
) -> tuple[WorkerSpec, ...]:
    """Return the workers with the keys of files that several of them name marked as common.

    Parameters
    ----------
    workers
        The workers of a set-up.
    but_not
        Files, as they are shown, with a part of their own for each worker.
    """
    users = Counter(
        file
        for worker in workers
        for file in {place.file for place in worker.config_origin.places.values()}
    )
    shared = {file for file, count in users.items() if count > 1} - set(but_not)
    marked = []
    for worker in workers:
        origin = worker.config_origin
        keys = {key for key, place in origin.places.items() if place.file in shared}
        origin = replace(origin, common=origin.common | keys)
        marked.append(replace(worker, config_origin=origin))
    return tuple(marked)
