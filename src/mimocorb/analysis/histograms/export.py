"""Histograms in files of other programs.

========  ==================================================================================
ending    what
========  ==================================================================================
.json     UHI, which hist, boost-histogram and others read; nothing is lost
.root     ROOT: TH1D or TH2D, by uproot; counts are exact up to 2**53
.txt      a table for each histogram: low and high edge, value, uncertainty
.spe      one spectrum of an MCA, with live time and calibration of its axis
.hst      the counts of one spectrum, one in each line
.npz      arrays of NumPy: name.values, name.variances, name.edges_x and so on
========  ==================================================================================
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb._files import write_new
from mimocorb.analysis.histograms.files import stored_text
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import SetupError

__all__ = ["FORMATS", "export"]

Histograms = Sequence[RunHistogram]


def export(histograms: Histograms, path: Path) -> None:
    """Write histograms into a new file; its ending says in which form.

    Raises
    ------
    SetupError
        This form cannot have them.
    OutputError
        The file is there already, or cannot be written.
    """
    write = FORMATS.get(path.suffix.lower())
    if write is None:
        raise SetupError(
            f"{path.name}: histograms are written as {', '.join(FORMATS)}; the ending of the file "
            "says which"
        )
    write_new(path, write(histograms))


def _json(histograms: Histograms) -> bytes:
    return stored_text(histograms).encode()


def _text(histograms: Histograms) -> bytes:
    return "\n".join(line for one in histograms for line in _table(one)).encode() + b"\n"


def _table(one: RunHistogram) -> Iterator[str]:
    names = "xy"[: len(one.axes)]
    yield f"# {one.title}: {one.value_label} of {one.buffer or one.name}"
    for name, number in zip(names, range(len(one.axes)), strict=True):
        yield f"# {name}: {one.axis_label(number)}"
    live = "" if one.live_time_s is None else f", live time {one.live_time_s:.9g} s"
    yield f"# {one.entries} entries of {one.events} events, {one.no_numbers} no numbers{live}"
    flow = np.asarray(one.values(flow=True))
    if len(one.axes) == 1:
        yield f"# below: {flow[0]:.17g}, above: {flow[-1]:.17g}"
    else:
        outside = np.nansum(flow) - np.nansum(one.values())
        yield f"# below or above: {outside:.17g}"
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    yield "\t".join([*ends, "value", "error"])
    values, errors = one.values(), np.sqrt(one.variances())
    for place in np.ndindex(values.shape):
        edges = [
            f"{axis.edges[bin_ + end]:.17g}"
            for axis, bin_ in zip(one.axes, place, strict=True)
            for end in (0, 1)
        ]
        yield "\t".join([*edges, f"{values[place]:.17g}", f"{errors[place]:.10g}"])


def _spe(histograms: Histograms) -> bytes:
    one, counts = _one_spectrum(histograms, ".spe")
    edges = np.asarray(one.axes[0].edges)
    widths = np.diff(edges)
    if not np.allclose(widths, widths[0], rtol=1e-9):
        raise SetupError(
            f"the channels of a file .spe are equally wide; those of {one.name} are not"
        )
    gain = float((edges[-1] - edges[0]) / len(counts))
    offset = float(edges[0]) + gain / 2  # channel 0 is the centre of the first bin
    moment = datetime.fromtimestamp(one.updated_s, UTC)
    live_s = one.live_time_s
    flow = np.asarray(one.values(flow=True))
    unit = getattr(one.axes[0], "unit", "") or "units"
    lines = [
        "$SPEC_ID:",
        _one_line(one.title),
        "$SPEC_REM:",
        f"x: {_one_line(one.axis_label(0))}",
        f"below the first channel: {flow[0]:.0f}, above the last one: {flow[-1]:.0f}",
        "live time is not known" if live_s is None else f"live time {live_s:.9g} s",
        "$DATE_MEA:",
        f"{moment:%m/%d/%Y %H:%M:%S}",
        "$MEAS_TIM:",
        f"{live_s or 0.0:.3f} {one.real_time_s or live_s or 0.0:.3f}",
        "$DATA:",
        f"0 {len(counts) - 1}",
        *(f"{value:.0f}" for value in counts),
        "$ENER_FIT:",
        f"{offset:.9g} {gain:.9g}",
        "$MCA_CAL:",
        "2",
        f"{offset:.9g} {gain:.9g} {unit}",
    ]
    return "\r\n".join(lines).encode("ascii", "replace") + b"\r\n"


def _hst(histograms: Histograms) -> bytes:
    one, counts = _one_spectrum(histograms, ".hst")
    edges = np.asarray(one.axes[0].edges)
    lines = [f"# {_one_line(one.title)}"]
    if one.live_time_s is not None:
        lines.append(f"# live time {one.live_time_s:.9g} s")
    lines += [f"# {one.axis_label(0)}: {edges[0]:.9g} to {edges[-1]:.9g}", "# counts per channel"]
    return "\n".join([*lines, *(f"{value:.0f}" for value in counts)]).encode() + b"\n"


def _one_spectrum(histograms: Histograms, ending: str) -> tuple[RunHistogram, Any]:
    """Return the only histogram, and its counts, for a file that has room for these."""
    if len(histograms) != 1:
        names = ", ".join(one.name for one in histograms)
        raise SetupError(f"a file {ending} has one spectrum; found {names or 'none'}: choose one")
    (one,) = histograms
    counts = np.asarray(one.values())
    if len(one.axes) != 1 or one.is_profile or (counts != np.round(counts)).any():
        raise SetupError(f"a file {ending} has whole counts in one dimension; {one.name} has not")
    return one, counts


def _one_line(text: str) -> str:
    return " ".join(text.split()).lstrip("$")


def _npz(histograms: Histograms) -> bytes:
    arrays: dict[str, Any] = {}
    for one in histograms:
        arrays[f"{one.name}.values"] = np.asarray(one.values(flow=True))
        arrays[f"{one.name}.variances"] = np.asarray(one.variances(flow=True))
        for name, axis in zip("xy", one.axes, strict=False):
            arrays[f"{one.name}.edges_{name}"] = np.asarray(axis.edges)
        arrays[f"{one.name}.live_time_s"] = np.array(
            math.nan if one.live_time_s is None else one.live_time_s
        )
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _root(histograms: Histograms) -> bytes:
    try:
        import uproot
    except ImportError as error:
        raise SetupError(
            "ROOT files need uproot: install it with pip install 'mimocorb[root]'"
        ) from error
    import tempfile

    for one in histograms:
        if one.is_profile:
            raise SetupError(
                f"{one.name} is a profile, which is not written to ROOT files: take .json or .txt"
            )
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "histograms.root")  # noqa: PTH118 - uproot takes a text
        with uproot.recreate(path) as file:
            for one in histograms:
                file[one.name] = _for_root(one)
        return Path(path).read_bytes()


def _for_root(one: RunHistogram) -> object:
    """Return a histogram with axes as uproot names them: it cannot write whole numbers."""
    import boost_histogram as bh

    axes: list[Any] = []
    for number, axis in enumerate(one.axes):
        named: Any = bh.axis.Variable(axis.edges)
        if np.allclose(np.diff(axis.edges), axis.edges[1] - axis.edges[0], rtol=1e-12):
            named = bh.axis.Regular(len(axis), axis.edges[0], axis.edges[-1])
        named.label = one.axis_label(number)
        axes.append(named)
    weighted = "weight" in one.filled
    copy: Any = bh.Histogram(
        *axes, storage=bh.storage.Weight() if weighted else bh.storage.Double()
    )
    np.asarray(copy.view(flow=True))[...] = np.asarray(one.counts.view(flow=True))
    copy.title = one.title
    return copy


FORMATS: Mapping[str, Callable[[Histograms], bytes]] = {
    ".json": _json,
    ".root": _root,
    ".txt": _text,
    ".spe": _spe,
    ".hst": _hst,
    ".npz": _npz,
}
"""What writes each form, by the ending of the file."""
