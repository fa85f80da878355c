"""What a slot may hold: the rules for record types.

A slot holds an array of ``values_per_slot`` records of one NumPy dtype. Allowed is every dtype
whose bytes mean the same in another process: numbers, booleans, complex numbers, fixed-length
strings, dates, in any byte order, and structures and sub-arrays of these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mimocorb.errors import RecordTypeError

__all__ = ["MAX_SLOT_BYTES", "record_dtype"]

MAX_SLOT_BYTES = 1 << 30
"""Largest slot in bytes (1 GiB)."""


def record_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype that a ring can hold.

    Parameters
    ----------
    dtype
        Anything that :class:`numpy.dtype` accepts: ``np.int32``, ``"float64"``,
        ``[("chA", "float64"), ("chB", ">i2", (4,))]``.

    Raises
    ------
    RecordTypeError
        If NumPy does not know it, if it holds Python objects, or if its records have no bytes.

    Examples
    --------
    >>> record_dtype([("decay_time", "int32"), ("height", "float64")]).itemsize
    12
    >>> record_dtype(object)
    Traceback (most recent call last):
        ...
    mimocorb.errors.RecordTypeError: dtype object holds Python objects, which exist in one process only: use numbers or fixed-length strings
    """  # noqa: E501 - a doctest shows the message as it is
    try:
        known = np.dtype(dtype)
    except (TypeError, ValueError, KeyError, SyntaxError, OverflowError) as error:
        raise RecordTypeError(
            f"NumPy knows no dtype {dtype!r} ({error}): give a type such as 'float64', or a list "
            "of (field name, type) pairs"
        ) from error
    if known.hasobject:
        raise RecordTypeError(
            f"dtype {known} holds Python objects, which exist in one process only: use numbers or "
            "fixed-length strings"
        )
    if known.itemsize == 0:
        raise RecordTypeError(
            f"dtype {known} has no bytes: give strings a length, such as 'U16', and structures a "
            "field"
        )
    return known
