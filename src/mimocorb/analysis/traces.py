"""Waveforms as rows of samples, in place wherever that is possible."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb.buffers.layout import base_of_all_fields, contiguous_samples
from mimocorb.errors import RecordTypeError, SetupError

__all__ = ["as_traces", "rows_of"]

_NATIVE = "dfbhilqBHILQ"
"""Types of samples that the kernels know; others become float64."""


def as_traces(waveform: ArrayLike) -> NDArray[Any]:
    """Return a waveform or an event as ``(channels, samples)`` of a plain dtype.

    Parameters
    ----------
    waveform : array_like
        Shape ``(samples,)`` or ``(channels, samples)`` of real numbers, or an event of a buffer.

    Returns
    -------
    ndarray
        A view where the memory allows it.

    Raises
    ------
    RecordTypeError
        If the samples are not real numbers.
    SetupError
        If the shape makes no sense.
    """
    array = np.asarray(waveform)
    if array.dtype.names is not None:
        return _fields_as_traces(array)
    array = _of_known_type(array)
    if array.ndim not in {1, 2}:
        raise SetupError(
            f"a waveform has shape (samples,) or (channels, samples), found {array.shape}; "
            "search event by event, or reshape a block of events to (events * channels, samples)"
        )
    return array if array.ndim == 2 else array[np.newaxis]


def rows_of(waveforms: ArrayLike) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Return waveforms of any shape as ``(rows, samples)``, and the shape without the samples.

    Parameters
    ----------
    waveforms : array_like
        Shape ``(..., samples)`` of real numbers, or an event of a buffer, whose channels are rows.
    """
    array = np.asarray(waveforms)
    if array.dtype.names is not None:
        traces = _fields_as_traces(array)
        return traces, traces.shape[:1]
    if array.ndim == 0:
        raise SetupError("a waveform is an array whose last axis are the samples; found one number")
    shape = array.shape[:-1]
    return _of_known_type(array).reshape(math.prod(shape), array.shape[-1]), shape


def _of_known_type(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "fiu":
        raise RecordTypeError(
            f"a waveform must consist of real numbers, found dtype {array.dtype}; "
            "convert it, for instance with .astype(float)"
        )
    if array.dtype.char in _NATIVE and array.dtype.isnative:
        return array
    return array.astype(np.float64)


def _fields_as_traces(event: NDArray[Any]) -> NDArray[Any]:
    if event.ndim != 1:
        raise SetupError(
            "an event has shape (samples,), or (1,) with a whole channel in each field; found"
            f" {event.shape}; search one by one"
        )
    names = event.dtype.names or ()
    samples = contiguous_samples(event.dtype, len(event))
    arrays = [name for name in names if event.dtype[name].shape]
    if arrays and samples is None:
        raise SetupError(
            "a channel of an event is a field of numbers or, in an event of one record, an array"
            f" as long as those of the other channels; found shape {event.shape} and arrays in"
            f" {', '.join(arrays)}"
        )
    common = _common_dtype(event.dtype)
    if common is not None and event.flags.c_contiguous:
        numbers = event.view(common)
        return numbers.reshape(len(names), -1) if samples else numbers.reshape(len(event), -1).T
    return as_traces(np.stack([event[name][0] if samples else event[name] for name in names]))


@lru_cache(maxsize=64)
def _common_dtype(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the type of the samples if all fields are alike, plain and without gaps."""
    common = base_of_all_fields(dtype)
    plain = common is not None and common.char in _NATIVE and common.isnative
    return common if plain else None
