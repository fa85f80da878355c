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
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write a file: .svg or .png, .mmd (Mermaid) or .dot (Graphviz); FILE is replaced",
    )
    how.add_argument(
        "--format",
        choices=("text", "mermaid", "dot"),
        default="text",
        help="what to print: a drawing for the terminal (text, as without this option), or input "
        "for Mermaid or Graphviz",
    )


def graph(chosen: argparse.Namespace) -> int:
    """Print a drawing, or write it to a file."""
    from mimocorb.setup.drawing.flow import flow_of
    from mimocorb.setup.drawing.flow_text import dot_text, mermaid_text
    from mimocorb.setup.drawing.picture_files import write_drawing
    from mimocorb.setup.graph import Graph

    setup = read_setup(chosen)
    if setup is None:
        return BAD_USAGE
    if chosen.output is not None:
        write_drawing(flow_of(setup), chosen.output)
    elif chosen.format == "text":
        print_text(Graph(setup).text())
    else:
        text_of = {"mermaid": mermaid_text, "dot": dot_text}[chosen.format]
        print_text(text_of(flow_of(setup)))
    return OK
