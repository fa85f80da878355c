"""Which keys of its configuration a worker of the manual's form takes, from its text.

Nothing need be declared for it: ``config_dict["limit"]`` needs the key, ``config_dict.get("limit",
5)`` and ``"limit" in config_dict`` do without. Functions and classes of the same module that are
called with the configuration are followed. A docstring may say more; see
:func:`mimocorb.setup.user_code.docstrings.described_keys`.

Whatever else happens to the configuration – it is handed on to something that is not known, a key
is made at run time – may take further keys, which is remembered. What is not known may also add
keys, so that nothing taken behind it has to be given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from mimocorb.setup.user_code.annotations import UNKNOWN, read_type
from mimocorb.setup.user_code.docstrings import DescribedKey, described_keys, unit_of
from mimocorb.setup.user_code.fields_used import bound_names, in_order, last_certain_line
from mimocorb.setup.user_code.signatures import Parameter
from mimocorb.setup.user_code.static_signatures import full_name
from mimocorb.setup.user_code.user_functions import ModuleText

__all__ = ["KeysUsed", "keys_used"]

_PLACE = 3
"""Of the configuration among the parameters of a worker function."""
_GIVEN = "directory_prefix"
"""The key that mimocorb adds."""
_METHODS = {"get": 1, "pop": 2, "setdefault": 1}
"""Methods that name a key, and with how many arguments they do without it."""
_LOOKING = ("copy", "items", "keys", "values")
"""Methods that may take any key, and add none."""


@dataclass(frozen=True)
class KeysUsed:
    """The keys of the configuration that a function takes.

    Parameters
    ----------
    parameters
        Each with what its docstring says. The default is None only if the key must be there.
    complete
        Whether there are no others.
    """

    parameters: tuple[Parameter, ...]
    complete: bool


class _Use(NamedTuple):
    """A key that is taken somewhere.

    Parameters
    ----------
    key
        The key.
    default
        What stands for it without: None if every call comes here and needs it.
    """

    key: str
    default: str | None


class _Place(NamedTuple):
    """Where the dictionary is named.

    Parameters
    ----------
    node
        The name.
    parent, above
        What it is a part of, and what that is a part of.
    is_branch
        Whether only some calls come here.
    """

    node: ast.Name
    parent: ast.AST
    above: ast.AST | None
    is_branch: bool

    def in_every_call(self, last_certain_line: float) -> bool:
        """Whether every call comes here, unless an exception is raised before."""
        return not self.is_branch and self.node.lineno <= last_certain_line


def keys_used(module: ModuleText, name: str) -> KeysUsed | None:
    """Return the keys that a worker function takes; None if its text does not tell.

    Parameters
    ----------
    module
        The module of the function.
    name
        Name of the function.
    """
    statement = module.names.get(name)
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        return None
    front = [*statement.args.posonlyargs, *statement.args.args]
    if len(front) <= _PLACE:
        return None
    reading = _Reading(module)
    reading.follow(statement, front[_PLACE].arg, certain=True)
    described = described_keys(ast.get_docstring(statement))
    keys = dict.fromkeys([*described, *(use.key for use in reading.uses)])
    parameters = [
        _parameter(module, key, described.get(key, DescribedKey("")), reading.defaults(key))
        for key in keys
        if key != _GIVEN
    ]
    return KeysUsed(tuple(parameters), reading.complete)


def _parameter(
    module: ModuleText, key: str, said: DescribedKey, taken: list[str | None]
) -> Parameter:
    """Put together what the docstring says of a key and what the text does with it."""
    default = said.default or next(filter(None, taken), said.default)
    if None in taken:
        default = None
    kind = UNKNOWN
    if said.type_text:
        try:
            annotation = ast.parse(said.type_text, mode="eval").body
        except SyntaxError:
            pass
        else:
            kind = read_type(annotation, lambda name: full_name(module.names, name))
    return Parameter(key, said.type_text, kind, default, said.meaning, unit_of(key, said.meaning))


class _Reading:
    """Follows one dictionary through the functions of a module."""

    def __init__(self, module: ModuleText) -> None:
        self.uses: list[_Use] = []
        self.stored: set[str] = set()
        self.complete = True
        self._as_given = True
        self._module = module
        self._followed: set[tuple[int, str, bool]] = set()
        self._bound_here: set[str] = set()

    def defaults(self, key: str) -> list[str | None]:
        """Return what stands for a key in each place that takes it; None where it is needed."""
        found = [use.default for use in self.uses if use.key == key]
        return [each or "optional" for each in found] if key in self.stored else found

    def follow(self, function: ast.FunctionDef, name: str, *, certain: bool) -> None:
        """Note what becomes of the parameter of this name.

        Parameters
        ----------
        function
            The function that is called with the configuration.
        name
            Of its parameter for it.
        certain
            Whether it is called in any case, unless an exception is raised before.
        """
        asked = (id(function), name, certain)
        if asked in self._followed:
            return
        self._followed.add(asked)
        bound = _bound_in(function)
        if name in bound:
            self._lost()  # another value may be meant by the name
            return
        last = last_certain_line(function)
        with self._inside(bound | _parameters_of(function)):
            for place in _places(function, name):
                self._use(place, certain=certain and place.in_every_call(last))

    @contextmanager
    def _inside(self, names: set[str]) -> Iterator[None]:
        """Read a function that has these names for itself: they hide those of the module."""
        outside, self._bound_here = self._bound_here, names
        yield
        self._bound_here = outside

    def _use(self, place: _Place, *, certain: bool) -> None:
        node, parent, above, _ = place
        if isinstance(parent, ast.Subscript) and parent.value is node:
            key = _text(parent.slice)
            if isinstance(parent.ctx, ast.Load):
                self._note(key, None if certain else "optional")
            elif key is None:
                self._lost()
            else:
                self.stored.add(key)
        elif isinstance(parent, ast.Attribute) and isinstance(above, ast.Call):
            self._method(parent.attr, above, certain=certain)
        elif isinstance(parent, ast.Compare) and parent.comparators == [node]:
            self._note(_text(parent.left), "optional")
        elif isinstance(parent, ast.Call) and node in parent.args:
            self._handed_on(parent, parent.args.index(node), None, certain=certain)
        elif isinstance(parent, ast.keyword) and parent.arg and isinstance(above, ast.Call):
            self._handed_on(above, None, parent.arg, certain=certain)
        else:
            self._lost()

    def _lost(self) -> None:
        """Give up on what becomes of the dictionary here: keys may be taken, and added."""
        self.complete = self._as_given = False

    def _method(self, method: str, call: ast.Call, *, certain: bool) -> None:
        enough = _METHODS.get(method)
        if method in _LOOKING:
            self.complete = False
        elif enough is None or not call.args:
            self._lost()
        else:
            key = _text(call.args[0])
            default = ast.unparse(call.args[1]) if len(call.args) > 1 else "optional"
            self._note(key, None if certain and len(call.args) < enough else default)
            if method == "setdefault":
                self.stored.add(key or "")
                self._as_given &= key is not None

    def _note(self, key: str | None, default: str | None) -> None:
        if key is None:
            self.complete = False
        else:
            self.uses.append(_Use(key, default if self._as_given else default or "optional"))

    def _handed_on(
        self, call: ast.Call, place: int | None, keyword: str | None, *, certain: bool
    ) -> None:
        """Go on in a function or class of this module; another one may take any key."""
        function, is_method = self._own(call.func)
        parameter = None
        if function is not None:
            front = [*function.args.posonlyargs, *function.args.args][is_method:]
            names = [argument.arg for argument in (*front, *function.args.kwonlyargs)]
            if keyword is not None:
                parameter = keyword if keyword in names else None
            elif place is not None and place < len(front) and not _has_star(call, place):
                parameter = front[place].arg
        called = ast.unparse(call.func)
        is_hidden = called.partition(".")[0] in self._bound_here
        package = "" if is_hidden else full_name(self._module.names, called) or ""
        if function is not None and parameter is not None:
            self.follow(function, parameter, certain=certain)
        elif package.startswith("mimocorb."):  # whose classes take keys and leave them alone
            self.complete = False
        else:
            self._lost()

    def _own(self, called: ast.expr) -> tuple[ast.FunctionDef | None, bool]:
        """Return the one function of the module that is called, and whether it is a method."""
        name = called.id if isinstance(called, ast.Name) else ""
        found = self._module.names.get(name)
        hidden = name in self._bound_here or name in self._module.repeated
        if hidden or getattr(found, "decorator_list", None):
            return None, False
        if isinstance(found, ast.ClassDef) and not found.bases and not found.keywords:
            methods = [node for node in found.body if isinstance(node, ast.FunctionDef)]
            return next((node for node in methods if node.name == "__init__"), None), True
        return (found if isinstance(found, ast.FunctionDef) else None), False


def _bound_in(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function, or one inside it, binds in its body."""
    nodes = (node for statement in function.body for node in ast.walk(statement))
    return {name for node in nodes for name in bound_names(node)}


def _parameters_of(function: ast.FunctionDef) -> set[str]:
    return {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}


def _places(function: ast.FunctionDef, name: str) -> Iterator[_Place]:
    """Yield all places of a name in the body of a function, in the order of the text."""
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    for node, is_branch in in_order(function.body):
        if isinstance(node, ast.Name) and node.id == name:
            parent = parents[node]
            yield _Place(node, parent, parents.get(parent), is_branch)


def _text(node: ast.expr) -> str | None:
    value: Any = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def _has_star(call: ast.Call, place: int) -> bool:
    return any(isinstance(argument, ast.Starred) for argument in call.args[:place])
