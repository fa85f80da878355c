"""``mimocorb check SETUP``: list everything that is wrong with a set-up."""

from __future__ import annotations

import argparse

from mimocorb.cli.common import BAD_USAGE, OK, Commands, add_setup, print_text, read_setup

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser("check", help="list everything that is wrong with a set-up")
    parser.set_defaults(action=check)
    add_setup(parser)


def check(chosen: argparse.Namespace) -> int:
    """Check and say so."""
    if read_setup(chosen) is None:
        return BAD_USAGE
    print_text(f"{chosen.setup}: no errors")
    return OK
