"""Keys that say when a run ends, what happens to failing workers, and who takes the data."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mimocorb.setup.dialects import read_setup
from mimocorb.setup.model import RestartPolicy, Setup, StopCondition

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
    assert setup.runevents is None
    assert setup.runevents_of == {first: 500, third: 20}
    assert [str(condition) for condition in setup.stop_when] == [
        f"{second}.events >= 10000",
        f"{'save_parameters' if read is recommended else 'Fkt_3'}.relative_error < 0.01",
    ]
    assert isinstance(setup.stop_when[0], StopCondition)
    worker = setup.workers[1]
    assert worker.restart == RestartPolicy("on_failure", 3, 0.5)
    assert (worker.hang_timeout_s, worker.ordered, worker.rejected_prescale) == (2.0, True, 100)
    assert setup.workers[0].restart is None


@pytest.mark.parametrize("policy", ["never", "on_failure", "required"])
def test_a_restart_policy_may_be_one_word(problems_after: Change, policy: str) -> None:
    assert problems_after(MANUAL, ("num_process: 2", f"restart: {policy}")) == []
    restart = read_setup(MANUAL).worker("Fkt_2").restart
    assert restart == RestartPolicy(policy)  # type: ignore[arg-type]


def test_one_condition_needs_no_list(problems_after: Change) -> None:
    assert problems_after(MANUAL, ("RingBuffer:", "stop_when: RB_1.events==3\nRingBuffer:")) == []
    assert [str(condition) for condition in read_setup(MANUAL).stop_when] == ["RB_1.events == 3"]


SLIPS = {
    "no comparison": ("stop_when: RB_1.events", "2:12", "write for example: RB_3.events >= 10000"),
    "no number": ("stop_when: [RB_1.events > many]", "2:13", "write for example"),
    "no list": ("stop_when: {RB_1.events: 3}", "2:12", "an entry of stop_when compares"),
    "an unknown buffer": ("stop_when: RB1.events > 3", "2:12", "did you mean 'RB_1'?"),
    "an unknown worker": ("stop_when: Fkt3.error < 1", "2:12", "did you mean 'Fkt_3'?"),
    "a result of a buffer": ("stop_when: RB_1.evens > 3", "2:12", "write RB_1.events"),
    "a misspelt key": ("stop_wen: RB_1.events > 3", "2:1", "did you mean 'stop_when'?"),
    "no time to drain": ("drain_timeout_s: 0", "2:18", "must be a number above 0, in seconds"),
    "a limit of an unknown buffer": ("runevents: {RB1: 1}", "2:13", "did you mean 'RB_1'?"),
    "a limit below 0": ("runevents: {RB_1: -1}", "2:19", "runevents in RB_1 must be a whole"),
    "an operator who is a number": ("operator: 7", "2:11", "write for example: A. Student"),
    "an empty comment": ("comment: ''", "2:10", "comment must be a text"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_in_settings_of_a_run(problems_after: Change, slip: str) -> None:
    line, place, words = SLIPS[slip]
    messages = problems_after(
        MANUAL, ("# Application example for mimoCoRB\n", f"# Example\n{line}\n")
    )
    assert len(messages) == 1, messages
    assert messages[0].startswith(f"{MANUAL}:{place}: error: ")
    assert words in messages[0]


WORKER_SLIPS = {
    "a misspelt policy": ("restart: on_failur", "67:16", "did you mean 'on_failure'?"),
    "no policy": ("restart: {limit: 3}", "67:16", "needs the key 'policy'"),
    "an unknown key": ("restart: {policy: never, limt: 3}", "67:32", "did you mean 'limit'?"),
    "a pause in words": (
        *("restart: {policy: on_failure, backoff_s: long}", "67:48"),
        "backoff_s of restart of Fkt_2 must be a number",
    ),
    "no time to hang": ("hang_timeout_s: 0", "67:23", "above 0"),
    "an order in words": ("ordered: sometimes", "67:16", "write true or false"),
    "a sample of none": ("rejected_sample: 0", "67:24", "a whole number from 1"),
}


@pytest.mark.parametrize("slip", WORKER_SLIPS)
def test_slips_in_settings_of_a_worker(problems_after: Change, slip: str) -> None:
    line, place, words = WORKER_SLIPS[slip]
    messages = problems_after(MANUAL, ("num_process: 2", line))
    assert len(messages) == 1, messages
    assert messages[0].startswith(f"{MANUAL}:{place}: error: ")
    assert words in messages[0]


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
