"""--set and --data: what they name, what they change, what they say when they name nothing."""

from pathlib import Path

import pytest

from mimocorb.checks.preflight import preflight
from mimocorb.model import OnFailure, Setup

MANUAL, RELEASE, RECOMMENDED = "simultest_setup.yaml", "release_setup.yaml", "muon_setup.yaml"


def read(name: str, *settings: str, data: str | None = None) -> Setup:
    found = preflight(name, settings, data)
    assert [problem for problem in found.problems if "GUI_control" not in problem.found] == []
    assert found.setup is not None
    return found.setup


def error(name: str, *settings: str, data: str | None = None) -> str:
    (problem,) = preflight(name, settings, data).problems
    assert problem.severity == "error"
    return str(problem)


@pytest.mark.parametrize("path", ["RB_1.number_of_slots", "RingBuffer.RB_1.number_of_slots"])
def test_a_buffer_of_the_manual_is_set(example: Path, path: str) -> None:
    setup = read(MANUAL, f"{path}=64")
    assert [spec.slot_count for spec in setup.buffers] == [64, 128, 32]


@pytest.mark.parametrize("path", ["AcceptedPulses.slot_count", "Buffers.AcceptedPulses.slot_count"])
def test_a_buffer_is_set_alone_even_if_it_shares_its_lines(example: Path, path: str) -> None:
    setup = read(RECOMMENDED, f"{path}=64", "InputBuffer.data_dtype={chA: i2}")
    assert [spec.slot_count for spec in setup.buffers] == [128, 64, 32]
    assert setup.buffer("InputBuffer").data_dtype.itemsize == 2
    assert setup.buffer("AcceptedPulses").data_dtype.itemsize == 8


def test_another_spelling_of_a_key_replaces_the_one_in_the_file(example: Path) -> None:
    assert read(MANUAL, "RB_3.values_per_slot=2").buffer("RB_3").data_length == 2


@pytest.mark.parametrize("name", [MANUAL, RELEASE, RECOMMENDED])
def test_limits_of_the_command_line_rule_over_all_files(example: Path, name: str) -> None:
    setup = read(name, "runtime=5", "runevents=77", "operator=A. Student")
    assert (setup.runtime_s, setup.runevents, setup.operator) == (5.0, 77, "A. Student")
    assert setup.settings == ("--set runtime=5", "--set runevents=77", "--set operator=A. Student")


def test_a_worker_is_set(example: Path) -> None:
    processes = "filter.number_of_processes=3"
    setup = read(RECOMMENDED, processes, "Workers.filter.on_failure.action=go_on")
    assert setup.worker("filter").number_of_processes == 3
    assert setup.worker("filter").on_failure == OnFailure("go_on")
    setup = read(MANUAL, "Fkt_2.num_process=3", "Functions.Fkt_5.RB_assign={RB_1: observe}")
    assert setup.worker("Fkt_2").number_of_processes == 3
    assert setup.worker("Fkt_5").observes == ("RB_1",)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (MANUAL, "simulation_source.eventcount"),
        (MANUAL, "Fkt_1.eventcount"),
        (MANUAL, "Functions.Fkt_1.eventcount"),
        (RELEASE, "FunctionConfigs.simulation_source.eventcount"),
        (RECOMMENDED, "input.eventcount"),
        (RECOMMENDED, "Workers.input.config.eventcount"),
        (RECOMMENDED, "input.config.eventcount"),
    ],
)
def test_a_configuration_is_set_wherever_it_stands(example: Path, name: str, path: str) -> None:
    setup = read(name, f"{path}=12")
    assert setup.workers[0].config["eventcount"] == 12
    assert all("eventcount" not in spec.config for spec in setup.workers[1:])


def test_a_configuration_gets_new_and_nested_keys(example: Path) -> None:
    setup = read(RECOMMENDED, "input.gain.chA=1.5", "input.gain.chB=2", "input.label='7'")
    assert setup.worker("input").config["gain"] == {"chA": 1.5, "chB": 2}
    assert setup.worker("input").config["label"] == "7"
    assert "gain" not in setup.worker("filter").config


def test_the_common_configuration_stays_below_those_of_workers(example: Path) -> None:
    setup = read(RECOMMENDED, "base_config.sample_time_ns=5")
    assert setup.worker("input").config["sample_time_ns"] == 5
    assert setup.worker("filter").config["sample_time_ns"] == 8


SLIPS = {
    "no value": (MANUAL, "runevents", "write for example: --set runevents=500"),
    "a misspelt key at the top": (MANUAL, "runevets=5", "did you mean 'runevents'?"),
    "a misspelt key of a buffer": (MANUAL, "RB_1.number_of_slot=5", "'RB_1.number_of_slots'?"),
    "a misspelt buffer": (MANUAL, "RB1.number_of_slots=5", "did you mean 'RB_1.number_of_slots'?"),
    "a misspelt key of a worker": (MANUAL, "Fkt_2.num_proces=5", "did you mean 'num_process'?"),
    "a misspelt configuration": (MANUAL, "simulation_source.evencount=5", "mean 'eventcount'?"),
    "a misspelt function": (
        *(MANUAL, "simulation_sorce.eventcount=5"),
        "did you mean 'simulation_source.eventcount'?",
    ),
    "another section": (RECOMMENDED, "Wokers.input.function=f", "'Workers.input.function'?"),
    "a path that goes too deep": (RECOMMENDED, "runtime.a=5", "set the whole of it"),
    "broken YAML": (MANUAL, "runevents=[5", "check commas, brackets"),
    "a value out of range": (MANUAL, "RB_1.number_of_slots=0", "a whole number from 1"),
    "a value of another type": (MANUAL, "runtime=soon", "runtime must be a number"),
    "a name of nothing": (MANUAL, "xyz.abc=1", "for example RingBuffer"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_in_settings(example: Path, slip: str) -> None:
    name, setting, words = SLIPS[slip]
    message = error(name, setting)
    assert message.startswith(f"--set {setting}: error: ")
    assert words in message


def test_a_name_of_a_buffer_and_a_worker_needs_its_section(example: Path) -> None:
    path = example / RECOMMENDED
    path.write_text(path.read_text().replace("filter:", "InputBuffer:", 1))
    assert "found 'InputBuffer.slot_count'" in error(RECOMMENDED, "InputBuffer.slot_count=3")
    setup = read(RECOMMENDED, "Buffers.InputBuffer.slot_count=3")
    assert setup.buffer("InputBuffer").slot_count == 3


def test_data_is_given_to_the_sources_that_ask_for_it(example: Path) -> None:
    setup = read(RECOMMENDED, "input.data=null", "filter.data=here", data="runs/1")
    assert setup.worker("input").config["data"] == str(example / "runs" / "1")
    assert setup.worker("filter").config["data"] == "here"
    assert setup.settings[-1] == "--data runs/1"
    assert "--data is for a source with a parameter 'data'" in error(MANUAL, data="runs/1")


PLAIN = """
from mimocorb import source

@source
def pulses(*, chA_scale: float = 1.0, chB_scale: float = 1.0, data: str = ""):
    yield [0.0]
"""


def test_parameters_of_plain_functions_may_be_set_without_being_written(example: Path) -> None:
    (example / "plain.py").write_text(PLAIN)
    path = example / RECOMMENDED
    lines = "file: modules/simulation_source.py\n    function: simulation_source"
    text = path.read_text().replace(lines, "file: plain.py\n    function: pulses")
    path.write_text(text.replace("{eventcount: 100}", "{chA_scale: 2.0}"))
    setup = read(RECOMMENDED, "input.chB_scale=3.0", data="recorded")
    assert setup.worker("input").config == {
        "sample_time_ns": 4,
        "chA_scale": 2.0,
        "chB_scale": 3.0,
        "data": str(example / "recorded"),
    }
    assert "did you mean 'chB_scale'?" in error(RECOMMENDED, "input.chB_scal=3.0")
    assert "--set input.chA_scale=x: error: chA_scale of pulses is float" in error(
        RECOMMENDED, "input.chA_scale=x"
    )
