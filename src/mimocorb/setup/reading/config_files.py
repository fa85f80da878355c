"""The configuration that worker functions get: which file, which section, what over what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mimocorb.setup.form import Form
from mimocorb.setup.model import ConfigOrigin, WorkerSpec
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import absolute, shown
from mimocorb.setup.problems import Where
from mimocorb.setup.text.setup_file import MappingNode, Node, plain, read_file

__all__ = [
    "CommonConfig",
    "ConfigFiles",
    "Layers",
    "is_file",
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

    def _load(self, path: Path, name: str, where: Where, what: str) -> MappingNode | None:
        if not is_file(path):
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


def is_file(path: Path) -> bool:
    """Whether there is such a file, whatever the name."""
    try:
        return path.is_file()
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
    places, places_below
        Where each key was written, and each key below it.
    common
        Keys that are for other workers as well.
    files
        The files that were read.
    complete
        Whether every file could be read.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[Any, Where] = field(default_factory=dict)
    places_below: Mapping[str, Where] = field(default_factory=dict)
    common: frozenset[Any] = frozenset()
    files: tuple[Path, ...] = ()
    complete: bool = True

    def over(self, table: MappingNode, file: Path | None = None, *, common: bool = False) -> Layers:
        """Return this configuration with a mapping laid over it."""
        keys = table.entries.keys()
        new = () if file is None or file in self.files else (file,)
        return Layers(
            {**self.content, **plain(table)},
            {**self.places, **{key: entry.key.where for key, entry in table.entries.items()}},
            {**self.places_below, **dict(_places_below(table))},
            self.common | keys if common else self.common - keys,
            self.files + new,
            self.complete,
        )

    def of_worker(self, worker: WorkerSpec, directory: Path) -> WorkerSpec:
        """Return the worker with this configuration; `directory` is that of the set-up."""
        return replace(
            worker,
            config=self.content,
            config_files=self.files,
            config_origin=ConfigOrigin(
                self.places, self.places_below, self.common, directory, self.complete
            ),
        )


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


@dataclass
class CommonConfig:
    """The common configuration file of the manual: ``general`` and one section per function.

    A function gets, over the keys of ``general``, exactly one of these, the first that exists: the
    content of its own ``config_file``, the section of the common file named like the function, the
    section under ``FunctionConfigs`` in the set-up. ``runtime`` and ``runevents`` under ``general``
    belong to the run and are left out.
    """

    form: Form
    sections: MappingNode
    path: Path | None
    inline: MappingNode
    complete: bool = True

    RUN_KEYS = ("runtime", "runevents")

    def general(self) -> MappingNode:
        """Return the section ``general``; empty if there is none."""
        return self._section(self.sections, "general") or MappingNode({}, self.sections.where)

    def of_function(
        self, function: str, own: tuple[Path, MappingNode] | None, *, complete: bool = True
    ) -> Layers:
        """Return the configuration of a function with or without a file of its own.

        `complete` tells whether that file could be read.
        """
        general = self.general()
        entries = {key: item for key, item in general.entries.items() if key not in self.RUN_KEYS}
        files = (self.path,) if self.path else ()
        base = Layers(files=files, complete=complete and self.complete)
        base = base.over(replace(general, entries=entries), common=True)
        if own is not None:
            return base.over(own[1], own[0])
        content = self._section(self.sections, function)
        if content is None:
            content = self._section(self.inline, function)
        return base if content is None else base.over(content)

    def warn_of_misspelt_sections(self, functions: Iterable[str]) -> None:
        """Report sections that no function uses but that look like one that has none."""
        named = set(functions)
        for table in (self.sections, self.inline):
            without = [name for name in named if name not in table.entries]
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
