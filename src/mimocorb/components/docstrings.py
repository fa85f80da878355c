"""What docstrings in the form of numpydoc say about parameters, and the units in them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["DescribedKey", "Docstring", "described_keys", "read_docstring", "unit_of"]

# As the list of definitions of reStructuredText has it, with the form of numpydoc behind the colon.
_KEYS = re.compile(
    r"(?P<names>``\w+``(, ``\w+``)*)"
    r"( : (?P<type>.+?)(, (default (?P<default>.+)|(?P<optional>optional)))?)?"
)
_LIST = ("Keys of the configuration:", "Keys of the configuration,")
_HEADING = re.compile(r"-{3,}\s*")
_UNIT_IN_TEXT = re.compile(r"\bin ([^\s,;:()]+)")

# Upper and lower case as in the SI, where M is mega and m is milli.
_PREFIXES = ("", "k", "M", "G", "m", "u", "µ", "n", "p", "f")
_BASE_UNITS = (
    "s",
    "Hz",
    "V",
    "A",
    "W",
    "Ohm",
    "F",
    "C",
    "T",
    "eV",
    "K",
    "g",
    "m",
    "Pa",
    "Bq",
    "Gy",
)
_OTHER_UNITS = (
    "min",
    "h",
    "d",
    "cm",
    "%",
    "deg",
    "rad",
    "°C",
    "samples",
    "events",
    "counts",
    "bytes",
)
_UNITS = {prefix + unit for prefix in _PREFIXES for unit in _BASE_UNITS} | {*_OTHER_UNITS}
# In names everything may be in lower case; `rate_hz` is common, `threshold_mV` is as well.
_UNITS_IN_NAMES = {unit.lower(): unit for unit in ("kHz", "MHz", "Hz", "keV", "MeV", "bytes")}


@dataclass(frozen=True)
class Docstring:
    """What a docstring says.

    Parameters
    ----------
    summary
        Its first paragraph, on one line.
    meanings
        Parameter to what is said of it, on one line.
    """

    summary: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)


class DescribedKey(NamedTuple):
    """What a docstring says of a key of the configuration.

    Parameters
    ----------
    meaning
        On one line.
    type_text
        As it is written; empty if nothing is said of it.
    default
        As it is written, or "optional"; None: the key is required; empty if nothing is said of it.
    """

    meaning: str
    type_text: str = ""
    default: str | None = ""


def read_docstring(text: str | None) -> Docstring:
    """Read a docstring; what is not in the form of numpydoc is no part of the answer."""
    lines = inspect.cleandoc(text or "").splitlines()
    blank = lines.index("") if "" in lines else len(lines)
    return Docstring(" ".join(lines[:blank]), _meanings(lines))


def _meanings(lines: list[str]) -> dict[str, str]:
    """Return what stands below the names in the section of the parameters."""
    found: dict[str, list[str]] = {}
    names: list[str] = []
    inside = False
    for line, below in zip(lines, [*lines[1:], ""], strict=False):
        if _HEADING.fullmatch(below):
            inside = line in {"Parameters", "Attributes"}
        elif inside and line and not line[0].isspace() and not _HEADING.fullmatch(line):
            names = [name.strip() for name in line.partition(":")[0].split(",")]
        elif inside and line:
            for name in names:
                found.setdefault(name, []).append(line.strip())
    return {name: " ".join(parts) for name, parts in found.items()}


def unit_of(name: str, meaning: str) -> str:
    """Return the unit of a parameter: as its docstring says, ``in mV``, or its name, ``_mV``."""
    for word in _UNIT_IN_TEXT.findall(meaning):
        unit = word.rstrip(".")
        if unit in _UNITS:
            return str(unit)
    last = name.rpartition("_")[2] if "_" in name else ""
    if last == "h":  # ``1st_chA_h`` is a height
        return ""
    return last if last in _UNITS else _UNITS_IN_NAMES.get(last.lower(), "")


def described_keys(text: str | None) -> tuple[dict[str, DescribedKey], list[str]]:
    """Return the keys of a configuration that a docstring lists, with what it says of each.

    These are lines with nothing but names in double backquotes, perhaps with `` : float, default
    1.0`` behind them, above deeper indented text, after a paragraph that speaks of the
    configuration: other lists may be about anything. The paragraph may name other lists of keys.

    Returns
    -------
    keys, paragraphs
        The keys by name; the paragraphs that begin with "Keys of the configuration:".
    """
    found: dict[str, DescribedKey] = {}
    names: list[str] = []
    paragraphs: list[str] = []
    paragraph, is_new, depth = "", True, 0
    for line in inspect.cleandoc(text or "").splitlines():
        indent = len(line) - len(line.lstrip())
        heading = _KEYS.fullmatch(line.strip())
        if heading:
            names, depth = [], indent
            if "config" in paragraph:
                names = re.findall(r"\w+", heading["names"])
            found.update((name, _described_key(heading)) for name in names)
        elif line and names and indent > depth:
            for name in names:
                meaning = f"{found[name].meaning} {line.strip()}".lstrip()
                found[name] = found[name]._replace(meaning=meaning)
        elif line:
            is_first = is_new or bool(names)
            paragraph = line if is_first else f"{paragraph} {line}"
            paragraphs = [*(paragraphs if is_first else paragraphs[:-1]), paragraph]
            names = []
        is_new = not line
    return found, [each for each in paragraphs if each.startswith(_LIST)]


def _described_key(heading: re.Match[str]) -> DescribedKey:
    if heading["type"] is None:
        return DescribedKey("")
    return DescribedKey("", heading["type"], heading["default"] or heading["optional"])
