"""A set-up of any dialect written in the recommended form, so that reading it gives the same.

Configuration files stay files where the recommended form can name them: where a worker takes over
all of a file. Files with a section for each function, as those of the manual, cannot be named like
that; what workers take from them is written into the set-up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mimocorb.setup.model import BufferSpec, RestartPolicy, Setup, StopCondition, WorkerSpec
from mimocorb.setup.text.setup_file import MappingNode, plain, read_file
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
    whole = replace(spec, config_files=())
    return _dump({"Workers": {spec.name: _Writer(Setup(), directory).worker(whole, {}, ())}})


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
        self._contents: dict[Path, Mapping[Any, Any]] = {}
        self._named: set[Path] = set()

    def form(self) -> RecommendedForm:
        setup = self._setup
        base_files = self._files_of_all()
        base = self._common()
        content = {
            **self._settings(),
            "Buffers": {spec.name: _buffer(spec) for spec in setup.buffers},
        }
        base_config = self._config(base, base_files, {})
        if base_config is not None:
            content["base_config"] = base_config
        content["Workers"] = {
            spec.name: self.worker(spec, base, base_files) for spec in setup.workers
        }
        read = dict.fromkeys(
            [*setup.config_files, *(path for spec in setup.workers for path in spec.config_files)]
        )
        dropped = tuple(path for path in read if path not in self._named)
        return RecommendedForm(_dump(content), dropped)

    def _settings(self) -> dict[str, Any]:
        setup = self._setup
        limits = dict(setup.runevents_of)
        values = {
            "title": setup.title if setup.path is None or setup.title != setup.path.stem else None,
            "operator": setup.operator or None,
            "comment": setup.comment or None,
            "target_directory": setup.output_directory and self._relative(setup.output_directory),
            "runtime": setup.runtime_s and _whole(setup.runtime_s),
            "runevents": limits or setup.runevents,
            "stop_when": [_condition(condition) for condition in setup.stop_when] or None,
            "drain_timeout_s": setup.drain_timeout_s and _whole(setup.drain_timeout_s),
            "KBD_control": None if setup.keyboard_control else False,
            "GUI_control": True if setup.gui_control else None,
        }
        return {key: value for key, value in values.items() if value is not None}

    def worker(
        self, spec: WorkerSpec, base: Mapping[Any, Any], base_files: Sequence[Path]
    ) -> dict[str, Any]:
        """Return the keys of a worker, without what the base of all configurations says."""
        function: dict[str, Any] = {"function": text_of_mimocorb(spec.function)}
        if spec.function.path is not None:
            function = {
                "file": self._relative(spec.function.path),
                "function": spec.function.name,
            }
        files = [path for path in spec.config_files if path not in base_files]
        values = {
            **function,
            "number_of_processes": spec.number_of_processes
            if spec.number_of_processes > 1
            else None,
            "sources": list(spec.sources) or None,
            "sinks": list(spec.sinks) or None,
            "observes": list(spec.observes) or None,
            "restart": spec.restart and _restart(spec.restart),
            "hang_timeout_s": spec.hang_timeout_s and _whole(spec.hang_timeout_s),
            "ordered": spec.ordered or None,
            "rejected_sample": spec.rejected_prescale,
            "config": self._config(spec.config, files, base),
        }
        return {key: value for key, value in values.items() if value is not None}

    def _common(self) -> dict[Any, Any]:
        """Return what is written for all workers together."""
        workers = self._setup.workers
        found: dict[Any, Any] = {}
        for spec in workers:
            for key in spec.config:
                in_all = all(key in other.config for other in workers)
                if in_all and key in spec.config_origin.common and len(workers) > 1:
                    found.setdefault(key, spec.config[key])
        return found

    def _files_of_all(self) -> list[Path]:
        first, *others = (spec.config_files for spec in self._setup.workers)
        return [path for path in first if others and all(path in files for files in others)]

    def _config(
        self, config: Mapping[Any, Any], files: Iterable[Path], below: Mapping[Any, Any]
    ) -> Any:
        """Return files and what they do not say, over what is below; ``None``: nothing."""
        parts: list[Any] = []
        said = dict(below)
        for path in files:
            content = self._content(path)
            if content and all(key in config for key in content):
                said |= content
                parts.append(self._relative(path))
                self._named.add(path)
        rest = {
            key: value
            for key, value in config.items()
            if key not in said or not _same(said[key], value)
        }
        if rest:
            parts.append(rest)
        return parts[0] if len(parts) == 1 else parts or None

    def _content(self, path: Path) -> Mapping[Any, Any]:
        if path not in self._contents:
            node, _ = read_file(path, str(path))
            self._contents[path] = plain(node) if isinstance(node, MappingNode) else {}
        return self._contents[path]

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._directory)


def _buffer(spec: BufferSpec) -> dict[str, Any]:
    return {
        "slot_count": spec.number_of_slots,
        "data_length": spec.values_per_slot,
        "data_dtype": _record_type(spec.dtype),
    }


def _record_type(dtype: np.dtype[Any]) -> Any:
    """Return a type as set-ups write it: a text, a mapping, or a list where fields have shapes."""
    if dtype.names is None:
        return dtype.name if dtype.isnative and dtype.kind in "biufc" else dtype.str
    fields = [(name, dtype[name]) for name in dtype.names]
    if all(not field.shape and field.names is None for _, field in fields):
        return {name: _record_type(field) for name, field in fields}
    return [
        [name, _record_type(field.base), *([list(field.shape)] if field.shape else [])]
        for name, field in fields
    ]


def _condition(condition: StopCondition) -> str:
    subject = f"{condition.subject}.{condition.quantity}"
    return f"{subject} {condition.comparison} {_whole(condition.limit)!r}"


def _restart(policy: RestartPolicy) -> Any:
    if policy == RestartPolicy(policy.policy):
        return policy.policy
    return {"policy": policy.policy, "limit": policy.limit, "backoff_s": policy.backoff_s}


def _whole(value: float) -> float | int:
    """Return 60 for 60.0, as a person would write it."""
    return int(value) if value.is_integer() and value < 1e15 else value


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
