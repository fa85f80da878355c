"""A run and a notebook: a real kernel of Jupyter, with its threads, event loop and streams."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
from running import WATCHDOG_S, Worker, chain


def outputs_of(directory: Path, *cells: str) -> list[str]:
    """What each cell of a notebook in this directory shows."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.execute(notebook, str(directory), timeout=int(WATCHDOG_S), kernel_name="python3")
    return ["".join(_text(output) for output in cell.outputs) for cell in notebook.cells]


def _text(output) -> str:
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def test_a_notebook_looks_at_a_run_and_steers_it(start, tmp_path):
    daq = start()
    shown, taken, paused, ended = outputs_of(
        tmp_path,
        "import mimocorb\nrun = mimocorb.connect()\nrun",
        "observer = run.observer('RB_2')\nevent = observer.get(30)\n"
        "print(type(event).__name__, event.dtype.names)",
        "print(run.pause().state.value, run.resume().state.value)",
        "run.stop()\nprint(run.wait(30).state.value)",
    )
    assert "running" in shown
    assert taken == "ndarray ('value',)\n"
    assert paused == "paused running\n"
    assert ended == "ended\n"
    assert daq.finish().code == 0


def test_a_notebook_may_be_the_program_of_a_run(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 30})
    setup = chain(tmp_path, source=source)
    said, summary, lines = outputs_of(
        tmp_path,
        "from mimocorb.buffer_control import run_mimoDAQ\n"
        f"daq = run_mimoDAQ({setup.name!r}, verbose=0)\ndaq.setup()",
        "daq.run()",
        "print(len((daq.directory / 'values.txt').read_text().splitlines()))",
    )
    assert said == ""
    assert "complete: every event was processed" in summary
    assert lines == "31\n"
