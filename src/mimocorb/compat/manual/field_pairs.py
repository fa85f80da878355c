"""Record types as the manual and its releases show them: a list of names and types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

__all__ = ["METADATA_PAIRS", "FieldPairs", "documented_dtype", "documented_setup", "plain_setup"]

Pair = tuple[Any, ...]

METADATA_PAIRS: list[Pair] = [
    ("counter", np.longlong),
    ("timestamp", np.float64),
    ("deadtime", np.float64),
]
"""What is kept with each event: its number, UTC in s, the dead fraction of the time before."""


class FieldPairs(list[Pair]):
    """The fields of a record as a list of ``(name, type)``, and the NumPy dtype that they make.

    ``dtype[0]`` is the first pair and ``for name, kind in dtype`` goes over all of them, as in the
    releases of mimoCoRB. ``dtype["chA"]``, ``dtype.names``, ``dtype.itemsize``, comparison, and
    everything else are those of the NumPy dtype; NumPy itself takes it wherever it takes a dtype.

    Parameters
    ----------
    pairs
        The fields.
    dtype
        What they make.
    """

    def __init__(self, pairs: Iterable[Pair], dtype: np.dtype[Any]) -> None:
        super().__init__(pairs)
        self.numpy = dtype

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """That of the NumPy dtype, so that ``isinstance()`` takes it for one."""
        return type(self.numpy)

    def __getattr__(self, name: str) -> Any:
        if name == "numpy":  # while it is being unpickled or copied
            raise AttributeError(name)
        return getattr(self.numpy, name)

    def __getitem__(self, key: Any) -> Any:
        is_name = isinstance(key, str) or (isinstance(key, list) and type(key) is list)
        return self.numpy[key] if is_name else super().__getitem__(key)

    def __eq__(self, other: object) -> bool:
        return bool(self.numpy == getattr(other, "numpy", other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.numpy)

    def __repr__(self) -> str:
        return list.__repr__(self)

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return FieldPairs, (list(self), self.numpy)


def documented_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a record type in both forms; one without fields, or with gaps, as it is."""
    if dtype.names is None or isinstance(dtype, list):
        return dtype
    pairs = _pairs_of(dtype)
    # The pairs cannot tell of gaps between the fields.
    return cast("np.dtype[Any]", FieldPairs(pairs, dtype)) if np.dtype(pairs) == dtype else dtype


def documented_setup(setup: Mapping[str, Any]) -> dict[str, Any]:
    """Return a set-up dictionary as functions in the form of the manual are given it."""
    return {**setup, "dtype": documented_dtype(setup["dtype"])}


def plain_setup(setup: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a set-up dictionary as our own parts work with it: the dtype is that of NumPy."""
    dtype = setup.get("dtype") if isinstance(setup, Mapping) else None
    if not isinstance(dtype, list):
        return setup
    return {**setup, "dtype": dtype.numpy if type(dtype) is FieldPairs else np.dtype(dtype)}


def _pairs_of(dtype: np.dtype[Any]) -> list[Pair]:
    return [
        (name, dtype[name].base, dtype[name].shape) if dtype[name].shape else (name, dtype[name])
        for name in dtype.names or ()
    ]
