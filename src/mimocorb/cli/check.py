"""``mimocorb check SETUP``: everything that can be known of a run beforehand, on one page."""

from __future__ import annotations

import argparse

from mimocorb.cli.common import BAD_USAGE, FAILED, OK, Commands, add_setup, print_picture, seconds

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "check",
        help="check a set-up and everything it needs; nothing is started",
        description="Check a set-up and everything it needs. Nothing is started or written; "
        "modules are imported in processes of their own.",
    )
    parser.set_defaults(action=check)
    add_setup(parser)
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if there are warnings only"
    )
    parser.add_argument(
        "--import-timeout",
        type=seconds,
        default=30.0,
        metavar="S",
        help="time that each module has to be imported (default: 30)",
    )


def check(chosen: argparse.Namespace) -> int:
    """Check and show the page."""
    from mimocorb.checks.preflight import preflight
    from mimocorb.cli.check_page import check_page

    found = preflight(chosen.setup, chosen.settings, chosen.data, chosen.import_timeout)
    print_picture(lambda width: check_page(chosen.setup, found, width))
    if found.errors:
        return BAD_USAGE
    return FAILED if found.warnings and chosen.strict else OK
