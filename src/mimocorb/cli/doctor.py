"""``mimocorb doctor``: what of this computer stands in the way of data taking."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb._json import to_json
from mimocorb.cli.common import FAILED, OK, Commands, print_picture, print_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mimocorb.checks.doctor import Diagnosis

__all__ = ["add"]

_WORDS = {"good": "good", "note": "note", "bad": "BAD"}


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "doctor", help="say what of this computer stands in the way, and what to do about it"
    )
    parser.add_argument(
        "directory",
        metavar="DIR",
        nargs="?",
        default=Path(),
        type=Path,
        help="where runs are to be written (default: here)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(action=doctor)


def doctor(chosen: argparse.Namespace) -> int:
    """Print what was found; the exit code is 1 if something is bad."""
    from mimocorb.checks.doctor import examine_machine

    found = examine_machine(chosen.directory)
    if chosen.json:
        print_text(to_json([asdict(each) for each in found], indent=2))
    else:
        print_picture(lambda _width: _drawn(found))
    return FAILED if any(each.state == "bad" for each in found) else OK


def _drawn(found: Sequence[Diagnosis]) -> Any:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("what", "state", "found"):
        table.add_column(title, overflow="fold", no_wrap=title != "found")
    for each in found:
        table.add_row(*map(Text, (each.what, _WORDS[each.state], each.found)))
    parts: list[Any] = [table]
    todo = [each for each in found if each.remedy]
    if todo:
        parts.append(Text("\nWhat to do"))
        parts += [Text(f"  {each.what}: {each.remedy}") for each in todo]
    bad = sum(each.state == "bad" for each in found)
    notes = sum(each.state == "note" for each in found)
    if bad:
        said = f"\n{bad} of {len(found)} stand in the way of a run."
    elif notes:
        said = "\nRuns work here; the notes say what could be better."
    else:
        said = "\nNothing stands in the way."
    parts.append(Text(said))
    return Group(*parts)
