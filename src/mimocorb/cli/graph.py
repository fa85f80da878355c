"""``mimocorb graph SETUP``: draw which worker feeds which buffer."""

from __future__ import annotations

import argparse

from mimocorb.cli.common import BAD_USAGE, OK, Commands, add_setup, print_text, read_setup

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser("graph", help="draw which worker feeds which buffer")
    parser.set_defaults(action=graph)
    add_setup(parser)


def graph(chosen: argparse.Namespace) -> int:
    """Draw as text."""
    from mimocorb._setup.graph import Graph

    setup = read_setup(chosen)
    if setup is None:
        return BAD_USAGE
    print_text(Graph(setup).text())
    return OK
