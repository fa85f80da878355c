"""``mimocorb new DIR``: a small working project to start from."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from mimocorb.cli.common import BAD_USAGE, OK, Commands, complain, print_text

__all__ = ["add"]

TEMPLATES = Path(__file__).with_name("templates")
DEFAULT = "muon-lifetime"


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser("new", help="make a small working project")
    parser.set_defaults(action=new)
    parser.add_argument("directory", type=Path, metavar="DIR", help="made if it is not there")
    parser.add_argument(
        "--template",
        choices=sorted(path.name for path in TEMPLATES.iterdir()),
        default=DEFAULT,
        help=f"what to start from (default: {DEFAULT})",
    )


def new(chosen: argparse.Namespace) -> int:
    """Copy the template into a directory that is empty or not there."""
    directory: Path = chosen.directory
    try:
        if directory.is_dir() and any(directory.iterdir()):
            return _refuse(f"{directory} is not empty; name a new directory")
        shutil.copytree(
            TEMPLATES / chosen.template,
            directory,
            ignore=shutil.ignore_patterns("__pycache__"),
            copy_function=shutil.copyfile,
            dirs_exist_ok=True,
        )
    except OSError as error:
        return _refuse(f"cannot make {directory}: {error.strerror or error}; name another place")
    files = sorted(str(path.relative_to(directory)) for path in directory.rglob("*.*"))
    print_text(
        f"Made {directory} from the template {chosen.template}: {', '.join(files)}.\n"
        f"Next:\n  cd {directory}\n  mimocorb run setup.yaml"
    )
    return OK


def _refuse(message: str) -> int:
    complain(f"mimocorb: {message}")
    return BAD_USAGE
