"""Finding and loading the functions that a set-up names.

Nothing of the user's is imported while a set-up is read. :func:`load_function` is called in the
process of a worker, and by ``mimocorb check`` and every start of a run in a process of its own.
"""

from __future__ import annotations

import ast
import errno
import importlib
import importlib.util
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mimocorb._files import open_regular, read_regular
from mimocorb._texts import identifier
from mimocorb.errors import UserFunctionError
from mimocorb.model import FunctionReference
from mimocorb.model.problem import NOWHERE, Problem, Where
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import absolute, shown
from mimocorb.setup.user_code.own_functions import OWN_MODULES, functions_of, own_functions
from mimocorb.setup.user_code.recorded_code import RecordedLoader, recorded

__all__ = [
    "MissingFunctionError",
    "load_function",
    "load_module",
    "locate",
    "neighbours",
    "parsed",
]

MAXIMUM_MODULE_BYTES = 2 << 20
"""Python needs seconds for a module as large as that: it holds data."""


class MissingFunctionError(UserFunctionError):
    """There is no such function.

    Parameters
    ----------
    problem
        What is not there.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def locate(
    asked: str,
    name: str,
    base_directory: Path,
    where: Where = NOWHERE,
    name_where: Where = NOWHERE,
) -> FunctionReference:
    """Say where a function is to be found; nothing is opened.

    Parameters
    ----------
    asked
        ``file_name`` of the set-up: a path relative to the set-up file, with or without ``.py``,
        or ``mimocorb/...`` for a module that is part of mimocorb.
    name
        Name of the function.
    base_directory
        Directory of the set-up file.
    where, name_where
        Places of both in the set-up file.
    """
    name = identifier(name)
    stem = asked.removesuffix(".py")
    parts = stem.replace("/", ".").split(".")
    if parts[0] == "mimocorb" and len(parts) > 1 and all(part.isidentifier() for part in parts):
        return FunctionReference(asked, name, None, ".".join(parts), where, name_where)
    path = absolute(base_directory, stem + ".py")
    return FunctionReference(asked, name, path, None, where, name_where)


def load_function(reference: FunctionReference) -> Callable[..., Any]:
    """Import the module of a function and return the function.

    A file is imported once in a process, under a name made from its path, with its directory at
    the end of ``sys.path``: it can import its neighbours, and none of them hides a module of
    Python or of an installed package.

    Raises
    ------
    UserFunctionError
        The module cannot be imported, or there is no function of this name.
    """
    if reference.offered:
        return _load_offered(reference)
    module = load_module(reference)
    function = getattr(module, reference.name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    known = functions_of(module) if reference.path is None else _callables(module)
    guess = nearest(reference.name, known)
    raise MissingFunctionError(
        Problem(
            reference.name_where,
            f"expected a function or class {reference.name!r} in {reference.asked}",
            "found none",
            f"did you mean {guess!r}?" if guess else "correct the name, or write the function",
        )
    )


def load_module(reference: FunctionReference) -> Any:
    """Import the module of a function; see :func:`load_function`."""
    try:
        return _import(reference)
    except MissingFunctionError:
        raise
    except (Exception, SystemExit) as error:
        raise UserFunctionError(
            f"{reference.asked} cannot be imported for the function {reference.name}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _load_offered(reference: FunctionReference) -> Callable[..., Any]:
    """Load a component that an installed package offers under a name of its own."""
    from mimocorb.registry import offered  # reads the descriptions of all packages

    name = reference.name
    components = offered("components")
    entry = components.get(name)
    if entry is None:
        packages = components.twice.get(name, ())
        known = [*components, *own_functions()]
        guess = nearest(name, known)
        remedy = f"did you mean {guess!r}?" if guess else "mimocorb describe lists what there is,"
        raise MissingFunctionError(
            Problem(
                reference.name_where,
                f"{name!r}, without the key 'file', is offered by mimocorb or by one other package",
                f"found it in {' and '.join(packages)}" if packages else "found none that does",
                "uninstall all but one of them" if packages else f"{remedy} or add the key 'file'",
            )
        )
    try:
        function = entry.load()
    except (Exception, SystemExit) as error:
        package = entry.dist.name if entry.dist else entry.value
        raise UserFunctionError(
            f"{name} of the package {package} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return function  # type: ignore[no-any-return]


def _callables(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if callable(value) and name[0] != "_"]


def _import(reference: FunctionReference) -> Any:
    if reference.path is None:
        if reference.module is None or importlib.util.find_spec(reference.module) is None:
            raise MissingFunctionError(_missing_module(reference))
        return importlib.import_module(reference.module)
    path = reference.path
    name = f"mimocorb_user_{path.stem}_{zlib.crc32(os.fsencode(path)):08x}"
    if name in sys.modules:
        return sys.modules[name]
    try:
        open_regular(recorded(path), most_bytes=MAXIMUM_MODULE_BYTES).close()
    except (OSError, ValueError) as error:
        raise MissingFunctionError(_missing_file(reference, path, error)) from None
    loader = RecordedLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    directory = str(path.parent)
    if directory not in sys.path:
        sys.path.append(directory)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def parsed(path: Path) -> ast.Module | None:
    """Return the text of a module as a tree; None if it cannot be read."""
    try:
        return ast.parse(read_regular(path, most_bytes=MAXIMUM_MODULE_BYTES))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def neighbours(path: Path) -> list[Path]:
    """Return the files beside a module that it imports, and those that they import in turn.

    Found by parsing; what a module imports under a name made at run time is not found.
    """
    found: list[Path] = []
    waiting = [path]
    while waiting:
        tree = parsed(waiting.pop())
        for name in _imported(tree) if tree else ():
            folder = path.parent / name
            files = [folder.with_suffix(".py"), *sorted(folder.rglob("*.py"))]
            new = [file for file in files if file.is_file() and file not in (path, *found)]
            found += new
            waiting += new
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    """First parts of the names of imported modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _missing_module(reference: FunctionReference) -> Problem:
    by_name = {module.rpartition("/")[2]: module for module in OWN_MODULES}
    guess = nearest(reference.asked.rpartition("/")[2], by_name)
    return Problem(
        reference.where,
        f"{reference.asked!r} is a module of mimocorb",
        "found no such module",
        f"did you mean {by_name[guess]!r}?" if guess else f"there are {', '.join(by_name)}",
    )


def _missing_file(reference: FunctionReference, path: Path, error: Exception) -> Problem:
    remedy = "create it, or correct the name"
    if "\\" in reference.asked:
        remedy = "write directories with /"
    elif not path.parent.is_dir():
        remedy = f"there is no directory {shown(path.parent)}"
    else:
        guess = nearest(path.stem, [other.stem for other in path.parent.glob("*.py")])
        if guess:
            stem = reference.asked.removesuffix(".py")
            corrected = stem[: -len(path.stem)] + guess + reference.asked[len(stem) :]
            remedy = f"did you mean {corrected!r}?"
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, FileNotFoundError):
        reason = "no such file"
    elif isinstance(error, OSError) and error.errno in (errno.EFBIG, errno.EINVAL):
        remedy = "name a Python file; keep data in files of their own"
    if Path(reference.where.file).is_symlink():
        reason += f"; {reference.where.file} is a link, and modules are looked for beside the link"
    return Problem(reference.where, f"the module is {shown(path)}", f"found: {reason}", remedy)
