"""``mimocorb graph SETUP``: draw which worker feeds which buffer."""

from __future__ import annotations

import argparse
from pathlib import Path

from mimocorb.cli.common import BAD_USAGE, OK, Commands, add_setup, print_text, read_setup

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser("graph", help="draw which worker feeds which buffer")
    parser.set_defaults(action=graph)
    add_setup(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="draw a picture, .svg or .png, instead of text; FILE is replaced",
    )


def graph(chosen: argparse.Namespace) -> int:
    """Draw, as text or as a picture."""
    from mimocorb.setup.graph import Graph

    setup = read_setup(chosen)
    if setup is None:
        return BAD_USAGE
    if chosen.output is None:
        print_text(Graph(setup).text())
        return OK
    from mimocorb.setup.drawing.flow_picture import flow_picture
    from mimocorb.setup.drawing.picture_files import write_picture

    write_picture(flow_picture(setup), chosen.output)
    return OK
