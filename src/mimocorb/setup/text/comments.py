"""Comments of a set-up file, kept when it is written in another form.

YAML readers drop comments. Here they are found beside the tokens of a file, and put above the
buffer or worker that they stand at; the others come first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping

import yaml

__all__ = ["comments_of", "with_comments"]

Part = tuple[str, str]
"""Section and name, such as ("Buffers", "raw")."""


def comments_of(text: str, parts: Mapping[int, Part]) -> dict[Part | None, list[str]]:
    """Return the comments of a YAML file by the part that they belong to, None for the others.

    Parameters
    ----------
    text
        The file.
    parts
        The line in which each part begins, from 1.
    """
    lines = text.splitlines()
    at_the_top = {number: None for number, line in enumerate(lines, 1) if re.match(r"\w", line)}
    begins = {**at_the_top, **parts}
    numbers = sorted(begins)
    found: dict[Part | None, list[str]] = defaultdict(list)
    for number, comment in _comments(text):
        if not lines[number - 1].lstrip().startswith("#"):
            place = number
        else:  # it belongs to what it stands above, if that begins something
            below = (n for n in range(number + 1, len(lines) + 1) if _has_content(lines[n - 1]))
            following = next(below, number)
            place = following if following in begins else number
        before = bisect_right(numbers, place)
        found[begins[numbers[before - 1]] if before else None].append(comment)
    return found


def with_comments(text: str, comments: Mapping[Part | None, list[str]]) -> str:
    """Return a set-up of the recommended form with comments above its parts, the others first."""
    lines = text.splitlines()
    places = {}
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    for section, body in root.value:
        for key, _ in body.value if isinstance(body, yaml.MappingNode) else ():
            places[section.value, key.value] = key.start_mark.line
    for part, at in sorted(places.items(), key=lambda each: -each[1]):
        indent = " " * (len(lines[at]) - len(lines[at].lstrip()))
        lines[at:at] = [f"{indent}{comment}" for comment in comments.get(part, ())]
    others = [c for part, found in comments.items() if part not in places for c in found]
    return "\n".join([*others, *([""] if others else []), *lines]) + "\n"


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of the line and the text of each comment: no # in a value is one."""
    tokens = [each for each in yaml.scan(text) if isinstance(each, yaml.ScalarToken)]
    inside = [(token.start_mark.index, token.end_mark.index) for token in tokens]
    start = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        for match in re.finditer(r"(?<!\S)#", line):
            at = start + match.start()
            if not any(begin <= at < end for begin, end in inside):
                yield number, line[match.start() :].rstrip()
                break
        start += len(line)


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
