"""Finding and loading the functions that a set-up names.

Before the start, :func:`check_function` looks for a function without running any of the user's
code: the file is parsed, not imported. At run time each worker process calls
:func:`load_function`, under ``fork`` as well as under ``spawn``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimocorb.errors import UserFunctionError
from mimocorb.model import FunctionReference
from mimocorb.model.problem import NOWHERE, Problem, Where
from mimocorb.setup.nearest import nearest
from mimocorb.setup.paths import absolute, shown
from mimocorb.setup.user_code.own_functions import OWN_MODULES

__all__ = [
    "MANUAL_ARGUMENTS",
    "MISSING_DECORATOR",
    "ModuleText",
    "check_function",
    "is_buffer_io",
    "load_function",
    "locate",
    "neighbours",
    "own_nodes",
    "read_module",
    "takes_buffer_io",
]

# How a worker function is called; see WorkerSpec.
MANUAL_ARGUMENTS = "(source_list, sink_list, observe_list, config_dict, **rb_info)"
MISSING_DECORATOR = (
    "put @filter, @sink or @observer above it (from mimocorb import filter); a function of"
    " mimoCoRB2 has one parameter, buffer_io"
)


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
        The module cannot be imported, or has no function of this name.
    """
    try:
        module = _import(reference)
    except (Exception, SystemExit) as error:
        raise UserFunctionError(
            f"{reference.asked} cannot be imported for the function {reference.name}: "
            f"{type(error).__name__}: {error}"
        ) from error
    function = getattr(module, reference.name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    guess = nearest(reference.name, [key for key, value in vars(module).items() if callable(value)])
    raise UserFunctionError(
        f"{reference.asked} has no function {reference.name!r}"
        + (f"; did you mean {guess!r}?" if guess else "")
    )


def _import(reference: FunctionReference) -> Any:
    if reference.path is None:
        return importlib.import_module(str(reference.module))
    path = reference.path
    name = f"mimocorb_user_{path.stem}_{zlib.crc32(os.fsencode(path)):08x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
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


@dataclass(frozen=True)
class ModuleText:
    """What can be said of a module without running it.

    Parameters
    ----------
    names
        Names bound at module level, to the statement that binds them.
    complete
        Whether these are all; ``from x import *`` and ``__getattr__`` may add more.
    repeated
        Names that are bound more than once: which of the statements counts is not certain.
    """

    names: dict[str, ast.AST]
    complete: bool
    repeated: frozenset[str] = frozenset()


def read_module(reference: FunctionReference) -> ModuleText | Problem:
    """Parse a module; whatever keeps it from being parsed is the problem returned."""
    path = reference.path or _installed_path(str(reference.module))
    if path is None:
        by_name = {module.rpartition("/")[2]: module for module in OWN_MODULES}
        guess = nearest(reference.asked.rpartition("/")[2], by_name)
        return Problem(
            reference.where,
            f"{reference.asked!r} is a module of mimocorb",
            "found no such module",
            f"did you mean {by_name[guess]!r}?" if guess else f"there are {', '.join(by_name)}",
        )
    try:
        source = path.read_bytes()
    except (OSError, ValueError) as error:
        return _missing_file(reference, path, error)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old-fashioned escape is no problem of the set-up
            tree = ast.parse(source, str(path))
            compile(tree, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        return Problem(
            Where(shown(path), error.lineno or 0, error.offset or 0),
            f"{reference.asked!r} must be valid Python",
            f"found: {error.msg}",
            "correct the module",
        )
    except (ValueError, RecursionError, MemoryError) as error:
        return Problem(
            reference.where,
            f"{reference.asked!r} must be valid Python",
            f"found: {error}",
            "correct the module",
        )
    bindings = list(_bound(tree.body))
    names = dict(bindings)
    if reference.path is None:  # what else such a module hands out is not for set-ups
        listed = names.get("__all__")
        return ModuleText(dict.fromkeys(_texts(listed), tree) | names, complete=True)
    times = Counter(name for name, _ in bindings)
    repeated = frozenset(name for name, number in times.items() if number > 1)
    return ModuleText(names, not names.keys() & {"*", "__getattr__"}, repeated)


def _texts(statement: ast.AST | None) -> Iterator[str]:
    """Yield the texts in a statement, such as the names in ``__all__``."""
    for node in ast.walk(statement) if statement else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def neighbours(path: Path) -> list[Path]:
    """Return the files beside a module that it imports, and those that they import in turn.

    Found by parsing; what a module imports under a name made at run time is not found.
    """
    found: list[Path] = []
    waiting = [path]
    while waiting:
        try:
            tree = ast.parse(waiting.pop().read_bytes())
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        for name in _imported(tree):
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


def check_function(reference: FunctionReference, module: ModuleText) -> Problem | None:
    """Check that the module has the function and that it can be called as a worker."""
    statement = module.names.get(reference.name)
    if statement is None:
        if not module.complete:
            return None
        own = [
            name
            for name, bound in module.names.items()
            if name[0] != "_" and not isinstance(bound, ast.Import)
        ]
        guess = nearest(reference.name, own)
        return Problem(
            reference.name_where,
            f"expected a function or class {reference.name!r} in {reference.asked}",
            "found none",
            f"did you mean {guess!r}?" if guess else "correct the name, or write the function",
        )
    if isinstance(statement, ast.ClassDef):
        return _class_problem(statement, reference)
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        fault = _fault(statement)
        if fault:
            return Problem(
                reference.name_where,
                f"{reference.name!r} is called as {reference.name}{MANUAL_ARGUMENTS}",
                f"found {fault} in line {statement.lineno} of {reference.asked}",
                _remedy(statement),
            )
    return None


def _fault(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Why this cannot be a worker function; decorators may change anything, so trust them."""
    if function.decorator_list:
        return ""
    if isinstance(function, ast.AsyncFunctionDef):
        return "an asynchronous function"
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(function)):
        return "a generator, which does nothing when called,"
    if takes_buffer_io(function):
        return ""
    return "" if _takes(function.args, 4) else f"({ast.unparse(function.args)})"


def _takes(arguments: ast.arguments, number: int) -> bool:
    """Whether a function can be called with so many values and the roles of buffers by name."""
    positional = len(arguments.posonlyargs) + len(arguments.args)
    required = positional - len(arguments.defaults)
    enough = positional >= number or arguments.vararg is not None
    return required <= number and enough and arguments.kwarg is not None


def _class_problem(statement: ast.ClassDef, reference: FunctionReference) -> Problem | None:
    """Check a class, which is constructed as a function is called, with `self` in front."""
    if statement.decorator_list or statement.bases or statement.keywords:
        return None  # which may give it anything
    bound = dict(_bound(statement.body))
    if "__new__" in bound:
        return None
    init = bound.get("__init__")
    found = "no __init__"
    if isinstance(init, ast.FunctionDef):
        if init.decorator_list or _takes(init.args, 5):
            return None
        found = f"__init__({ast.unparse(init.args)})"
    elif init is not None:
        return None
    return Problem(
        reference.name_where,
        f"{reference.name!r} is called as {reference.name}{MANUAL_ARGUMENTS}",
        f"found {found} in the class in line {statement.lineno} of {reference.asked}",
        "put @filter, @sink or @observer above it (from mimocorb import filter), or write __init__"
        " with these arguments",
    )


def _remedy(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Say what to do with a function that has a fault; most often its decorator is missing."""
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    if isinstance(function, ast.AsyncFunctionDef) or positional > 2 or arguments.vararg:
        return "change the function, or name another one"
    if positional == 0:
        return "put @source above it (from mimocorb import source)"
    return MISSING_DECORATOR


def takes_buffer_io(function: ast.FunctionDef) -> bool:
    """Whether a function has one parameter, which it calls as mimoCoRB2 does."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    others = (arguments.defaults, arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    if len(positional) != 1 or function.decorator_list or any(others):
        return False
    annotation = positional[0].annotation
    return is_buffer_io(positional[0].arg, ast.unparse(annotation) if annotation else "")


def is_buffer_io(name: str, annotation: str) -> bool:
    """Whether a parameter is the object of mimoCoRB2, by its name or its type.

    Its number alone does not tell: a filter that has lost its decorator has one parameter, too.
    """
    return name == "buffer_io" or annotation.strip("\"'").rpartition(".")[2] == "BufferIO"


def own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Every node of a function except those of functions inside it."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))


def _bound(statements: list[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """Names that statements at module level bind, also inside if, try, with and loops."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name, statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                yield alias.asname or alias.name.split(".")[0], statement
        else:
            for node in ast.iter_child_nodes(statement):
                for part in ast.walk(node):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        yield part.id, statement
            for block in ("body", "orelse", "finalbody"):
                yield from _bound(getattr(statement, block, []))
            for handler in getattr(statement, "handlers", []):
                yield from _bound(handler.body)


def _installed_path(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin else None


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
    reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
    return Problem(reference.where, f"the module is {shown(path)}", f"found: {reason}", remedy)
