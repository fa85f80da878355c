"""``mimocorb schema``: print the JSON schema of set-up files, for editors."""

from __future__ import annotations

import argparse

from mimocorb.cli.common import OK, Commands, print_text

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser("schema", help="print the JSON schema of set-ups, for editors")
    parser.set_defaults(action=schema)


def schema(chosen: argparse.Namespace) -> int:  # noqa: ARG001
    """Print the schema."""
    from mimocorb.setup.json_schema import schema_text

    print_text(schema_text())
    return OK
