"""Functions of mimoCoRB2 that analyse waveforms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from mimocorb.analysis.pulses import find_pulses
from mimocorb.analysis.waveforms import baseline
from mimocorb.compat.mimocorb2.buffer_io import BufferIO
from mimocorb.compat.mimocorb2.prebuilt.previews import judged_by
from mimocorb.compat.mimocorb2.worker_templates import Processor
from mimocorb.errors import SetupError

__all__ = ["conversion_of", "pha", "search_of"]

_CONDITIONS = ("height", "threshold", "distance", "prominence", "width", "wlen", "plateau_size")
_NATIVE_CONDITIONS = {"height", "distance", "prominence", "width"}
# fields as scipy.signal.find_peaks calls them → as find_pulses does
_NATIVE_FIELDS = {
    "position": "position",
    "peak_heights": "height",
    "prominences": "prominence",
    "widths": "width",
    "left_ips": "time",
}
# fields → the condition with which scipy.signal.find_peaks returns them
_CONDITION_OF = {
    "position": "",
    "peak_heights": "height",
    "left_thresholds": "threshold",
    "right_thresholds": "threshold",
    "prominences": "prominence",
    "left_bases": "prominence",
    "right_bases": "prominence",
    "widths": "width",
    "width_heights": "width",
    "left_ips": "width",
    "right_ips": "width",
    "plateau_sizes": "plateau_size",
    "left_edges": "plateau_size",
    "right_edges": "plateau_size",
}

Search = Callable[[NDArray[Any]], Mapping[str, Any] | None]


_POLARITIES = {"positive": 1.0, "negative": -1.0}


def _judge(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    channel_of(config, buffer["dtype"].names or ())
    conversion_of(config)


@judged_by(_judge)
def pha(buffer_io: BufferIO) -> None:
    """Find the first pulse of a channel, and write its height and what else is asked for.

    Events without a pulse are discarded. Where the native search offers what is asked for, it is
    used; otherwise :func:`scipy.signal.find_peaks`, whose words for conditions and results these
    are, and which needs SciPy. It is the function of mimoCoRB2, with polarity and baseline besides;
    ``find_pulses`` finds all pulses of all channels, with times, integrals and flags.

    Buffers: one source with waveforms; one sink with ``data_length`` 1, whose fields are results:
    position, peak_heights, left_thresholds, right_thresholds, prominences, left_bases,
    right_bases, widths, width_heights, left_ips, right_ips, plateau_sizes, left_edges,
    right_edges.

    Keys of the configuration:

    ``channel`` : str, optional
        The channel to search, without it the first one.
    ``height``, ``threshold``, ``distance``, ``prominence``, ``width``, ``wlen``, ``plateau_size``
        Conditions that a pulse meets, default none.
    ``rel_height`` : float, default 0.5
        Relative height at which the width is taken.
    ``polarity`` : str, default positive
        ``positive`` or ``negative``: whether pulses go up or down. Heights are positive.
    ``baseline`` : float or str, default 0
        Level of the waveform without pulses, in its unit; ``median``: that of each waveform.
    """
    processor = Processor(buffer_io)
    if len(buffer_io.write) != 1 or buffer_io.write[0].data_length != 1:
        raise SetupError("analyzers.pha needs one sink with data_length 1")
    fields = buffer_io.write[0].data_dtype.names or ()
    unknown = [name for name in fields if name not in _CONDITION_OF]
    if unknown or not fields:
        raise SetupError(
            f"analyzers.pha fills the fields {', '.join(_CONDITION_OF)}; {buffer_io.write[0].name}"
            f" has {', '.join(unknown) or 'no fields'}"
        )
    channel = channel_of(buffer_io.config, buffer_io.read[0].data_dtype.names or ())
    search = search_of(buffer_io.config, fields)
    record = buffer_io.data_out_examples[0].copy()

    def first_pulse(event: NDArray[Any]) -> list[NDArray[Any]] | None:
        found = search(event[channel])
        if found is None:
            return None
        for name in fields:
            record[name] = found[name]
        return [record]

    processor(first_pulse)


def channel_of(config: Mapping[str, Any], channels: tuple[str, ...]) -> str:
    """Return the channel to search: the configured one, or the first."""
    if not channels:
        raise SetupError("analyzers.pha searches a channel, but the events have no fields")
    channel = str(config.get("channel") or channels[0])
    if channel not in channels:
        raise SetupError(f"analyzers.pha: channel is {channel!r}; there are {', '.join(channels)}")
    return channel


def conversion_of(config: Mapping[str, Any]) -> tuple[float, float | None]:
    """Return the sign of the pulses, and the baseline; None if it is that of each waveform."""
    if "scale" in config:
        raise SetupError(
            f"analyzers.pha has no scale; found {config['scale']!r}: pulses that go down have"
            " polarity: negative"
        )
    polarity, level = config.get("polarity", "positive"), config.get("baseline", 0.0)
    if polarity not in _POLARITIES:
        raise SetupError(
            f"analyzers.pha: polarity is {polarity!r}; it is one of {', '.join(_POLARITIES)}"
        )
    if level == "median":
        return _POLARITIES[polarity], None
    if isinstance(level, bool) or not isinstance(level, int | float) or not math.isfinite(level):
        raise SetupError(f"analyzers.pha: baseline is {level!r}; it is a number or median")
    return _POLARITIES[polarity], float(level)


def search_of(config: Mapping[str, Any], fields: tuple[str, ...]) -> Search:
    """Return the search for the first pulse of a trace."""
    conditions = {key: config[key] for key in _CONDITIONS if config.get(key) is not None}
    sign, level = conversion_of(config)
    rel_height = float(config.get("rel_height", 0.5))
    native = conditions.keys() <= _NATIVE_CONDITIONS and set(fields) <= _NATIVE_FIELDS.keys()
    if native and rel_height == 0.5:

        def search(trace: NDArray[Any]) -> Mapping[str, Any] | None:
            known = baseline(trace).value if level is None else level
            pulses = find_pulses(trace, scale=sign, baseline=float(known), **conditions)
            return (
                {name: pulses[_NATIVE_FIELDS[name]][0] for name in fields} if len(pulses) else None
            )

        return search
    return _search_of_scipy(conditions, (rel_height, sign, level), fields)


def _search_of_scipy(
    conditions: Mapping[str, Any],
    conversion: tuple[float, float, float | None],
    fields: tuple[str, ...],
) -> Search:
    rel_height, sign, level = conversion
    try:
        from scipy.signal import find_peaks
    except ImportError:
        raise SetupError(
            f"analyzers.pha with {', '.join([*conditions, *fields])} needs SciPy: install"
            " mimocorb[analysis]"
        ) from None
    # a condition without limits only makes find_peaks return the result
    needed = {_CONDITION_OF[name] for name in fields} - {""}
    asked = {**dict.fromkeys(needed, (None, None)), **conditions}

    def search(trace: NDArray[Any]) -> Mapping[str, Any] | None:
        known = baseline(trace).value if level is None else level
        positions, results = find_peaks(sign * (trace - known), rel_height=rel_height, **asked)
        if not len(positions):
            return None
        return {"position": positions[0], **{name: each[0] for name, each in results.items()}}

    return search
