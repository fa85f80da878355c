"""``mimocorb new DIR``: a small working project to start from."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from mimocorb.cli.common import BAD_USAGE, OK, Commands, complain, print_text

__all__ = ["EXPERIMENTS", "add"]

TEMPLATES = Path(__file__).with_name("templates")
DEFAULT = "muon-lifetime"
EXPERIMENTS = {
    "muon-lifetime": "muons that stop and decay: the lifetime (simulated, recorded, PicoScope)",
    "geiger-counter": "clicks of a Geiger counter: rate, Poisson statistics, dead time",
    "gamma-spectroscopy": "pulse heights of a scintillator: calibration, peak fits, resolution",
    "coincidence": "two detectors behind each other: coincidences, accidental ones, efficiencies",
    "sound-card-counter": "pulses at the input of a sound card: heights, gaps, rate",
}
"""What each project is about, in the order of the list."""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "new",
        help="make a small working project; --list shows the experiments",
        description="Make a project that works at once: an experiment with a simulated device, its"
        " analysis, and the lines to change for a real one.",
    )
    parser.set_defaults(action=new)
    parser.add_argument(
        "directory", type=Path, metavar="DIR", nargs="?", help="made if it is not there"
    )
    parser.add_argument(
        "--template",
        choices=list(EXPERIMENTS),
        default=DEFAULT,
        help=f"what to start from (default: {DEFAULT})",
    )
    parser.add_argument("--list", action="store_true", help="list the experiments")


def new(chosen: argparse.Namespace) -> int:
    """Copy the template into a directory that is empty or not there."""
    if chosen.list:
        return _list()
    if chosen.directory is None:
        return _refuse("name a directory: mimocorb new DIR --template NAME; --list shows the names")
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


def _list() -> int:
    width = max(map(len, EXPERIMENTS))
    lines = [f"{name:<{width}}  {about}" for name, about in EXPERIMENTS.items()]
    last = f"Make one: mimocorb new DIR --template NAME (default: {DEFAULT})"
    print_text("\n".join([*lines, "", last]))
    return OK


def _refuse(message: str) -> int:
    complain(f"mimocorb: {message}")
    return BAD_USAGE
