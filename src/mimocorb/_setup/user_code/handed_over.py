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
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mimocorb._setup.model import WorkerSpec
from mimocorb._setup.user_code.fields_used import EventFunction, bound_names, in_order
from mimocorb._setup.user_code.signatures import Kind
from mimocorb._setup.user_code.static_signatures import full_name
from mimocorb._setup.user_code.user_functions import ModuleText, own_nodes

__all__ = ["ACCESS_CLASSES", "LISTS", "PLACE_OF_FUNCTION", "AccessClass", "handed_over"]

_MANY = 1 << 20


class AccessClass(NamedTuple):
    """A class that connects a function to buffers.

    Parameters
    ----------
    kind
        What its function does.
    names
        Of its parameter for the function, which stands behind the lists and the configuration.
    sources, sinks, observed
        Least and greatest number of buffers.
    """

    kind: Kind
    names: tuple[str, ...]
    sources: tuple[int, int] = (0, 0)
    sinks: tuple[int, int] = (0, 0)
    observed: tuple[int, int] = (0, 0)

    def fits(self, spec: WorkerSpec) -> bool:
        """Whether a worker has the buffers that the class needs."""
        numbers = (len(spec.sources), len(spec.sinks), len(spec.observes))
        limits = (self.sources, self.sinks, self.observed)
        return all(
            least <= number <= most for number, (least, most) in zip(numbers, limits, strict=True)
        )


LISTS = ("source_list", "sink_list", "observe_list")
PLACE_OF_FUNCTION = 4
_SOURCE = AccessClass("source", ("data_source", "ufunc"), sinks=(1, 1))
_FILTER = AccessClass("filter", ("filter", "ufunc"), (1, 1), (1, _MANY))
ACCESS_CLASSES: Mapping[str, AccessClass] = {
    "SourceToBuffer": _SOURCE,
    "rbImport": _SOURCE,
    "BufferToBuffer": _FILTER,
    "rbTransfer": _FILTER,
    "rbProcess": _FILTER,
    "MergeBuffers": AccessClass("filter", ("function", "ufunc"), (2, _MANY), (0, _MANY)),
    "rbExport": AccessClass("sink", ("ufunc",), (1, 1)),
    "rbObserver": AccessClass("observer", ("ufunc",), observed=(1, 1)),
}
"""Those of mimocorb.buffer_control that call a function with events, or for them."""


def handed_over(module: ModuleText, spec: WorkerSpec) -> EventFunction | None:
    """Return the function that a worker hands to an access class; None if that is not certain.

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
    function = _given(call, PLACE_OF_FUNCTION, access.names)
    if not isinstance(function, ast.Name):
        return None
    statement = _definition(function.id, worker, module, bound)
    return EventFunction(function.id, access.kind, statement, {}) if statement else None


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
    exits = [node.lineno for node in own_nodes(worker) if isinstance(node, ast.Return)]
    if exits and min(exits) < call.lineno:
        return False
    return any(node is call and not is_branch for node, is_branch in in_order(worker.body))


def _lists_pass(call: ast.Call, worker: ast.FunctionDef) -> bool:
    """Whether the lists of buffers reach the access class as the worker got them."""
    parameters = [argument.arg for argument in (*worker.args.posonlyargs, *worker.args.args)]
    if len(parameters) <= len(LISTS):
        return False
    passed = [_given(call, place, (name,)) for place, name in enumerate(LISTS)]
    for given, parameter in zip(passed, parameters, strict=False):
        is_none = given is None or (isinstance(given, ast.Constant) and given.value is None)
        if not is_none and not (isinstance(given, ast.Name) and given.id == parameter):
            return False
    return all(
        name in passed or _only_looks(parent)
        for parent in ast.walk(worker)
        for name in ast.iter_child_nodes(parent)
        if isinstance(name, ast.Name) and name.id in parameters[: len(LISTS)]
    )


def _only_looks(parent: ast.AST) -> bool:
    if isinstance(parent, ast.Subscript):
        return isinstance(parent.ctx, ast.Load)
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Name) and parent.func.id in ("len", "print")
    return isinstance(parent, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.If)


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
