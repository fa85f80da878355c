"""A run and a notebook: a real kernel of Jupyter, with its threads, event loop and streams."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
from running import WATCHDOG_S, Worker, chain

COUNTED = """
publisher = get_ipython().display_pub
publish, shown = publisher.publish, [0]
def counted(*arguments, **more):
    shown[0] += 1
    return publish(*arguments, **more)
publisher.publish = counted
"""
"""Counts in ``shown[0]`` what a notebook has been given to show."""


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


def test_histograms_and_scopes_draw_themselves_and_go_on(start, tmp_path):
    fills = Worker("histogram", {"RB_2": "read"}, {"x": "value", "x_from": 0, "x_to": 1e6})
    daq = start(more=[fills])
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(cell)
            for cell in (
                f"{COUNTED}\nimport mimocorb, time\nrun = mimocorb.connect()\n"
                "while not run.histograms(): time.sleep(0.05)\nrun.histogram('sink_2')",
                "run.scope('RB_1', sample_time_ns=10)",
                "while shown[0] < 6: time.sleep(0.1)\nrun.stop()\nprint(run.wait(30).state.value)",
                "mimocorb.open(run.directory).histograms['sink_2']",
            )
        ]
    )
    pictures: list[tuple[int, str]] = []
    client = nbclient.NotebookClient(
        notebook, timeout=int(WATCHDOG_S), kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )  # fmt: skip
    process = client.process_message

    def noted(message, cell, index):
        if message["msg_type"] in ("display_data", "update_display_data"):
            pictures.append((index, message["content"]["data"]["image/png"]))
        return process(message, cell, index)

    client.process_message = noted
    client.execute()
    assert daq.finish().code == 0
    assert (
        len({picture for _, picture in pictures}) > 3
    )  # three that were drawn once, and others: they went on
    for number in (0, 1, 3):
        (output,) = notebook.cells[number].outputs
        assert output["data"]["image/png"].startswith("iVBOR")
