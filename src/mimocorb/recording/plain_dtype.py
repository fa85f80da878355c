"""Data types in values that JSON knows, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["can_be_told", "dtype_from_plain", "dtype_to_plain"]


def dtype_to_plain(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return a dtype in values that JSON knows."""
    base = dtype.base
    plain = {"descr": np.lib.format.dtype_to_descr(base), "shape": list(dtype.shape)}
    return plain | ({"aligned": True} if base.isalignedstruct else {})


def dtype_from_plain(plain: Mapping[str, Any]) -> np.dtype[Any]:
    """Return the dtype that :func:`dtype_to_plain` has described."""
    base = np.lib.format.descr_to_dtype(_tuples(plain["descr"]))
    if plain.get("aligned"):
        # what NumPy calls aligned is another dtype for it, although the bytes are the same
        fields: Mapping[str, Any] = base.fields or {}
        base = np.dtype(
            {
                "names": list(base.names or ()),
                "formats": [fields[name][0] for name in base.names or ()],
                "offsets": [fields[name][1] for name in base.names or ()],
                "itemsize": base.itemsize,
            },
            align=True,
        )
    shape = tuple(plain["shape"])
    return np.dtype((base, shape)) if shape else base


def can_be_told(dtype: np.dtype[Any]) -> bool:
    """Whether what is written of a dtype is read back as the same one."""
    try:
        return dtype_from_plain(dtype_to_plain(dtype)) == dtype
    except ValueError:  # of overlapping fields
        return False


def _tuples(descr: Any) -> Any:
    """Return a description with tuples again, which JSON has made lists of."""
    if isinstance(descr, str):
        return descr
    return [
        (field[0], _tuples(field[1]), *(tuple(shape) for shape in field[2:])) for field in descr
    ]
