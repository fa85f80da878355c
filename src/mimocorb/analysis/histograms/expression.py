"""Arithmetic on the fields of events, written as text: ``height_mV / 2``, ``max(chA) - min(chA)``.

It is read as Python is, but nothing of it is given to Python: names of fields, numbers, operators
and the functions in :data:`FUNCTIONS` and :data:`OVER_SAMPLES` are known here, everything else is
refused. Whole numbers are taken as float64, so that nothing overflows; 2**53 is the largest one
that is exact.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.units import in_units
from mimocorb.errors import SetupError
from mimocorb.model.channels import channels_of

__all__ = ["FUNCTIONS", "OF_THE_EVENT", "OVER_SAMPLES", "Expression", "Fields", "by_length"]

LONGEST = 1000
"""Characters of an expression."""
DEEPEST = 50
"""Brackets within brackets."""

_NUMBERS = "biuf"
"""Kinds of NumPy types that are numbers."""

Values = NDArray[Any]
_Step = Callable[[Mapping[str, Values]], Any]

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arctan": np.arctan,
    "arctan2": np.arctan2,
    "hypot": np.hypot,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "where": np.where,
}
"""Of each value for itself."""

OVER_SAMPLES: Mapping[str, Callable[..., Any]] = {
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "median": np.median,
    "std": np.std,
    "sum": np.sum,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "count": np.count_nonzero,
}
"""One number of all samples of an event."""

_OF_NO_SAMPLES = ("sum", "count")
"""Of these an event without samples has the value 0; the others are no number then."""

OF_THE_EVENT = ("counter", "timestamp", "deadtime", "time_ns")
"""Names of what is known of an event besides its data, unless a field is called so."""

_ARGUMENTS = {"arctan2": 2, "hypot": 2, "minimum": 2, "maximum": 2, "where": 3}

_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
    ast.Invert: np.logical_not,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


class Fields:
    """What expressions about the events of a buffer are made of: values, in their units.

    Parameters
    ----------
    buffer
        Set-up dictionary of the buffer; without fields the values of its events are called
        ``value``.
    """

    def __init__(self, buffer: Mapping[str, Any]) -> None:
        self._dtype: np.dtype[Any] = buffer["dtype"]
        self.names: tuple[str, ...] = self._dtype.names or ("value",)
        self._channels = channels_of(buffer)

    def check(self, used: Iterable[str], what: str) -> None:
        """Raise a SetupError for a field that is no number.

        Parameters
        ----------
        used
            Names that expressions use.
        what
            What numbers are needed for, in the message.
        """
        for name in set(used).intersection(self.names):
            kind = self._dtype[name] if self._dtype.names else self._dtype
            if kind.base.kind not in _NUMBERS:
                raise SetupError(f"{what}; the field {name!r} is {kind}")

    def value(self, name: str, events: Values, metadata: BatchMetadata) -> Values:
        """Return a field, or what is known of the events besides, as one row for each event."""
        if name in self.names:
            found = events[name] if self._dtype.names else events
            if name in self._channels:
                found = in_units(found, self._channels, name)
        else:
            assert name in OF_THE_EVENT
            found = _times(metadata) if name == "time_ns" else getattr(metadata, name)
        numbers = found.size // max(1, len(events))
        return found.reshape(len(events), numbers).astype(np.float64, copy=False)


def by_length(
    events: Jagged, metadata: BatchMetadata
) -> Iterator[tuple[Values, Values, BatchMetadata]]:
    """Yield the events that have the same number of values together.

    With their places among all events, and as rows of an array.
    """
    lengths = events.lengths
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        values = events[places].values
        rows = values.reshape(len(places), int(length), *values.shape[1:])
        yield places, rows, metadata.at(places)


def _times(metadata: BatchMetadata) -> NDArray[np.float64]:
    """Return the times in ns; no number where an event has none."""
    if metadata.time_ns is None:
        return np.full(len(metadata.counter), np.nan)
    return np.where(metadata.time_ns == NO_TIME, np.nan, metadata.time_ns.astype(np.float64))


class Expression:
    """What is filled into a histogram, for each event of a batch.

    Parameters
    ----------
    text
        The expression.
    fields
        Names of the fields of an event.
    what
        What it is for, in messages.

    Attributes
    ----------
    names : frozenset of str
        Fields, and what else is known of an event, that it uses.

    Raises
    ------
    SetupError
        It is not arithmetic on these fields; with what is possible instead.

    Examples
    --------
    >>> import numpy as np
    >>> height = Expression("max(chA) / 2", ["chA", "chB"], "x")
    >>> height({"chA": np.array([[0.0, 4.0], [1.0, 3.0]])}).tolist()
    [[2.0], [1.5]]
    """

    def __init__(self, text: str, fields: Sequence[str], what: str) -> None:
        self.text = text
        self._what = what
        self._known = (*fields, *(name for name in OF_THE_EVENT if name not in fields))
        self._used: set[str] = set()
        if len(text) > LONGEST:
            raise SetupError(
                f"{what} is an expression of at most {LONGEST} characters, found {len(text)}"
            )
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "it cannot be read"
            raise self._refused(f"found {text!r}: {reason}") from None
        self._evaluate = self._step(tree.body, DEEPEST)
        self.names = frozenset(self._used)
        if not self.names:
            raise self._refused(f"found {text!r}, which has no field in it")

    @property
    def is_field(self) -> bool:
        """Whether it is one name and nothing else."""
        return self.text.strip() in self.names

    def __call__(self, values: Mapping[str, Values]) -> Values:
        """Return its value for each event and sample; of shape (k, n), or (k, 1) for an event.

        Parameters
        ----------
        values
            An array of such a shape for each of :attr:`names`.
        """
        with np.errstate(all="ignore"):
            return np.asarray(self._evaluate(values))

    # --- reading

    def _refused(self, found: str) -> SetupError:
        return SetupError(
            f"{self._what} is arithmetic on fields of the events, {', '.join(self._known)}; {found}"
        )

    def _step(self, node: ast.AST, depth: int) -> _Step:
        """Return what computes a part of the expression."""
        if depth == 0:
            raise self._refused(f"found one that is nested more than {DEEPEST} times")
        deeper = depth - 1
        step: _Step
        match node:
            case ast.Constant(value=float() | int() as number) if not isinstance(number, bool):
                step = self._constant(number)
            case ast.Name(id=name):
                step = self._name(name)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                step = _applied(_OPERATORS[type(op)], [self._step(operand, deeper)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                parts = [self._step(left, deeper), self._step(right, deeper)]
                step = _applied(_OPERATORS[type(op)], parts)
            case ast.BoolOp(op=op, values=operands):
                steps = [self._step(part, deeper) for part in operands]
                step = _chained(_OPERATORS[type(op)], steps)
            case ast.Compare(left=left, ops=ops, comparators=others) if all(
                type(op) in _OPERATORS for op in ops
            ):
                step = self._comparison([left, *others], ops, deeper)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                step = self._call(name, arguments, deeper)
            case _:
                raise self._refused(f"found {ast.unparse(node)!r:.80}")
        return step

    def _constant(self, number: float) -> _Step:
        try:
            constant = np.float64(number)
        except OverflowError:
            raise self._refused("found a number that is too large") from None
        return lambda _values: constant

    def _name(self, name: str) -> _Step:
        if name not in self._known:
            from mimocorb.setup.nearest import nearest

            guess = nearest(name, self._known)
            raise self._refused(f"found {name!r}" + (f"; did you mean {guess!r}?" if guess else ""))
        self._used.add(name)
        return lambda values: values[name]

    def _comparison(
        self, operands: Sequence[ast.expr], ops: Sequence[ast.cmpop], depth: int
    ) -> _Step:
        """Return what compares neighbours, as in ``10 < height < 20``."""
        steps = [self._step(operand, depth) for operand in operands]
        pairs = [
            _applied(_OPERATORS[type(op)], [left, right])
            for left, op, right in zip(steps, ops, steps[1:], strict=False)
        ]
        return _chained(np.logical_and, pairs)

    def _call(self, name: str, arguments: Sequence[ast.expr], depth: int) -> _Step:
        if name not in FUNCTIONS and name not in OVER_SAMPLES:
            known = ", ".join((*FUNCTIONS, *OVER_SAMPLES))
            raise SetupError(f"{self._what} knows the functions {known}; found {name}()")
        wanted = _ARGUMENTS.get(name, 1)
        if len(arguments) != wanted:
            raise SetupError(
                f"{self._what}: {name}() takes {wanted} argument{'s'[: wanted > 1]}, found"
                f" {len(arguments)}"
            )
        steps = [self._step(argument, depth) for argument in arguments]
        if name in FUNCTIONS:
            return _applied(FUNCTIONS[name], steps)
        over, (step,) = OVER_SAMPLES[name], steps
        of_none = 0.0 if name in _OF_NO_SAMPLES else np.nan

        def over_samples(values: Mapping[str, Values]) -> Values:
            found = _of_events(step(values), values)
            if not found.shape[1]:  # an event of variable length may have no samples
                return np.full((len(found), 1), of_none)
            result: Values = over(found, axis=1, keepdims=True)
            return result

        return over_samples


def _applied(function: Callable[..., Any], steps: Sequence[_Step]) -> _Step:
    return lambda values: function(*(_number(step(values)) for step in steps))


def _chained(function: Callable[..., Any], steps: Sequence[_Step]) -> _Step:
    def together(values: Mapping[str, Values]) -> Any:
        result = steps[0](values)
        for step in steps[1:]:
            result = function(result, step(values))
        return result

    return together


def _number(value: Any) -> Any:
    """Return truth values as numbers, for those who count with them."""
    return value.astype(np.float64) if value.dtype == np.bool_ else value


def _of_events(value: Any, values: Mapping[str, Values]) -> Values:
    """Return a number that is the same for all events as one for each."""
    if np.ndim(value):
        return np.asarray(value)
    return np.broadcast_to(value, (len(next(iter(values.values()))), 1))
