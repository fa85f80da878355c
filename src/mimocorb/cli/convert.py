"""``mimocorb convert SETUP``: write a set-up of any dialect in the recommended form."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb.cli.common import BAD_USAGE, OK, Commands, add_setup, complain, print_text, read_setup

if TYPE_CHECKING:
    from mimocorb.model import Setup

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "convert",
        help="write a set-up in the recommended form (Buffers and Workers)",
        description="Write a set-up of any dialect in the recommended form, with the comments of "
        "the file. What changes in meaning is said on standard error.",
    )
    parser.set_defaults(action=convert)
    add_setup(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write FILE instead of printing"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


def convert(chosen: argparse.Namespace) -> int:
    """Convert and write."""
    from mimocorb.compat.mimocorb2.changed_meaning import bound_to_directory, changed_meaning
    from mimocorb.setup.paths import shown
    from mimocorb.setup.recommended_form import recommended_form

    setup = read_setup(chosen)
    if setup is None:
        return BAD_USAGE
    output: Path | None = chosen.output
    directory = output.absolute().parent if output else setup.base_directory
    bound = bound_to_directory(setup) if directory != setup.base_directory else []
    if bound:
        complain(
            f"mimocorb convert: in {shown(directory)}, the set-up would mean something else than in"
            f" {shown(setup.base_directory)}:\n  "
            + "\n  ".join(bound)
            + f"\nNothing was written; write it beside {chosen.setup}",
        )
        return BAD_USAGE
    form = recommended_form(setup, directory)
    commented = _commented(form.text, setup, chosen.setup)
    text = f"# From {chosen.setup} by mimocorb convert.\n\n{commented}"
    if output is None:
        print_text(text)
    elif not _written(output, text, replace=chosen.force):
        return BAD_USAGE
    notes = [
        f"what workers take from {shown(path)} is in the new file, the rest of it is not"
        for path in form.dropped_files
    ]
    if directory != setup.base_directory:
        notes.append(f"relative paths in configurations start at {shown(directory)} now")
    for note in [*notes, *changed_meaning(setup)]:
        complain(f"mimocorb convert: {note}")
    return OK


def _commented(text: str, setup: Setup, name: str) -> str:
    """Return the text with the comments of the set-up file that it is made from."""
    from mimocorb.setup.text.comments import comments_of, with_comments

    assert setup.path is not None
    named = [
        *((spec.where, ("Buffers", spec.name)) for spec in setup.buffers),
        *((spec.where, ("Workers", spec.name)) for spec in setup.workers),
    ]
    parts = {where.line: part for where, part in named if where.line and where.file == name}
    return with_comments(text, comments_of(setup.path.read_text(encoding="utf-8"), parts))


def _written(path: Path, text: str, *, replace: bool) -> bool:
    """Write the file; whether that worked."""
    try:
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        complain(f"mimocorb convert: {path} exists; choose another name, or --force")
        return False
    except OSError as error:
        complain(f"mimocorb convert: cannot write {path}: {error.strerror}")
        return False
    return True
