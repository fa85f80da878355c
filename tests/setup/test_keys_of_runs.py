"""Keys that say when a run ends, what happens to failing workers, and who takes the data."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mimocorb.model import OnFailure, Setup, StopCondition
from mimocorb.setup.dialects import read_setup

Change = Callable[..., list[str]]

TOP = """
operator: A. Student
comment: |
  Second layer repaired.
  High voltage 1.2 kV.
stop_when: [RB_2.events >= 10000, Fkt_3.relative_error < 1e-2]
drain_timeout_s: 30
runevents: {RB_1: 500, RB_2: 0, RB_3: 20}
"""
WORKER = """
      restart: {policy: on_failure, limit: 3, backoff_s: 0.5}
      hang_timeout_s: 2
      ordered: true
      rejected_sample: 100"""
MANUAL, RECOMMENDED = "simultest_setup.yaml", "muon_setup.yaml"


def manual(example: Path) -> Setup:
    path = example / MANUAL
    text = path.read_text().replace("num_process: 2", "num_process: 2" + WORKER)
    path.write_text(text.replace("RingBuffer:", TOP + "\nRingBuffer:", 1))
    return read_setup(MANUAL)


def recommended(example: Path) -> Setup:
    """The same in the recommended dialect, with its names."""
    path = example / RECOMMENDED
    names = {"RB_1": "InputBuffer", "RB_2": "AcceptedPulses", "RB_3": "PulseParameters"}
    top = TOP.replace("Fkt_3", "save_parameters")
    for old, new in names.items():
        top = top.replace(old, new)
    worker = WORKER.replace("      ", "    ")
    text = path.read_text().replace("number_of_processes: 2", "number_of_processes: 2" + worker)
    path.write_text(text.replace("runevents: 1000", top))
    return read_setup(RECOMMENDED)


@pytest.mark.parametrize("read", [manual, recommended])
def test_all_dialects_have_the_keys(example: Path, read: Callable[[Path], Setup]) -> None:
    setup = read(example)
    first, second, third = (spec.name for spec in setup.buffers)
    assert setup.operator == "A. Student"
    assert setup.comment == "Second layer repaired.\nHigh voltage 1.2 kV.\n"
    assert setup.drain_timeout_s == 30.0
    assert setup.runevents == {first: 500, third: 20}
    assert [str(condition) for condition in setup.stop_when] == [
        f"{second}.events >= 10000",
        f"{'save_parameters' if read is recommended else 'Fkt_3'}.relative_error < 0.01",
    ]
    assert isinstance(setup.stop_when[0], StopCondition)
    worker = setup.workers[1]
    assert worker.on_failure == OnFailure("restart", 3, 0.5)
    assert (worker.hang_timeout_s, worker.ordered, worker.rejected_sample) == (2.0, True, 100)
    assert setup.workers[0].on_failure is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("on_failure: end_run", OnFailure("end_run")),
        ("on_failure: {action: restart, backoff_s: 2}", OnFailure("restart", backoff_s=2.0)),
        ("restart: never", OnFailure("go_on")),
        ("restart: on_failure", OnFailure("restart")),
        ("restart: {policy: required}", OnFailure("end_run")),
    ],
)
def test_what_happens_on_a_failure_may_be_one_word(
    problems_after: Change, text: str, meant: OnFailure
) -> None:
    assert problems_after(MANUAL, ("num_process: 2", text)) == []
    assert read_setup(MANUAL).worker("Fkt_2").on_failure == meant


def test_one_condition_needs_no_list(problems_after: Change) -> None:
    assert problems_after(MANUAL, ("RingBuffer:", "stop_when: RB_1.events==3\nRingBuffer:")) == []
    assert [str(condition) for condition in read_setup(MANUAL).stop_when] == ["RB_1.events == 3"]


def test_keys_that_mean_nothing_for_a_worker_are_errors(problems_after: Change) -> None:
    source = 'fkt_name: "simulation_source"\n'
    sink = 'fkt_name: "save_parquet"\n'
    messages = problems_after(
        MANUAL,
        (source, source + "      rejected_sample: 3\n"),
        (sink, sink + "      ordered: true\n"),
    )
    assert [message.split(";")[0] for message in messages] == [
        f"{MANUAL}:58:5: error: rejected_sample is for a worker that reads a buffer",
        f"{MANUAL}:79:5: error: ordered is for a worker that reads and writes buffers",
    ]
