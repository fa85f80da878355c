"""Which function a worker of the manual's form hands over to an access class, from its text.

Such a worker gets its buffers as lists, which it hands on with a function of its own::

    def search(source_list, sink_list, observe_list, config_dict, **rb_info):
        def tall(pulse): …
        BufferToBuffer(source_list, sink_list, observe_list, config_dict, tall, **rb_info)()

Where anything else may happen – a second such call, one in a branch, lists that are changed on the
way, a name with several meanings, a method – nothing is said of it.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mimocorb.model import WorkerSpec
from mimocorb.model.kinds import RESERVED_NAMES as ARGUMENTS
from mimocorb.setup.user_code.fields_used import (
    EventFunction,
    bound_names,
    in_order,
    last_certain_line,
)
from mimocorb.setup.user_code.signatures import Kind
from mimocorb.setup.user_code.static_signatures import full_name
from mimocorb.setup.user_code.user_functions import ModuleText

__all__ = ["ACCESS_CLASSES", "AccessClass", "HandedOver", "handed_over"]

_LISTS = ARGUMENTS[:3]


class AccessClass(NamedTuple):
    """A class that connects a function to buffers.

    Parameters
    ----------
    kind
        What its function does.
    names
        Of its parameter for the function, which stands behind the lists and the configuration.
    sources, sinks, observed
        Least and greatest number of buffers, infinite without a limit.
    """

    kind: Kind
    names: tuple[str, ...]
    sources: tuple[int, float] = (0, 0)
    sinks: tuple[int, float] = (0, 0)
    observed: tuple[int, float] = (0, 0)

    def fits(self, spec: WorkerSpec) -> bool:
        """Whether a worker has the buffers that the class needs."""
        numbers = (len(spec.reads), len(spec.writes), len(spec.observes))
        limits = (self.sources, self.sinks, self.observed)
        return all(
            least <= number <= most for number, (least, most) in zip(numbers, limits, strict=True)
        )


_SOURCE = AccessClass("source", ("data_source", "ufunc"), sinks=(1, 1))
_FILTER = AccessClass("filter", ("filter", "ufunc"), (1, 1), (1, math.inf))
ACCESS_CLASSES: Mapping[str, AccessClass] = {
    "SourceToBuffer": _SOURCE,
    "rbImport": _SOURCE,
    "BufferToBuffer": _FILTER,
    "rbTransfer": _FILTER,
    "rbProcess": _FILTER,
    "MergeBuffers": AccessClass("filter", ("function", "ufunc"), (2, math.inf), (0, math.inf)),
    "rbExport": AccessClass("sink", ("ufunc",), (1, 1)),
    "rbObserver": AccessClass("observer", ("ufunc",), observed=(1, 1)),
}
"""Those of mimocorb.buffer_control that call a function with events, or for them."""


class HandedOver(NamedTuple):
    """What a worker hands to an access class.

    Parameters
    ----------
    function
        The function.
    with_settings_of_setup
        Whether it is certain that the settings come from the configuration in the set-up: that is
        handed on as it is, and nothing stands in its place.
    """

    function: EventFunction
    with_settings_of_setup: bool


def handed_over(module: ModuleText, spec: WorkerSpec) -> HandedOver | None:
    """Return what a worker hands to an access class; None if that is not certain.

    Parameters
    ----------
    module
        The module of the worker function.
    spec
        The worker.
    """
    worker = module.names.get(spec.function.name)
    if not isinstance(worker, ast.FunctionDef) or worker.decorator_list or not module.complete:
        return None
    bound = Counter(name for node in ast.walk(worker) for name in bound_names(node))
    bound.update(dict.fromkeys(module.repeated, 2))
    calls = [
        (call, access)
        for call in ast.walk(worker)
        if isinstance(call, ast.Call) and (access := _access_class(call, module, bound))
    ]
    if len(calls) != 1:
        return None
    call, access = calls[0]
    if not access.fits(spec) or not _is_reached(call, worker) or not _lists_pass(call, worker):
        return None
    name = _given(call, len(ARGUMENTS), access.names)
    if not isinstance(name, ast.Name):
        return None
    statement = _definition(name.id, worker, module, bound)
    if statement is None:
        return None
    function = EventFunction(name.id, access.kind, statement, {})
    return HandedOver(function, _configuration_passes(call, worker))


def _access_class(
    call: ast.Call, module: ModuleText, bound: Mapping[str, int]
) -> AccessClass | None:
    name = ast.unparse(call.func)
    if bound.get(name.partition(".")[0]):
        return None
    package, _, name = (full_name(module.names, name) or "").rpartition(".")
    return ACCESS_CLASSES.get(name) if package == "mimocorb.buffer_control" else None


def _is_reached(call: ast.Call, worker: ast.FunctionDef) -> bool:
    """Whether every process comes to the call, unless an exception is raised before."""
    in_every_call = (node for node, is_branch in in_order(worker.body) if not is_branch)
    return call.lineno <= last_certain_line(worker) and call in in_every_call


def _lists_pass(call: ast.Call, worker: ast.FunctionDef) -> bool:
    """Whether the lists of buffers reach the access class as the worker got them."""
    parameters = _parameters(worker)
    if len(parameters) <= len(_LISTS):
        return False
    passed = [_given(call, place, (name,)) for place, name in enumerate(_LISTS)]
    for given, parameter in zip(passed, parameters, strict=False):
        if not _is_none(given) and not _is_name(given, parameter):
            return False
    return _unchanged(parameters[: len(_LISTS)], passed, worker)


def _configuration_passes(call: ast.Call, worker: ast.FunctionDef) -> bool:
    """Whether the configuration reaches the access class unchanged, and no settings replace it."""
    place = len(_LISTS)
    (parameter,) = _parameters(worker)[place : place + 1]
    given = _given(call, place, ARGUMENTS[place:])
    roles = worker.args.kwarg
    starred = [keyword.value for keyword in call.keywords if keyword.arg is None]
    return (
        all(_is_none(settings) for settings in _named(call, ("settings",)))
        and all(roles is not None and _is_name(value, roles.arg) for value in starred)
        and _is_name(given, parameter)
        and _unchanged([parameter], [given], worker)
    )


def _parameters(worker: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in (*worker.args.posonlyargs, *worker.args.args)]


def _is_none(given: ast.expr | None) -> bool:
    return given is None or (isinstance(given, ast.Constant) and given.value is None)


def _is_name(given: ast.expr | None, name: str) -> bool:
    return isinstance(given, ast.Name) and given.id == name


def _unchanged(
    parameters: Sequence[str], passed: Sequence[ast.expr | None], worker: ast.FunctionDef
) -> bool:
    """Whether a worker only looks at these parameters, besides passing them."""
    above = {node: over for over in ast.walk(worker) for node in ast.iter_child_nodes(over)}
    return all(
        name in passed or _only_looks(name, above)
        for name in above
        if isinstance(name, ast.Name) and name.id in parameters
    )


def _only_looks(name: ast.Name, above: Mapping[ast.AST, ast.AST]) -> bool:
    part: ast.AST = name
    while smaller := _part_taken(part, above):
        part = smaller
    use = above[part]
    if part is not name:  # A part of what the name means, at any depth.
        return not (isinstance(use, ast.Attribute | ast.Subscript) and use.value is part)
    if isinstance(use, ast.Call):
        return isinstance(use.func, ast.Name) and use.func.id in ("len", "print")
    return isinstance(use, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.If)


def _part_taken(whole: ast.AST, above: Mapping[ast.AST, ast.AST]) -> ast.AST | None:
    """Return the expression that takes one part by ``[...]`` or ``.get(...)``, if this does."""
    use = above[whole]
    if isinstance(use, ast.Subscript) and use.value is whole and isinstance(use.ctx, ast.Load):
        return use
    call = above.get(use)
    is_get = isinstance(use, ast.Attribute) and use.attr == "get"
    return call if is_get and isinstance(call, ast.Call) and call.func is use else None


def _given(call: ast.Call, place: int, names: tuple[str, ...]) -> ast.expr | None:
    """Return the argument in a place or under one of its names; None without, or with several."""
    given = [*call.args[place : place + 1], *_named(call, names)]
    return given[0] if len(given) == 1 else None


def _named(call: ast.Call, names: tuple[str, ...]) -> Iterator[ast.expr]:
    yield from (keyword.value for keyword in call.keywords if keyword.arg in names)


def _definition(
    name: str, worker: ast.FunctionDef, module: ModuleText, bound: Mapping[str, int]
) -> ast.FunctionDef | None:
    """Return what a name in the worker function means, if that is one function and no other."""
    inside = [node for node in worker.body if isinstance(node, ast.FunctionDef)]
    if bound.get(name, 0) == 0:
        found = module.names.get(name)
    else:
        found = next((node for node in inside if node.name == name), None)
    if bound.get(name, 0) > 1 or not isinstance(found, ast.FunctionDef) or found.decorator_list:
        return None
    return found
