"""One slip in the manual's example, one clear message with its place."""

from collections.abc import Callable
from pathlib import Path

import pytest
from slips import MANUAL, MESSAGES, SLIPS, section

from mimocorb import _memory
from mimocorb.setup import checks
from mimocorb.setup.dialects import read_setup_or_problems

Change = Callable[..., list[str]]
CONFIG = "config/simulation_config.yaml"
READ_RB_3 = '      RB_assign:\n        RB_3: "read"     # pulse data\n'


@pytest.mark.parametrize("name", SLIPS)
def test_every_slip_gives_one_message_with_its_place(name: str, example: Path) -> None:
    slip = SLIPS[name]
    messages = slip.messages()
    errors = [message for message in messages if ": error: " in message]
    assert len(errors) == 1, messages
    assert errors[0].startswith(f"{slip.file}:{slip.place}: error: ")
    assert slip.words in errors[0]
    assert section(name, messages) in MESSAGES.read_text(), "write it: python tests/setup/slips.py"


def test_the_snapshot_has_no_other_messages() -> None:
    lines = MESSAGES.read_text().splitlines()
    assert [line.removeprefix("# ") for line in lines if line[:2] == "# "] == list(SLIPS)


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
