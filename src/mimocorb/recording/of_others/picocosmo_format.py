"""Raw waveforms of picoCosmo: a heading in YAML, then the voltages of each event as a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile
from mimocorb.recording.formats import EventFile
from mimocorb.recording.of_others.reading import ReadOnly, head_of, is_text, text_of
from mimocorb.recording.tables import Table, TableFile, unique_names

__all__ = ["PICOCOSMO"]

_BEGIN = "OscConf:"
_DATA = "\ndata:"
_LONGEST_HEADING = 1 << 16
_MOST_VALUES = 1 << 30
_KNOWN = ("CRanges", "ChanOffsets", "trgChan", "trgThr", "trgTyp")


class PicoCosmoFormat(ReadOnly):
    """Raw waveforms that picoCosmo has written, of one channel or several, also in a zip file."""

    name = "picocosmo"

    def belongs(self, path: Path) -> bool:
        """Whether the heading of an oscilloscope stands at its begin."""
        head = head_of(path)
        return is_text(head) and _BEGIN.encode() in head and b"NSamples" in head

    def open(self, path: Path) -> EventFile:
        """Open a file."""
        return TableFile(path, _events(path, text_of(path)))


PICOCOSMO = PicoCosmoFormat()


def _events(path: Path, text: str) -> Table:
    text = text.replace("\r\n", "\n")
    end = text.find(_DATA, 0, _LONGEST_HEADING)
    if end < 0:
        raise DamagedFile(f"{path} has no line 'data:' behind its heading")
    channels, samples, about = _heading(path, text[:end])
    data: list[NDArray[np.float32]] = []
    damage: list[str] = []
    most_text = 64 * samples * len(channels)
    at = text.find("\n", end + len(_DATA))
    while at >= 0:
        begin = text.find("[[", at)
        if begin < 0:
            break
        stop = text.find("]]", begin)
        number = len(data)
        if stop < 0:
            damage.append(f"it ends inside event {number}")
            break
        if stop - begin <= most_text:
            event = _voltages(text[begin + 2 : stop], len(channels), samples)
        else:
            event = None
        if event is None:
            damage.append(
                f"the block behind event {number - 1} has no {len(channels)} x {samples} voltages"
            )
        else:
            data.append(event)
        at = stop + 2
    if not data:
        raise DamagedFile(f"{path} has no event of {len(channels)} x {samples} voltages")
    events = np.zeros((len(data), samples), [(name, np.float32) for name in channels])
    for at, event in enumerate(data):
        for name, voltages in zip(channels, event, strict=True):
            events[name][at] = voltages
    return Table(events, {}, about, damage)


def _heading(path: Path, text: str) -> tuple[list[str], int, dict[str, Any]]:
    """Return the names of the channels, the number of samples, and what else is said."""
    try:
        heading = yaml.safe_load(text.replace("\t", " ").lstrip("-").partition("\n")[2])
        scope = heading["OscConf"]
        samples = int(scope["NSamples"])
        if not isinstance(names := scope["Channels"], list) or not all(map(_is_plain, names)):
            raise TypeError("Channels is no list of names")  # noqa: TRY301
        channels = unique_names(list(map(str, names)))
        step_ns = float(f"{float(scope['TSampling']) * 1e9:.10g}")
        before = round(float(scope.get("pretrig", 0)) * samples)
        if not 0 < samples * len(channels) <= _MOST_VALUES or not 0 <= before <= samples:
            raise ValueError(f"{len(channels)} channels of {samples} samples")  # noqa: TRY301
    except (
        yaml.YAMLError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        raise DamagedFile(f"{path} has no heading of picoCosmo (OscConf): {error!r}") from error
    about: dict[str, Any] = {
        "units": dict.fromkeys(channels, "V"),
        "sample_time_ns": step_ns,
        "pre_trigger_samples": before,
        **{name: scope[name] for name in _KNOWN if _is_plain(scope.get(name))},
    }
    return channels, samples, about


def _is_plain(value: Any) -> bool:
    """Whether a value of the heading is a number, a text, or a list of some of them.

    References may make something endless of a heading of some lines.
    """
    several = value if isinstance(value, list) else [value]
    return all(isinstance(each, int | float | str) for each in several)


def _voltages(text: str, channels: int, samples: int) -> NDArray[np.float32] | None:
    """Return the voltages of an event; None if these are not as many numbers."""
    rows = text.split("]")
    if len(rows) != channels:
        return None
    found = []
    for row in rows:
        cells = row.strip(" ,[\n").replace("\n", " ").split(",")
        try:
            values = np.array(cells, np.float64) if len(cells) == samples else None
        except ValueError:
            return None
        if values is None or not np.isfinite(values).all():
            return None
        found.append(values.astype(np.float32))
    return np.stack(found)
