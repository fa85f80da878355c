"""One slip in the manual's example, one clear message with its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mimocorb import _memory
from mimocorb.setup.checking import checks
from mimocorb.setup.dialects import read_setup_or_problems

Change = Callable[..., list[str]]
MANUAL = "simultest_setup.yaml"
CONFIG = "config/simulation_config.yaml"
FIELD = "1: ['decay_time', \"int32\"]"
READ_RB_3 = '      RB_assign:\n        RB_3: "read"     # pulse data\n'
SOURCE = (
    '      file_name: "modules/simulation_source"\n'
    '      fkt_name: "simulation_source"\n'
    "      num_process: 1\n"
    "      RB_assign:\n"
    '        RB_1: "write"\n'
)

# The slip: file, old text, new text, then line:column and words of the
# message.
SLIPS = {
    "a tab": (MANUAL, "      number_of_slots: 32", "\t  number_of_slots: 32", "25:1", "a tab"),
    "a missing colon": (MANUAL, "- RB_3:", "- RB_3", "23:9", "a colon follows the name 'RB_3'"),
    "a key without a colon": (
        *(
            MANUAL,
            "      channel_per_slot: 1\n      data_type:",
            "      channel_per_slot 1\n      data_type:",
        ),
        *("26:7", "found a line without a colon"),
    ),
    "no space after a colon": (
        *(MANUAL, "number_of_slots: 32", "number_of_slots:32"),
        *("25:23", "insert a space after the colon"),
    ),
    "an open bracket": (MANUAL, FIELD, FIELD[:-1], "28:12", "brackets"),
    "an open quote": (MANUAL, '"plot_graph"', '"plot_graph', "86:17", "one quote too few"),
    "a line out of place": (MANUAL, "  - Fkt_4:", "   - Fkt_4:", "78:4", "column 3 for those from"),
    "the name missing, as in the printed manual": (
        *(MANUAL, "  - RB_1:\n", ""),
        *("13:3", "check that no line above is missing"),
    ),
    "a buffer without name": (
        *(
            MANUAL,
            "  - RB_3:\n      # buffer with pulse parameters (derived from waveforms)\n",
            "  -\n",
        ),
        *("24:7", "put a line '- RB_1:' above"),
    ),
    "keys that are not indented": (
        *(MANUAL, SOURCE, SOURCE.replace("      ", "    ")),
        *("59:5", "the keys of 'Fkt_1' are indented deeper than its name"),
    ),
    "a key given twice": (MANUAL, "1: ['decay", "3: ['decay", "29:9", "the key 3 is given once"),
    "a tag": (MANUAL, "32\n", "!!python/name:os.system x\n", "25:24", "remove the tag"),
    "the misspelt key of the printed manual": (
        *(MANUAL, 'fkt_name: "simulation_source"', 'kt_name: "simulation_source"'),
        *("60:7", "found 'kt_name'; did you mean 'fkt_name'?"),
    ),
    "an unknown key": (MANUAL, "RingBuffer:", "colour: red\nRingBuffer:", "3:1", "found 'colour'"),
    "a misspelt section": (MANUAL, "RingBuffer:", "RingBufer:", "3:1", "did you mean 'RingBuffer'"),
    "a missing section": (
        *(MANUAL, "Functions:\n", "template: &template\n"),
        *("3:1", "a set-up needs the key 'Functions'"),
    ),
    "a missing key": (
        *(MANUAL, "      number_of_slots: 32\n", ""),
        *("23:5", "buffer 'RB_3' needs the key 'number_of_slots'"),
    ),
    "two spellings of one key": (
        *(MANUAL, "number_of_slots: 32", "number_of_slots: 32\n      values_per_slot: 1"),
        *("27:7", "found 'channel_per_slot' beside 'values_per_slot'"),
    ),
    "a number in quotes": (MANUAL, " 32\n", ' "32"\n', "25:24", "write it without quotes: 32"),
    "a broken number": (MANUAL, " 32\n", " 32.0\n", "25:24", "found 32.0; write 32"),
    "a truth value": (MANUAL, " 32\n", " yes\n", "25:24", "found True"),
    "no slots": (MANUAL, " 32\n", " 0\n", "25:24", "a whole number from 1 to"),
    "no process": (MANUAL, "num_process: 2", "num_process: 0", "67:20", "num_process of Fkt_2"),
    "a word for a number": (MANUAL, "process: 2", "process: two", "67:20", "write a number"),
    "a slot beyond all measure": (
        *(MANUAL, "per_slot: 1\n", "per_slot: 99999999\n"),
        *("26:25", "a slot of RB_3 holds at most 1024 MiB"),
    ),
    "an unknown type": (MANUAL, FIELD, FIELD.replace("32", "33"), "28:27", "did you mean 'int32'?"),
    "a type as in Python": (
        *(MANUAL, FIELD, FIELD.replace("int32", "np.int32")),
        *("28:27", "found the text 'np.int32'; did you mean 'int32'?"),
    ),
    "Python objects": (MANUAL, FIELD, FIELD.replace("int32", "O"), "28:27", "Python objects"),
    "a text without length": (MANUAL, FIELD, FIELD.replace("int32", "U"), "28:27", "has no bytes"),
    "a field without type": (MANUAL, FIELD, "1: ['x']", "28:12", "is a name and a type"),
    "a field that is a text": (MANUAL, FIELD, "1: x, int32", "28:12", "is a name and a type"),
    "a field used twice": (
        *(MANUAL, FIELD, FIELD.replace("decay_time", "1st_chA_h")),
        *("29:13", "found '1st_chA_h' in line 28 already"),
    ),
    "assignments in one line": (
        *(MANUAL, READ_RB_3, "      RB_assign: RB_3 read\n"),
        *("76:18", "found the text 'RB_3 read'; write for example: RB_1: \"read\""),
    ),
    "a function without assignments": (
        *(MANUAL, READ_RB_3, ""),
        *("72:5", "function 'Fkt_3' needs the key 'RB_assign'"),
    ),
    "an unknown role": (
        *(MANUAL, 'RB_3: "read"', 'RB_3: "raed"'),
        *("77:15", "found the text 'raed'; did you mean 'read'?"),
    ),
    "an unknown buffer": (
        *(MANUAL, 'RB_3: "read"', 'RB3: "read"'),
        *("77:9", "found 'RB3'; did you mean 'RB_3'?"),
    ),
    "a buffer that nobody writes": (
        *(MANUAL, '        RB_3: "write"    # pulse data\n', ""),
        *("23:5", "found none that writes it"),
    ),
    "a buffer that nobody reads": (
        *(MANUAL, 'RB_3: "read"', 'RB_1: "read"'),
        *("23:5", "found none that reads or observes it"),
    ),
    "a loop": (
        *(MANUAL, SOURCE, SOURCE + '        RB_3: "read"\n'),
        *("5:5", "found the loop RB_1 → Fkt_2 → RB_3 → Fkt_1 → RB_1"),
    ),
    "a loop through an observer": (
        *(MANUAL, 'RB_2: "observe"', 'RB_1: "write"\n        RB_2: "observe"'),
        *("5:5", "found the loop RB_1 → Fkt_2 → RB_2 → Fkt_5 → RB_1"),
    ),
    "two functions of one name": (
        *(MANUAL, "- Fkt_3:", "- Fkt_2:"),
        *("72:5", "found 'Fkt_2' at simultest_setup.yaml:64:5 already"),
    ),
    "a missing module": (
        *(MANUAL, "modules/lifetime_filter", "modules/liftime_filter"),
        *("65:18", "no such file; did you mean 'modules/lifetime_filter'?"),
    ),
    "a missing module, named with its ending": (
        *(MANUAL, "modules/lifetime_filter", "modules/liftime_filter.py"),
        *("65:18", "no such file; did you mean 'modules/lifetime_filter.py'?"),
    ),
    "a missing directory": (
        *(MANUAL, "modules/lifetime_filter", "module/lifetime_filter"),
        *("65:18", "there is no directory module"),
    ),
    "a directory in the manner of Windows": (
        *(MANUAL, '"modules/lifetime_filter"', "modules\\lifetime_filter"),
        *("65:18", "write directories with /"),
    ),
    "a missing module of mimocorb": (
        *(MANUAL, "mimocorb/plot", "mimocorb/plots"),
        *("85:18", "found no such module; did you mean 'mimocorb/plot'?"),
    ),
    "a missing function of mimocorb": (
        *(MANUAL, "plot_graph", "plot_grahp"),
        *("86:17", "found none; did you mean 'plot_graph'?"),
    ),
    "a missing function": (
        *(MANUAL, "save_parquet", "save_parket"),
        *("80:17", "found none; did you mean 'save_parquet'?"),
    ),
    "a generator": (
        *(MANUAL, 'fkt_name: "simulation_source"', "fkt_name: yield_pulses"),
        *("60:17", "a generator, which does nothing when called, in line 10"),
    ),
    "a function without **rb_info": (
        *(MANUAL, 'fkt_name: "simulation_source"', "fkt_name: without_rb_info"),
        *("60:17", "found (source_list=None, sink_list=None, observe_list=None, config_dict=None)"),
    ),
    "an asynchronous function": (
        *(MANUAL, 'fkt_name: "simulation_source"', "fkt_name: asynchronous"),
        *("60:17", "an asynchronous function in line 18"),
    ),
    "a missing configuration": (
        *(MANUAL, "simulation_config.yaml", "simulation_confg.yaml"),
        *("57:20", "no such file; did you mean 'config/simulation_config.yaml'?"),
    ),
    "another spelling of Fkt_main": (MANUAL, "Fkt_main", "FKT_main", "56:5", "'Fkt_main'?"),
    "a name that functions use": (
        *(MANUAL, "- RB_3:", "- config_dict:"),
        *("23:5", "functions have an argument of this one"),
    ),
    "half a date in the configuration": (CONFIG, "3e-3", "2020-30-30", "9:14", "type timestamp"),
    "a word for the run time": (CONFIG, "runtime: 10", "runtime: ten", "2:12", "in seconds"),
    "a section that is a list": (
        *(CONFIG, 'plot_graph:\n  title: "Waveform Double Pulses"', "plot_graph:\n  - 3"),
        *("25:3", "the section 'plot_graph' must be a mapping"),
    ),
    "broken Python": (
        *("modules/save_files.py", "(*args, **rb_info):\n    return", "(*args:\n    return"),
        *("4:16", "'modules/save_files' must be valid Python"),
    ),
}


@pytest.mark.parametrize("slip", SLIPS, ids=SLIPS)
def test_every_slip_gives_one_message_with_its_place(slip: str, problems_after: Change) -> None:
    name, old, new, place, words = SLIPS[slip]
    messages = problems_after(name, (old, new))
    errors = [message for message in messages if ": error: " in message]
    assert len(errors) == 1, messages
    assert errors[0].startswith(f"{name}:{place}: error: ")
    assert words in errors[0]


def test_problems_come_all_at_once_and_in_order(problems_after: Change) -> None:
    messages = problems_after(
        MANUAL,
        ("number_of_slots: 32", 'number_of_slots: "32"'),
        ("num_process: 2", "num_proces: 2"),
        ("save_parquet", "save_parket"),
        ('RB_2: "observe"', 'RB_9: "observe"'),
        ("config_file:", "configfile:"),
    )
    places = [message.split(" ")[0] for message in messages if ": error: " in message]
    assert places == [f"{MANUAL}:{place}:" for place in ("25:24", "57:7", "67:7", "80:17", "89:9")]


def test_repeated_names_are_reported_where_they_are_repeated(problems_after: Change) -> None:
    messages = problems_after(
        MANUAL,
        ("- RB_3:", "- RB_2:"),
        ("- Fkt_5:", "- Fkt_4:"),
        ('RB_3: "write"', 'RB_1: "read"'),
        ('RB_3: "read"', 'RB_2: "read"'),
    )
    assert any(
        m.startswith(f"{MANUAL}:23:5:") and f"'RB_2' at {MANUAL}:14:5" in m for m in messages
    )
    assert any(
        m.startswith(f"{MANUAL}:84:5:") and f"'Fkt_4' at {MANUAL}:78:5" in m for m in messages
    )
    assert any(
        m.startswith(f"{MANUAL}:71:9:") and "the key 'RB_1' is given once" in m for m in messages
    )


def test_a_function_that_uses_no_buffer_is_an_error(problems_after: Change) -> None:
    messages = problems_after(MANUAL, ('        RB_2: "observe"  # double pulse waveform\n', ""))
    assert len(messages) == 1
    assert messages[0].startswith(f"{MANUAL}:84:5: error: Fkt_5 reads, writes or observes a buffer")


def test_an_empty_repetition_of_a_key_is_only_a_warning(problems_after: Change) -> None:
    messages = problems_after(
        MANUAL,
        (
            "      data_type:\n        1: ['decay",
            "      data_type:\n      data_type:\n        1: ['decay",
        ),
    )
    assert [message.split(": ")[:2] for message in messages] == [[f"{MANUAL}:28:7", "warning"]]


def test_a_section_that_no_function_uses_is_a_warning_if_misspelt(problems_after: Change) -> None:
    messages = problems_after(CONFIG, ("save_to_txt:", "save_to_text:"), ("plot_graph:", "other:"))
    assert len(messages) == 1
    assert messages[0].startswith(f"{CONFIG}:18:1: warning: ")
    assert "no section for 'save_to_txt'" in messages[0]


def test_two_functions_that_would_write_one_file_are_a_warning(problems_after: Change) -> None:
    messages = problems_after(MANUAL, ("save_parquet", "save_to_txt"))
    assert len(messages) == 1
    assert messages[0].startswith(f"{MANUAL}:78:5: warning: every function that writes a file")


@pytest.mark.parametrize(
    ("available_bytes", "severity"), [(1 << 20, "error"), (40 << 20, "warning")]
)
def test_memory_that_is_not_there_is_reported(
    problems_after: Change, monkeypatch: pytest.MonkeyPatch, available_bytes: int, severity: str
) -> None:
    monkeypatch.setattr(checks, "available_bytes", lambda: available_bytes)
    messages = problems_after(MANUAL)
    assert len(messages) == 1
    assert messages[0].startswith(
        f"{MANUAL}:5:5: {severity}: the buffers need 33.2 MiB of memory, RB_1 alone 16.6 MiB"
    )


def test_available_memory_is_read_from_the_kernel(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  3000 kB\nMemAvailable:    2000 kB\n")
    assert _memory._machine(table) == 2000 * 1024
    assert _memory._machine(tmp_path / "nothing") >= 1 << 60


def test_a_missing_setup_file_is_reported_with_the_nearest_name(example: Path) -> None:
    setup, problems = read_setup_or_problems("simultest_setup.yml")
    assert setup is None
    assert str(problems[0]) == (
        "simultest_setup.yml: error: the set-up file is simultest_setup.yml; found: no such file; "
        "did you mean 'simultest_setup.yaml'?"
    )
    assert "found a directory" in str(read_setup_or_problems("config")[1][0])


def test_an_empty_setup_file_is_reported(example: Path) -> None:
    (example / "empty.yaml").write_text("# nothing\n")
    setup, problems = read_setup_or_problems("empty.yaml")
    assert setup is None
    assert [str(problem) for problem in problems] == [
        "empty.yaml:1:1: error: a set-up describes buffers and functions; found an empty file; "
        "fill it"
    ]


def test_two_dialects_in_one_file_are_reported(problems_after: Change) -> None:
    messages = problems_after(MANUAL, ("Functions:", "Workers:"))
    assert len(messages) == 1
    assert messages[0].startswith(f"{MANUAL}:54:1: error: a set-up is written in one dialect")


SLIPS_OF_THE_RECOMMENDED_DIALECT = {
    "an unknown key": ("slot_count: 16", "slot_cuont: 16", "12:5", "did you mean 'slot_count'?"),
    "a missing key": ("    function: save_parquet\n", "", "33:3", "needs the key 'function'"),
    "an unknown buffer": (
        "[InputBuffer]\n    config",
        "[Input]\n    config",
        "24:13",
        "found 'Input'",
    ),
    "a buffer that nobody writes": (
        *("sinks: [AcceptedPulses, PulseParameters]", "sinks: [AcceptedPulses]"),
        *("13:3", "assign it to a source or filter: sinks: [PulseParameters]"),
    ),
    "a buffer that nobody reads": (
        *("    sources: [PulseParameters]", "    sources: [InputBuffer]"),
        *("13:3", "assign it to a function: sources: [PulseParameters], or remove"),
    ),
    "a worker without buffers": (
        *("    observes: [InputBuffer]\n", ""),
        *("42:3", "assign one, for example: sources: [InputBuffer]"),
    ),
    "a buffer in two roles": (
        *("    observes: [InputBuffer]", "    observes: [InputBuffer]\n    sources: [InputBuffer]"),
        *("44:16", "found 'InputBuffer' in line 45 already"),
    ),
    "a function without file": (
        "function: plot.plot_graph",
        "function: plot",
        "43:15",
        "add the key",
    ),
    "a missing file": (
        "config/text.yaml",
        "config/txt.yaml",
        "41:13",
        "did you mean 'config/text.yaml'",
    ),
    "a shape that is none": ("[4]]", "[0]]", "18:27", "the shape of 'heights'"),
    "a wrong base": (
        "base_config: {sample_time_ns: 4}",
        "base_config: 4",
        "46:14",
        "must be a text",
    ),
}


@pytest.mark.parametrize("slip", SLIPS_OF_THE_RECOMMENDED_DIALECT)
def test_slips_in_the_recommended_dialect(slip: str, problems_after: Change) -> None:
    old, new, place, words = SLIPS_OF_THE_RECOMMENDED_DIALECT[slip]
    messages = problems_after("muon_setup.yaml", (old, new))
    assert len(messages) == 1, messages
    assert messages[0].startswith(f"muon_setup.yaml:{place}: error: ")
    assert words in messages[0]


PLAIN = """
from mimocorb import source
@source
def take(*, device: str):
    yield 1.0
"""
RECOMMENDED = """
Buffers: {raw: {slot_count: 4, data_length: 1, data_dtype: float64}}
Workers:
  take: {file: own.py, function: take, sinks: [raw], config: CONFIG}
  save: {function: buffer_control.rbDrain, sources: [raw]}
"""
OLD_FORM = """
RingBuffer: [{RB_1: {number_of_slots: 4, channel_per_slot: 1, data_type: float64}}]
Functions:
  - Fkt_main: {config_file: MAIN}
  - take: {file_name: own, fkt_name: take, RB_assign: {RB_1: write}, config_file: CONFIG}
  - save: {file_name: mimocorb/buffer_control, fkt_name: rbDrain, RB_assign: {RB_1: read}}
"""


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (RECOMMENDED, {"CONFIG": "not_there.yaml"}),
        (RECOMMENDED, {"CONFIG": "[there.yaml, not_there.yaml]"}),
        (OLD_FORM, {"CONFIG": "not_there.yaml", "MAIN": "there.yaml"}),
        (OLD_FORM, {"CONFIG": "there.yaml", "MAIN": "not_there.yaml"}),
    ],
)
def test_what_stands_in_a_file_that_is_not_there_is_not_missed_as_well(
    tmp_path: Path, text: str, files: dict[str, str]
) -> None:
    for name, file in files.items():
        text = text.replace(name, file)
    (tmp_path / "setup.yaml").write_text(text)
    (tmp_path / "own.py").write_text(PLAIN)
    (tmp_path / "there.yaml").write_text("{}")
    (found,) = read_setup_or_problems(tmp_path / "setup.yaml")[1]
    assert "not_there.yaml; found: no such file" in str(found)


def test_the_name_of_a_file_is_compared_without_its_ending(
    problems_after: Change, example: Path
) -> None:
    (example / "config" / "other.yaml").write_text("{}")
    (found,) = problems_after(MANUAL, (CONFIG, "config/conf.yaml"))
    assert found.endswith("conf.yaml; found: no such file; create it, or correct the name")


def test_a_buffer_of_another_number_is_no_misspelt_one(problems_after: Change) -> None:
    read_rb_4 = READ_RB_3.replace("RB_3", "RB_4")
    messages = problems_after(MANUAL, (READ_RB_3, read_rb_4))
    assert any("found 'RB_4'; the buffers are RB_1, RB_2, RB_3" in found for found in messages)
    messages = problems_after(MANUAL, (read_rb_4, READ_RB_3.replace("RB_3", "RB3")))
    assert any("found 'RB3'; did you mean 'RB_3'?" in found for found in messages)


def test_keys_in_the_column_of_their_name_may_have_any_spelling(tmp_path: Path) -> None:
    keys = "    number_of_slots: 4\n    values_per_slot: 1\n    dtype: float64\n"
    text = f"RingBuffer:\n  - RB_1:\n{keys}" + OLD_FORM[OLD_FORM.index("Functions") :]
    text = text.replace("config_file: MAIN", "").replace(", config_file: CONFIG", "")
    (tmp_path / "own.py").write_text(PLAIN.replace("*, device: str", ""))
    (tmp_path / "setup.yaml").write_text(text)
    (found,) = read_setup_or_problems(tmp_path / "setup.yaml")[1]
    assert "setup.yaml:3:5: error: the keys of 'RB_1' are indented deeper" in str(found)
