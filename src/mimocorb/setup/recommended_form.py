"""A set-up of any dialect written in the recommended form, so that reading it gives the same.

Configuration files stay files where a worker takes over all of one. Files with a section for each
function, as those of the manual, cannot be named like that; what workers take from them is written
into the set-up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mimocorb.model import ConfigLayer, ConfigOrigin, Setup, WorkerSpec
from mimocorb.model.keys import written
from mimocorb.setup.user_code.own_functions import text_of_mimocorb

__all__ = ["RecommendedForm", "recommended_form", "worker_form"]

_WIDTH = 100
_UNICODE_LINE_ENDS = frozenset("\x85\u2028\u2029")


@dataclass(frozen=True)
class RecommendedForm:
    """The text of a set-up file, and the configuration files that it does not name any more.

    Parameters
    ----------
    text
        YAML.
    dropped_files
        Their content is in the text, as far as it was used.
    """

    text: str
    dropped_files: tuple[Path, ...]


def recommended_form(setup: Setup, directory: Path) -> RecommendedForm:
    """Write a set-up in the recommended form.

    Parameters
    ----------
    setup
        A set-up without errors.
    directory
        Directory of the new file, absolute: paths in it start there.
    """
    return _Writer(setup, directory).form()


def worker_form(spec: WorkerSpec, directory: Path) -> str:
    """Write one worker, with its whole configuration, as a set-up in a directory has it."""
    whole = replace(spec, config_origin=ConfigOrigin())
    return _dump({"Workers": {spec.name: _Writer(Setup((), ()), directory).worker(whole, ())}})


class _Dumper(yaml.SafeDumper):
    """Writes what our reader reads: numbers as in YAML 1.2, and nothing by reference.

    Lists and mappings without others inside are put into one line if they fit into it.
    """

    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: Any = None
    ) -> yaml.SequenceNode:
        """Return the node of a list."""
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = node.flow_style and _fits(item.value for item in node.value)
        return node

    def represent_mapping(self, tag: str, mapping: Any, flow_style: Any = None) -> yaml.MappingNode:
        """Return the node of a mapping."""
        node = super().represent_mapping(tag, mapping, flow_style)
        parts = (part.value for item in node.value for part in item)
        node.flow_style = node.flow_style and _fits(parts)
        return node

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def analyze_scalar(self, scalar: str) -> Any:
        """Say how a text may be quoted: line ends of Unicode only come back where escaped."""
        analysis = super().analyze_scalar(scalar)
        if _UNICODE_LINE_ENDS.intersection(scalar):
            analysis.allow_flow_plain = analysis.allow_block_plain = False
            analysis.allow_single_quoted = False
        return analysis


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _fits(texts: Iterable[str]) -> bool:
    return sum(len(text) + 2 for text in texts) <= _WIDTH - 30


class _Writer:
    def __init__(self, setup: Setup, directory: Path) -> None:
        self._setup = setup
        self._directory = directory
        self._named: set[Path] = set()

    def form(self) -> RecommendedForm:
        setup = self._setup
        content = written(setup)
        del content["base_config"]
        if setup.path is not None and setup.title == setup.path.stem:
            content.pop("title", None)
        if "target_directory" in content:
            content["target_directory"] = self._relative(content["target_directory"])
        # What the command line changed in a worker is no part of the layers: it stands below.
        base = self._base()
        base_config = self._config({}, base, _merged(base))
        parts = {
            "Buffers": {spec.name: written(spec) for spec in setup.buffers},
            "base_config": base_config,
            "Workers": {spec.name: self.worker(spec, base) for spec in setup.workers},
        }
        content |= {key: value for key, value in parts.items() if value is not None}
        read = dict.fromkeys(
            [*setup.config_files, *(path for spec in setup.workers for path in spec.config_files)]
        )
        dropped = tuple(path for path in read if path not in self._named)
        return RecommendedForm(_dump(content), dropped)

    def _base(self) -> tuple[ConfigLayer, ...]:
        """Return what is below the configurations of all workers."""
        workers = self._setup.workers
        layers = workers[0].config_origin.layers if workers else ()
        common = tuple(layer for layer in layers if layer.common)
        return common if all(_has(spec.config, common) for spec in workers) else ()

    def worker(self, spec: WorkerSpec, base: Sequence[ConfigLayer]) -> dict[str, Any]:
        """Return the keys of a worker, without what the base of all configurations says."""
        content = written(spec)
        own = [layer for layer in spec.config_origin.layers if not layer.common]
        own = own if _has(spec.config, own) else []
        config = self._config(_merged(base), own, spec.config)
        file = spec.function.path and {"file": self._relative(spec.function.path)}
        name = spec.function.name if file else text_of_mimocorb(spec.function)
        last = {} if config is None else {"config": config}
        others = {key: content[key] for key in content if key not in {"file", "function", "config"}}
        return {**(file or {}), "function": name, **others, **last}

    def _config(
        self, said: Mapping[Any, Any], layers: Sequence[ConfigLayer], config: Mapping[Any, Any]
    ) -> Any:
        """Return layers and what they do not say, over what is said below; ``None``: nothing."""
        parts: list[Any] = []
        for layer in layers:
            new = _beyond(said, layer.content)
            said = {**said, **layer.content}
            if layer.path is not None:
                self._named.add(layer.path)
                parts.append(self._relative(layer.path))
            elif new:
                parts.append(new)
        rest = _beyond(said, config)
        if rest:
            if parts and isinstance(parts[-1], Mapping):
                rest = {**parts.pop(), **rest}
            parts.append(rest)
        return parts[0] if len(parts) == 1 else parts or None

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._directory)


def _beyond(said: Mapping[Any, Any], config: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return what a configuration says that is not said already."""
    return {
        key: value
        for key, value in config.items()
        if key not in said or not _same(said[key], value)
    }


def _has(config: Mapping[Any, Any], layers: Iterable[ConfigLayer]) -> bool:
    """Whether a configuration has all keys of what it was put together from."""
    return all(key in config for layer in layers for key in layer.content)


def _merged(layers: Iterable[ConfigLayer]) -> dict[Any, Any]:
    merged: dict[Any, Any] = {}
    for layer in layers:
        merged |= layer.content
    return merged


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type, down to the last item; nan is itself."""
    return _dump({0: one}) == _dump({0: other})


def _dump(content: Mapping[Any, Any]) -> str:
    text: str = yaml.dump(
        content,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=_WIDTH,
    )
    return text
