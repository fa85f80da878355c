"""What the three dialects say, read from one file of each."""

import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mimocorb.errors import SetupError
from mimocorb.model.problem import Where
from mimocorb.setup.dialects import read_setup, setup_from_dicts

Change = Callable[..., list[str]]


def test_the_example_of_the_manual_is_read_as_it_is_meant(example: Path) -> None:
    setup = read_setup("simultest_setup.yaml")

    assert setup.dialect == "manual"
    assert setup.title == "simultest_setup"
    assert setup.path == example / "simultest_setup.yaml"
    assert [spec.name for spec in setup.buffers] == ["RB_1", "RB_2", "RB_3"]
    first = setup.buffer("RB_1")
    assert (first.slot_count, first.data_length) == (128, 4250)
    assert first.data_dtype == np.dtype([(f"ch{letter}", "f8") for letter in "ABCD"])
    assert first.size_bytes == 128 * 4250 * 32
    assert first.where == Where("simultest_setup.yaml", 5, 5)
    parameters = setup.buffer("RB_3").data_dtype
    assert parameters.names is not None
    assert len(parameters.names) == 25
    assert parameters.names[0] == "decay_time"
    assert parameters.names[-1] == "2nd_chD_int"

    assert [spec.name for spec in setup.workers] == ["Fkt_1", "Fkt_2", "Fkt_3", "Fkt_4", "Fkt_5"]
    worker = setup.worker("Fkt_2")
    assert worker.number_of_processes == 2
    assert list(worker.roles.items()) == [
        ("RB_1", "read"),
        ("RB_2", "write"),
        ("RB_3", "write"),
    ]
    assert (worker.reads, worker.writes, worker.observes) == (("RB_1",), ("RB_2", "RB_3"), ())
    assert worker.function.path == example / "modules" / "lifetime_filter.py"
    assert worker.function.name == "calculate_decay_time"
    assert setup.worker("Fkt_1").is_source
    assert setup.worker("Fkt_5").function.module == "mimocorb.plot"
    assert setup.worker("Fkt_5").observes == ("RB_2",)


def test_a_function_gets_its_section_over_the_general_one(example: Path) -> None:
    setup = read_setup("simultest_setup.yaml")

    assert setup.worker("Fkt_2").config == {
        "number_of_samples": 4250,
        "sample_time_ns": 8,
        "signatures": [[["+", "+", "-", "-"], ["0", "+", "-", "-"]]],
    }
    assert setup.worker("Fkt_1").config["sleeptime"] == 0.003
    assert setup.runtime_s == 10.0
    assert setup.runevents is None
    assert setup.config_files == (example / "config" / "simulation_config.yaml",)


def test_a_setup_of_release_1_0_2_is_read(example: Path) -> None:
    setup = read_setup("release_setup.yaml")

    assert setup.dialect == "release 1.0.2"
    assert setup.output_directory == example / "runs"
    assert setup.keyboard_control is False
    assert (setup.runtime_s, setup.runevents) == (60.0, 1000)
    assert setup.buffer("RB_1").data_dtype == np.dtype("i2")
    assert setup.worker("Fkt_1").config == {"eventcount": 7}
    assert setup.worker("Fkt_2").config == {"filename": "lifetimes"}
    assert setup.worker("Fkt_2").config_files == (example / "config" / "text.yaml",)
    assert setup.worker("Fkt_3").config == {}


def test_a_setup_of_mimocorb2_is_read(example: Path) -> None:
    setup = read_setup("muon_setup.yaml")

    assert setup.dialect == "mimoCoRB2"
    assert setup.output_directory == example.parent / "runs"
    assert (setup.runtime_s, setup.runevents) == (60.0, 1000)
    assert setup.buffer("InputBuffer").data_dtype == np.dtype([("chA", "f4"), ("chB", "f4")])
    assert setup.buffer("AcceptedPulses").slot_count == 16
    assert setup.buffer("PulseParameters").data_dtype == np.dtype(
        [("decay_time", "i4"), ("heights", ">f4", (4,))]
    )
    assert setup.buffer("InputBuffer").where == Where("muon_setup.yaml", 9, 3)
    worker = setup.worker("filter")
    assert (worker.reads, worker.writes) == (
        ("InputBuffer",),
        ("AcceptedPulses", "PulseParameters"),
    )
    assert worker.config == {"sample_time_ns": 8, "signatures": []}
    assert worker.config_files == (example / "config" / "filter.yaml",)
    assert setup.worker("input").config == {"sample_time_ns": 4, "eventcount": 100}
    assert setup.worker("save_pulses").reads == ("AcceptedPulses",)
    assert setup.worker("oscilloscope").function.module == "mimocorb.plot"
    assert setup.worker("oscilloscope").function.name == "plot_graph"


def test_a_setup_travels_to_other_processes(example: Path) -> None:
    setup = read_setup("simultest_setup.yaml")
    assert pickle.loads(pickle.dumps(setup)) == setup


def test_a_setup_elsewhere_finds_what_lies_beside_it(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example / "elsewhere").mkdir()
    monkeypatch.chdir(example / "elsewhere")
    setup = read_setup("../simultest_setup.yaml")
    assert setup.base_directory == example
    assert setup.buffers[0].where.file == "../simultest_setup.yaml"


def test_options_replace_settings_of_the_file(example: Path) -> None:
    setup = read_setup(
        "release_setup.yaml",
        {"runtime_s": 5, "runevents": 0, "output_directory": "other", "keyboard_control": None},
    )
    assert (setup.runtime_s, setup.runevents) == (5.0, None)
    assert setup.output_directory == example / "other"
    assert setup.keyboard_control is False


def test_options_are_checked_as_well(example: Path) -> None:
    with pytest.raises(SetupError, match="runtime must be a number of at least 0, in seconds"):
        read_setup("release_setup.yaml", {"runtime_s": -1})
    with pytest.raises(SetupError, match="settings that can be replaced"):
        read_setup("release_setup.yaml", {"run_time": 1})


def test_the_error_lists_all_problems_with_their_places(example: Path) -> None:
    path = example / "release_setup.yaml"
    path.write_text(path.read_text().replace("16", "0").replace("int16", "flaot32"))
    with pytest.raises(SetupError) as raised:
        read_setup("release_setup.yaml")
    assert [line for line in str(raised.value).splitlines() if ": error: " in line] == [
        "release_setup.yaml:9:24: error: number_of_slots of RB_1 must be a whole number from 1 to "
        "16777216; found 0; correct the number",
        "release_setup.yaml:11:18: error: data_type of RB_1 is the name of a NumPy type such as "
        "float32 or int32; found the text 'int0'; did you mean 'int8'?",
    ]


def test_warnings_do_not_stop_but_are_logged(
    example: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = example / "simultest_setup.yaml"
    path.write_text(path.read_text().replace("  - Fkt_main:", "  - Fkt_main:\n      runtime: 3"))
    with caplog.at_level(logging.WARNING):
        setup = read_setup("simultest_setup.yaml")
    assert setup.runtime_s == 10.0
    assert "simultest_setup.yaml:57:7: warning: runtime is given once" in caplog.text
    assert "config/simulation_config.yaml:2:3, which rules" in caplog.text


def test_a_setup_from_dictionaries_is_the_same(example: Path) -> None:
    buffers = [
        {"RB_1": {"number_of_slots": 4, "channel_per_slot": 2, "data_type": np.dtype("f4")}},
    ]
    functions = [
        {"Fkt_main": {"config_file": "config/simulation_config.yaml"}},
        {
            "Fkt_1": {
                "file_name": "modules/simulation_source",
                "fkt_name": "simulation_source",
                "num_process": 1,
                "RB_assign": {"RB_1": "write"},
            }
        },
        {
            "Fkt_2": {
                "file_name": "modules/save_files",
                "fkt_name": "save_to_txt",
                "num_process": 1,
                "RB_assign": {"RB_1": "read"},
            }
        },
    ]
    setup = setup_from_dicts(buffers, functions, "out")
    assert setup.buffer("RB_1").data_dtype == np.dtype("f4")
    assert setup.worker("Fkt_1").config["eventcount"] == 10000
    assert setup.output_directory == example / "out"
    assert setup.path is None


def test_problems_in_dictionaries_name_the_entry(example: Path) -> None:
    with pytest.raises(SetupError) as raised:
        setup_from_dicts([{"RB_1": {"number_of_slots": 0, "channel_per_slot": 1}}], [])
    text = str(raised.value)
    assert "RingBuffer[0].RB_1.number_of_slots: error: number_of_slots of RB_1" in text
    assert "RingBuffer[0].RB_1: error: buffer 'RB_1' needs the key 'data_type'" in text


def test_parts_in_files_of_their_own_are_read(example: Path) -> None:
    text = (example / "muon_setup.yaml").read_text()
    body = text.partition("  filter:\n")[2].partition("  save_pulses:")[0]
    (example / "filter.yaml").write_text(body)
    (example / "muon_setup.yaml").write_text(
        text.replace(f"  filter:\n{body}", "  filter: filter.yaml\n")
    )
    setup = read_setup("muon_setup.yaml")
    assert setup.worker("filter").number_of_processes == 2
    assert setup.worker("filter").writes == ("AcceptedPulses", "PulseParameters")
    assert example / "filter.yaml" in setup.config_files
    (example / "filter.yaml").write_text(body.replace("function:", "fucntion:"))
    with pytest.raises(SetupError, match=r"filter.yaml:2:5: error: .*found 'fucntion'; did you"):
        read_setup("muon_setup.yaml")
    (example / "filter.yaml").unlink()
    with pytest.raises(SetupError, match=r"the file of filter is the file filter.yaml; found: no"):
        read_setup("muon_setup.yaml")


def test_the_first_versions_of_mimocorb2_are_read(example: Path, problems_after: Change) -> None:
    messages = problems_after(
        "muon_setup.yaml",
        (
            "target_directory: ../runs",
            "Options: {output_directory: old, overwrite: true, debug_workers: true}",
        ),
        ("base_config: {sample_time_ns: 4}", ""),
        ("    sinks: [InputBuffer]", "    sink_list: [InputBuffer]"),
        ("    sources: [InputBuffer]", "    source_list: [InputBuffer]"),
        ("    observes: [InputBuffer]", "    observe_list: [InputBuffer]"),
        ("    slot_count: 32", "    slot_count: 32\n    overwrite: true"),
    )
    assert [message.split(": ")[1] for message in messages] == ["warning"] * 3
    assert "a buffer that is full makes its writers wait" in messages[0]
    assert "found overwrite, which does nothing here" in messages[0]
    assert "every run makes a directory of its own in target_directory" in messages[1]
    assert "found overwrite, which does nothing here" in messages[1]
    assert "the option --debug of the command line" in messages[2]
    setup = read_setup("muon_setup.yaml")
    assert setup.output_directory == example / "old"
    assert setup.worker("oscilloscope").observes == ("InputBuffer",)


def test_the_overarching_configuration_is_below_the_others(
    example: Path, problems_after: Change
) -> None:
    options = "Options: {overarching_config: [config/filter.yaml, {sample_time_ns: 1, gain: 2}]}"
    assert problems_after("muon_setup.yaml", ("runevents: 1000", options)) == []
    config = read_setup("muon_setup.yaml").worker("input").config
    assert config == {"sample_time_ns": 4, "gain": 2, "signatures": ["old"], "eventcount": 100}


def test_a_name_alone_is_a_component_of_a_package(problems_after: Change) -> None:
    old = ("function: plot.plot_graph", "function: oscilloskop")
    (found,) = problems_after("muon_setup.yaml", old)
    assert found.startswith("muon_setup.yaml:43:15: error: 'oscilloskop', without the key 'file'")


def test_keys_without_effect_are_told_in_one_line_each(problems_after: Change) -> None:
    (found,) = problems_after("release_setup.yaml")
    assert found.startswith("release_setup.yaml:5:1: warning: a run has no window")
    assert found.endswith("found GUI_control, which does nothing here; remove it")
