"""Draw the picture of a run that the README shows.

    python tools/draw_run.py examples/simultest_setup.yaml docs/images/run.svg [SECONDS]

Runs a set-up for some seconds (12), draws what the live view shows then, and stops the run.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mimocorb.run.run import Run, RunOptions
from mimocorb.run.run_log import LogLine
from mimocorb.run.run_state import Command
from mimocorb.run.run_view import RunView
from mimocorb.run.screen.picture import render
from mimocorb.setup.dialects import read_setup

COLUMNS, LINES = 100, 24


def look_at_run(setup_file: str, directory: str, seconds: float) -> tuple[RunView, list[LogLine]]:
    """Return state and log of a run after some seconds."""
    setup = read_setup(setup_file, {"output_directory": directory})
    with Run(setup, RunOptions(verbose=0)) as run:
        run.prepare()
        assert run.directory is not None
        supervisor = run.supervisor
        supervisor.start(run.directory)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not supervisor.ended:
            supervisor.turn(0.1)
            view = supervisor.view()  # rates come from looking again and again
        lines = list(supervisor.log.lines)
        supervisor.post(Command.STOP)
        while not supervisor.ended:
            supervisor.turn(0.1)
        run.finish()
    return view, lines


def draw(setup_file: str, seconds: float) -> str:
    """Return the live view of a run after some seconds, as SVG."""
    with tempfile.TemporaryDirectory() as directory:
        view, lines = look_at_run(setup_file, directory, seconds)
    # Where the checkout lies, and whether there was a window, is of no interest.
    here = f"{Path(setup_file).absolute().parent}/"
    shown = [
        replace(line, text=line.text.replace(directory, "target").replace(here, ""))
        for line in lines
        if line.level == "INFO"
    ]
    console = Console(record=True, width=COLUMNS, height=LINES, file=io.StringIO())
    console.print(render(view, shown, COLUMNS, LINES))
    text = console.export_svg(title="mimocorb")
    # Fonts come from the reader's machine, not from a network.
    return re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL)


def main() -> None:
    """Run the command line."""
    setup_file, picture, *rest = sys.argv[1:]
    Path(picture).write_text(draw(setup_file, float(rest[0]) if rest else 12.0), encoding="utf-8")


if __name__ == "__main__":
    main()
