"""From a set-up in any dialect to a checked :class:`~mimocorb.setup.model.Setup`.

======================  ==========================================================
top-level keys          dialect
======================  ==========================================================
RingBuffer, Functions   of the manual and of release 1.0.2
Buffers, Workers        of mimoCoRB2; the recommended one
======================  ==========================================================

Reading goes on after a problem wherever it can, so that all problems of a file come in one go.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mimocorb.errors import SetupError
from mimocorb.setup.checking.checks import check
from mimocorb.setup.form import Form, describe
from mimocorb.setup.keys.kinds import Given
from mimocorb.setup.keys.table import MANUAL_TOP_KEYS, RECOMMENDED_TOP_KEYS
from mimocorb.setup.model import Setup
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import absolute, shown
from mimocorb.setup.problems import Problem, Where, format_problems
from mimocorb.setup.reading import manual_dialect, mimocorb2_dialect
from mimocorb.setup.reading.config_files import ConfigFiles, is_file, meant_file
from mimocorb.setup.reading.parts import Draft, limits
from mimocorb.setup.reading.settings import (
    Setting,
    apply_to_file,
    apply_to_workers,
    parse_settings,
    with_data,
)
from mimocorb.setup.text.setup_file import (
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    node_from_python,
    read_file,
)

__all__ = ["examine_setup", "read_setup", "read_setup_or_problems", "setup_from_dicts"]

_log = logging.getLogger(__name__)

# Settings that callers may replace, by the names of the model, and the keys that describe them.
_OVERRIDES = {
    "title": "title",
    "operator": "operator",
    "comment": "comment",
    "runtime_s": "runtime",
    "runevents": "runevents",
    "drain_timeout_s": "drain_timeout_s",
    "output_directory": "output_directory",
    "keyboard_control": "KBD_control",
    "gui_control": "GUI_control",
}


def read_setup(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Setup:
    """Read and check a set-up file; see :func:`read_setup_or_problems`.

    Raises
    ------
    SetupError
        The set-up has errors. The message lists all of them, one a line, with file, line and
        column. Warnings go to the log.
    """
    setup, problems = read_setup_or_problems(path, overrides)
    return _setup_or_error(setup, problems)


def read_setup_or_problems(
    path: str | Path,
    overrides: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    data: str | None = None,
) -> tuple[Setup | None, list[Problem]]:
    """Read and check a set-up file.

    Parameters
    ----------
    path
        The set-up file.
    overrides
        Settings that replace those of the file: ``title``, ``operator``, ``comment``,
        ``runtime_s``, ``runevents`` (a number, for the first buffer), ``drain_timeout_s``,
        ``output_directory`` (relative to the working directory), ``keyboard_control``,
        ``gui_control``. A value of ``None`` leaves the file's setting.
    settings
        Parts of the file to replace, such as ``Buffers.raw.slot_count=64``; see
        :mod:`mimocorb.setup.reading.settings`.
    data
        Path of recorded data, relative to the working directory, for the sources with a key
        ``data`` in their configuration.

    Returns
    -------
    setup, problems
        The set-up, ``None`` if there is an error among the problems; all problems in the order of
        the files. Never raises for what a file contains.
    """
    setup, problems = examine_setup(path, overrides, settings, data)
    has_errors = any(problem.severity == "error" for problem in problems)
    return None if has_errors else setup, problems


def examine_setup(
    path: str | Path,
    overrides: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    data: str | None = None,
) -> tuple[Setup | None, list[Problem]]:
    """Read and check a set-up file for somebody who wants to see it whatever is wrong with it.

    The same as :func:`read_setup_or_problems`, but a set-up with errors is returned as far as it
    could be read, with stand-ins for the parts that could not; ``None`` if nothing could.
    """
    name = str(path)
    location = absolute(Path(), name)
    if not is_file(location):
        return None, [_missing_setup(name, location)]
    node, problems = read_file(location, name)
    form = Form(problems)
    files = ConfigFiles(form, location.parent)
    asked = parse_settings(form, settings)
    rest: list[Setting] = []
    known: list[str] = []
    if isinstance(node, MappingNode):
        node = mimocorb2_dialect.include_files(files, node)
        node, rest, known = apply_to_file(form, node, asked)
    draft = _read(form, node, files, Where(name, 1, 1)) if _readable(node, form) else None
    if draft is None:
        return None, _in_order(form.problems)
    setup = draft.setup
    setup = replace(setup, path=location, title=setup.title or location.stem)
    setup = apply_to_workers(form, setup, rest, known)
    setup = with_data(setup, data) if data is not None else setup
    options = [f"--set {text}" for text in settings] + ([f"--data {data}"] if data else [])
    setup = _override(form, replace(setup, settings=tuple(options)), overrides or {})
    return setup, _checked(form, replace(draft, setup=setup))


def setup_from_dicts(
    buffers_list: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    functions_list: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    output_directory: str | Path | None = None,
    base_directory: str | Path = ".",
    function_configs: Mapping[str, Any] | None = None,
) -> Setup:
    """Make a set-up from what stands under ``RingBuffer`` and ``Functions``.

    Parameters
    ----------
    buffers_list, functions_list
        The lists as read from a set-up file.
    output_directory
        Where output goes; relative to the working directory.
    base_directory
        Relative names of modules and configuration files start here.
    function_configs
        What stands under ``FunctionConfigs``.

    Raises
    ------
    SetupError
        With all problems; each names its place like ``RingBuffer[0].RB_1.data_type``.
    """
    parts = {
        "RingBuffer": buffers_list,
        "Functions": functions_list,
        **({"FunctionConfigs": function_configs} if function_configs else {}),
    }
    entries = {
        key: Entry(ScalarNode(key, Where(key)), node_from_python(part, key))
        for key, part in parts.items()
    }
    form = Form()
    files = ConfigFiles(form, absolute(Path(), str(base_directory)))
    draft = manual_dialect.read_manual(form, MappingNode(entries, Where("set-up")), files)
    directory = absolute(Path(), str(output_directory)) if output_directory else None
    setup = replace(draft.setup, output_directory=directory, title=draft.setup.title or "run")
    problems = _checked(form, replace(draft, setup=setup))
    has_errors = any(problem.severity == "error" for problem in problems)
    return _setup_or_error(None if has_errors else setup, problems)


def _readable(node: Node | None, form: Form) -> bool:
    return node is not None or not form.problems


def _read(form: Form, node: Node | None, files: ConfigFiles, start: Where) -> Draft | None:
    """Find the dialect and read; ``None`` if there is none."""
    if node is None:
        form.error(
            start, "a set-up describes buffers and functions", "found an empty file", "fill it"
        )
        return None
    if not isinstance(node, MappingNode):
        form.error(
            node.where,
            "a set-up is a mapping with RingBuffer and Functions, or with Buffers and Workers",
            describe(node),
            "begin with a line 'RingBuffer:'",
        )
        return None
    # A marked part (&name) at the top is a template that is used further down.
    kept = {key: entry for key, entry in node.entries.items() if not entry.value.anchored}
    used = {key: node.entries[key] for key in node.entries if key in kept or _is_known(key)}
    root = replace(node, entries=used)
    manual = [key for key in used if _nearest_head(key) in {"RingBuffer", "Functions"}]
    recommended = [key for key in used if _nearest_head(key) in {"Buffers", "Workers"}]
    if manual and recommended:
        form.error(
            used[recommended[0]].key.where,
            "a set-up is written in one dialect: RingBuffer and Functions, or Buffers and Workers",
            f"found {manual[0]!r} and {recommended[0]!r}",
            "rename one of them with its keys",
        )
        return None
    if recommended:
        return mimocorb2_dialect.read_mimocorb2(form, root, files)
    if manual:
        return manual_dialect.read_manual(form, root, files)
    form.error(
        node.where,
        "a set-up has the keys RingBuffer and Functions, or Buffers and Workers",
        f"found {', '.join(str(key)[:30] for key in list(node.entries)[:5]) or 'none'}",
        "add them",
    )
    return None


def _is_known(key: object) -> bool:
    return key in MANUAL_TOP_KEYS or key in RECOMMENDED_TOP_KEYS


def _nearest_head(key: object) -> str | None:
    """Return the key that tells the dialect, if this one is it or looks like it."""
    heads = ("RingBuffer", "Functions", "Buffers", "Workers")
    if key in heads:
        return str(key)
    return None if _is_known(key) else nearest(key, heads)


def _override(form: Form, setup: Setup, overrides: Mapping[str, Any]) -> Setup:
    given = {key: value for key, value in overrides.items() if value is not None}
    for key in given.keys() - set(_OVERRIDES):
        form.error(
            Where("options"),
            f"settings that can be replaced are {', '.join(_OVERRIDES)}",
            f"found {key!r}",
            "remove it",
        )
    entries = {
        key: Entry(ScalarNode(key, Where("options")), node_from_python(given[name], "options"))
        for name, key in _OVERRIDES.items()
        if name in given and name != "output_directory"
    }
    read = Given(form, MANUAL_TOP_KEYS, entries, "")
    found = limits(form, (read,))
    values: dict[str, Any] = {
        name: found[name] for name in ("runtime_s", "runevents") if name in given
    }
    for name, key in _OVERRIDES.items():
        if name not in found and key in read:
            value = read.value(key)
            values |= {} if value is None else {name: value}
    if "output_directory" in given:
        values["output_directory"] = absolute(Path(), str(given["output_directory"]))
    return replace(setup, **values)


def _checked(form: Form, draft: Draft) -> list[Problem]:
    return _in_order(
        form.problems
        + check(
            draft.setup,
            buffers_complete=draft.buffers_complete,
            assignments_complete=draft.assignments_complete,
        )
    )


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Sorted, and a part that aliases repeat is reported once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.where)


def _setup_or_error(setup: Setup | None, problems: Sequence[Problem]) -> Setup:
    if setup is None:
        raise SetupError(format_problems(problems))
    for problem in problems:
        _log.warning("%s", problem)
    return setup


def _missing_setup(name: str, path: Path) -> Problem:
    with suppress(OSError, ValueError):
        if path.is_dir():
            return Problem(
                Where(name), "a set-up is a file", "found a directory", "name the file in it"
            )
    guess = meant_file(name, path)
    return Problem(
        Where(name),
        f"the set-up file is {shown(path)}",
        "found: no such file",
        f"did you mean {guess!r}?" if guess else "check the name and the working directory",
    )
