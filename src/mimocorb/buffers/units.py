"""From what a digitiser counts to values in units, in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mimocorb.buffers.jagged import Jagged
from mimocorb.errors import SetupError
from mimocorb.model.channels import Channel, channels_of

__all__ = ["in_units"]


def in_units(
    data: Any, of: Any, channel: str | None = None, *, dtype: DTypeLike = np.float64
) -> Any:
    """Return values in the units of their channels: ``count * scale + offset``, without overflow.

    Parameters
    ----------
    data
        Events with fields, or the numbers of one channel; of any shape, also of variable length.
    of
        What knows the channels: the ``buffer`` that mimocorb gives to a function, a Reader or
        Observer, recorded events, or a mapping ``{"chA": {"unit": "mV", "scale": 0.061}}``.
    channel
        Name of the channel, if `data` are the numbers of one.
    dtype
        What to compute and to return: float64, or float32 for half the memory.

    Returns
    -------
    ndarray or Jagged
        A new array of the same shape, and with the same fields. What has no scale and no offset is
        in its unit already and stays as it is.

    Raises
    ------
    SetupError
        It is not clear which channel the numbers are of.

    Examples
    --------
    >>> import numpy as np
    >>> import mimocorb
    >>> channels = {"chA": {"unit": "mV", "scale": 0.5, "offset": -1.0}}
    >>> mimocorb.in_units(np.array([30000, -30000], np.int16), channels, "chA").tolist()
    [14999.0, -15001.0]
    """
    channels = channels_of(of)
    if isinstance(data, Jagged):
        return Jagged(in_units(data.values, channels, channel, dtype=dtype), data.offsets)
    array = np.asarray(data)
    if array.dtype.names is None:
        one = _meant(channels, channel)
        return _converted(array, one, dtype) if one is not None else array.copy()
    if channel is not None:
        if channel not in array.dtype.names:
            raise SetupError(f"there is no channel {channel!r} in {', '.join(array.dtype.names)}")
        return in_units(array[channel], channels, channel, dtype=dtype)
    raw = {name: each for name, each in channels.items() if each.is_raw}
    kept = array.dtype
    fields = [
        (name, np.dtype((dtype, kept[name].shape)) if name in raw else kept[name])
        for name in kept.names or ()
    ]
    found = np.empty(array.shape, fields)
    for name in kept.names or ():
        found[name] = _converted(array[name], raw[name], dtype) if name in raw else array[name]
    return found


def _meant(channels: dict[str, Channel], name: str | None) -> Channel | None:
    """Return the channel that numbers without fields are of; None if nothing is known of it."""
    if name is not None:
        return channels.get(name)
    calibrations = {(one.unit, one.scale, one.offset) for one in channels.values()}
    if len(calibrations) > 1:
        raise SetupError(
            f"say which channel the numbers are of: {', '.join(channels)} have different scales"
        )
    return next(iter(channels.values()), None)


def _converted(counts: NDArray[Any], channel: Channel, dtype: DTypeLike) -> NDArray[Any]:
    if not channel.is_raw:
        return counts.copy()
    # float32 holds whole numbers up to 2**24 only
    exact = np.float64 if counts.dtype.itemsize > 2 else np.promote_types(dtype, np.float32)
    values = np.multiply(counts, channel.scale, dtype=exact)
    values += np.asarray(channel.offset, exact)
    converted: NDArray[Any] = values.astype(dtype, copy=False)
    return converted
