"""From a set-up in any form to a checked :class:`~mimocorb.model.Setup`.

A file is read into nodes, each with its place (:mod:`mimocorb.setup.text`), translated into the
recommended form (:mod:`mimocorb.compat.dialects`), read into the model
(:mod:`mimocorb.setup.reading.parts`) and checked (:mod:`mimocorb.setup.checks`). Reading goes on
after a problem wherever it can, so that all problems of a file come in one go.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mimocorb.compat.dialects import Translated, translated
from mimocorb.errors import SetupError
from mimocorb.model import Setup
from mimocorb.model.keys import keys_of
from mimocorb.model.kinds import Section
from mimocorb.model.problem import NOWHERE, Problem, Where, format_problems, has_errors
from mimocorb.setup.checks import check
from mimocorb.setup.form import Form
from mimocorb.setup.paths import absolute, shown
from mimocorb.setup.reading.config_files import (
    ConfigFiles,
    include_files,
    is_there,
    meant_file,
    with_shared_files,
)
from mimocorb.setup.reading.parts import ReadParts, read_setup_nodes
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
    ScalarNode,
    node_from_python,
    read_file,
)

__all__ = ["examine_setup", "read_setup", "read_setup_or_problems", "setup_from_dicts"]

_log = logging.getLogger(__name__)


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
        Settings that replace those of the file, by the fields of :class:`~mimocorb.model.Setup`
        such as ``runtime_s`` and ``title``; ``output_directory`` is relative to the working
        directory. A value of ``None`` leaves the file's setting.
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
    return None if has_errors(problems) else setup, problems


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
    if not is_there(location):
        return None, [_missing_setup(name, location)]
    node, problems = read_file(location, name)
    form = Form(problems)
    if node is None and problems:
        return None, _in_order(form.problems)
    files = ConfigFiles(form, location.parent)
    asked = parse_settings(form, settings)
    rest: list[Setting] = []
    known: list[str] = []
    if isinstance(node, MappingNode):
        node = include_files(files, node)
        node, rest, known = apply_to_file(form, node, asked)
    draft = translated(form, node, files, Where(name, 1, 1))
    if draft is None:
        return None, _in_order(form.problems)
    read = _read(form, draft, files, overrides or {})
    setup = replace(read.setup, path=location, title=read.setup.title or location.stem)
    setup = apply_to_workers(form, setup, rest, known)
    setup = with_data(setup, data) if data is not None else setup
    options = [f"--set {text}" for text in settings] + ([f"--data {data}"] if data else [])
    setup = replace(setup, settings=tuple(options))
    return setup, _checked(form, draft, read._replace(setup=setup))


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
    draft = translated(form, MappingNode(entries, Where("set-up")), files, NOWHERE)
    assert draft is not None
    directory = {"output_directory": str(output_directory)} if output_directory else {}
    read = _read(form, draft, files, directory)
    setup = replace(read.setup, title=read.setup.title or "run")
    problems = _checked(form, draft, read._replace(setup=setup))
    return _setup_or_error(None if has_errors(problems) else setup, problems)


def _read(
    form: Form, draft: Translated, files: ConfigFiles, overrides: Mapping[str, Any]
) -> ReadParts:
    root = _overridden(form, draft.root, overrides)
    read = read_setup_nodes(form, root, files)
    of_all = {root.where.file, draft.sectioned_file}
    workers = with_shared_files(read.setup.workers, of_all)
    return read._replace(setup=replace(read.setup, workers=workers, dialect=draft.dialect))


def _overridden(form: Form, root: MappingNode, overrides: Mapping[str, Any]) -> MappingNode:
    """Return the set-up with settings of a caller in the place of those of the file."""
    keys = {
        made.field.name: key
        for key, made in keys_of(Setup).items()
        if not isinstance(made.kind, Section)
    }
    entries = dict(root.entries)
    for name, value in overrides.items():
        if name not in keys:
            form.error(
                Where("options"),
                f"settings that can be replaced are {', '.join(keys)}",
                f"found {name!r}",
                "remove it",
            )
        elif value is not None:
            at = Where("options")
            given = absolute(Path(), str(value)) if name == "output_directory" else value
            node = node_from_python(str(given) if isinstance(given, Path) else given, "options")
            entries[keys[name]] = Entry(ScalarNode(keys[name], at), node)
    return replace(root, entries=entries)


def _checked(form: Form, draft: Translated, read: ReadParts) -> list[Problem]:
    return _in_order(
        form.problems
        + check(
            read.setup,
            buffers_complete=draft.buffers_complete,
            assignments_complete=draft.assignments_complete and read.assignments_complete,
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
