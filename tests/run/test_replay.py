"""The source ``replay``: recorded events in the place of a device."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from running import RunningDaq, eventually, run_directories

import mimocorb
from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.cli import main
from mimocorb.recording.block import Block
from mimocorb.recording.write_recording import RecordingWriter
from mimocorb.run.pacing import NextRound, Pacer
from mimocorb.run.record.run_record import read_record

DTYPE = np.dtype([("chA", "<i2"), ("chB", "<i2")])
EVENTS = 200
STEP_NS = 20_000_000
"""The events were recorded with 50 Hz."""


def block(first: int, count: int) -> Block:
    numbers = np.arange(first, first + count)
    data = np.zeros((count, 5), DTYPE)
    data["chA"], data["chB"] = numbers[:, None], -numbers[:, None]
    metadata = BatchMetadata(numbers + 7, 1.7e9 + numbers * (STEP_NS / 1e9), numbers / 1000)
    metadata.time_ns = 1_700_000_000_000_000_001 + numbers * STEP_NS
    metadata.may_repeat = numbers % 7 == 3
    return Block(data, metadata)


def record(directory: Path, name: str = "waves", first: int = 0, count: int = EVENTS) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": 5}
    with RecordingWriter("record", directory, name, setup) as writer:
        for begin in range(first, first + count, 50):
            writer.append(*block(begin, min(50, first + count - begin)))
    return directory / name


@pytest.fixture
def waves(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return record(tmp_path / "recorded")


def write_setup(directory: Path, config: dict, buffer: dict | None = None) -> Path:
    raw = {"slot_count": 64, "data_length": 5, "data_dtype": {"chA": "int16", "chB": "int16"}}
    setup = {
        "Buffers": {"raw": raw | (buffer or {})},
        "Workers": {
            "recorded": {"function": "replay", "sinks": ["raw"], "config": config},
            "save": {"function": "record", "sources": ["raw"], "config": {"filename": "again"}},
        },
    }
    path = directory / "again.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


def played(directory: Path, config: dict, *arguments: str, **buffer: object) -> Block:
    """Run a replay and return what came out."""
    path = write_setup(directory, config, buffer)
    assert main(["run", "--quiet", str(path), *arguments]) == 0
    newest = max(run_directories(directory / "target"), key=lambda path: path.name[-4:])
    with mimocorb.open(newest / "again") as events:
        return events[:]


def assert_same(found: Block, wanted: Block) -> None:
    assert found.data.tobytes() == wanted.data.tobytes()
    for name in ("counter", "timestamp", "deadtime", "time_ns", "may_repeat"):
        assert getattr(found.metadata, name).tolist() == getattr(wanted.metadata, name).tolist()


def test_data_and_metadata_come_back_to_the_ns(tmp_path, waves):
    assert_same(played(tmp_path, {"data": "recorded/waves"}), block(0, EVENTS))


def test_a_part_is_played_as_a_slice_of_python(tmp_path, waves):
    found = played(tmp_path, {"data": "recorded/waves", "start": -100, "stop": -10, "step": 3})
    assert (found.metadata.counter - 7).tolist() == list(range(EVENTS))[-100:-10:3]


def test_lists_patterns_and_runs_name_recordings(tmp_path, waves):
    record(tmp_path / "later", first=EVENTS, count=30)
    wanted = block(0, EVENTS + 30)
    assert_same(played(tmp_path, {"data": ["recorded/waves", "later/waves"]}), wanted)
    found = played(tmp_path, {"data": "[rl]*e*/wav*"})
    assert sorted(found.metadata.counter) == wanted.metadata.counter.tolist()
    assert_same(played(tmp_path, {"data": 1}), wanted)
    assert_same(played(tmp_path, {"data": "1/again"}), wanted)
    assert_same(played(tmp_path, {"data": "target/*_run0001"}), wanted)


def test_a_pattern_does_not_stand_for_what_the_run_itself_records(tmp_path, waves):
    record(tmp_path / "other" / "earlier", count=30)
    assert_same(played(tmp_path, {"data": "[ot]*/*/[wa]*"}), block(0, 30))
    (directory,) = run_directories(tmp_path / "target")
    warnings = read_record(directory).result.warnings
    assert [each for each in warnings if "recorded has logged" in each] == []


def test_the_option_data_gives_recorded_events(tmp_path, waves):
    found = played(tmp_path, {"data": "nowhere"}, "--data", "recorded/waves")
    assert_same(found, block(0, EVENTS))


def test_other_formats_are_played_as_well(tmp_path, waves):
    options = ["--to", str(tmp_path / "copies"), "--format", "parquet_tar"]
    assert main(["files", "export", str(waves), *options]) == 0
    found = played(tmp_path, {"data": "copies/waves"})
    assert found.data["chB"].tolist() == block(0, EVENTS).data["chB"].tolist()
    assert found.metadata.time_ns.tolist() == block(0, EVENTS).metadata.time_ns.tolist()


def test_channels_in_one_piece_are_played_into_interleaved_ones_and_back(tmp_path, waves):
    pieces = {"data_length": 1, "data_dtype": {"chA": "(5,)i2", "chB": "(5,)i2"}}
    found = played(tmp_path, {"data": "recorded/waves"}, **pieces)
    assert found.data["chA"].reshape(EVENTS, 5).tolist() == block(0, EVENTS).data["chA"].tolist()
    assert_same(played(tmp_path, {"data": "1/again"}), block(0, EVENTS))


def test_looped_events_go_on_in_counter_and_time_until_the_run_ends(tmp_path, waves):
    found = played(tmp_path, {"data": "recorded/waves", "loop": True}, "--events", "500")
    wanted = block(0, 500)
    for name in ("counter", "timestamp", "time_ns"):
        assert getattr(found.metadata, name).tolist() == pytest.approx(
            getattr(wanted.metadata, name).tolist(), rel=1e-15
        )
    assert found.data["chA"][:, 0].tolist() == [number % EVENTS for number in range(500)]
    (directory,) = run_directories(tmp_path / "target")
    (raw,) = read_record(directory).result.buffers
    assert raw.recorded_rate_hz == pytest.approx(50.0)


@pytest.mark.parametrize("pace", ["fixed", "random"])
def test_a_rate_is_kept_on_average_and_the_one_shown_is_that_of_the_recording(
    tmp_path, waves, capsys, pace
):
    config = {"data": "recorded/waves", "pace": pace, "rate_hz": 500.0, "seed": 2}
    assert_same(played(tmp_path, config), block(0, EVENTS))
    (directory,) = run_directories(tmp_path / "target")
    result = read_record(directory).result
    assert result.elapsed_s >= 0.8 * EVENTS / 500
    (raw,) = result.buffers
    assert raw.rate_hz is None
    assert raw.recorded_rate_hz == pytest.approx(50.0)
    assert "50.0 when recorded" in capsys.readouterr().out


def test_original_times_are_kept(tmp_path, waves):
    config = {"data": "recorded/waves", "pace": "original", "stop": 51}
    assert_same(played(tmp_path, config), block(0, 51))
    (directory,) = run_directories(tmp_path / "target")
    assert read_record(directory).result.elapsed_s >= 1.0


def due_s(pacer: Pacer, events: Block) -> list[float]:
    return pacer._due(events).tolist()  # what would otherwise be slept


def test_paces_say_when_an_event_is_due():
    assert due_s(Pacer("fixed", 100.0, None), block(0, 3)) == pytest.approx([0.01, 0.02, 0.03])
    at_random = Pacer("random", 100.0, 1)
    steps = np.diff([*due_s(at_random, block(0, 20_000)), *due_s(at_random, block(0, 20_000))])
    assert steps.mean() == pytest.approx(0.01, rel=0.02)
    assert steps.std() == pytest.approx(0.01, rel=0.04)
    assert (steps > 0).all()
    original = Pacer("original", None, None)
    first = due_s(original, block(5, 3))
    assert np.diff(first) == pytest.approx([0.02, 0.02])
    assert due_s(original, block(100, 1))[0] - first[0] == pytest.approx(95 * 0.02)


def test_what_was_recorded_before_the_event_in_front_of_it_comes_together_with_that():
    events = block(0, 4)
    events.metadata.time_ns[:] = [0, 50_000_000, 20_000_000, 60_000_000]
    times = due_s(Pacer("original", None, None), events)
    assert np.subtract(times, times[0]) == pytest.approx([0.0, 0.05, 0.05, 0.06])


def test_after_a_pause_events_do_not_come_in_a_burst(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda s: now.__setitem__(0, now[0] + s + 1e-6))
    sizes = []
    for part in Pacer("fixed", 10.0, None).parts(block(0, 50)):
        sizes.append(len(part.data))
        if len(sizes) == 3:
            now[0] += 60.0  # nobody took it
    assert max(sizes) == 1
    assert now[0] == pytest.approx(165.0, abs=0.2)


def test_a_round_goes_on_one_interval_behind_the_last_event():
    rounds = NextRound()
    events = block(0, 3)
    events.metadata.time_ns[1] = NO_TIME
    rounds.metadata(events)
    rounds.begin()
    again = rounds.metadata(events)
    assert again.counter.tolist() == [10, 11, 12]
    assert again.timestamp == pytest.approx(events.metadata.timestamp + 0.06)
    first = int(events.metadata.time_ns[0])
    assert again.time_ns.tolist() == [first + 3 * STEP_NS, NO_TIME, first + 5 * STEP_NS]


MISTAKES = {
    "nothing there": ({"data": "nowhere"}, "there is no file, recording or run"),
    "no match": ({"data": "nowhere/*"}, "there is no file, recording or run"),
    "no run": ({"data": 77}, "there are no runs in target"),
    "several": ({"data": "recorded"}, "has 2 recordings: more, waves; write for example"),
    "empty list": ({"data": []}, "data is an empty list"),
    "no rate": ({"data": "recorded/waves", "pace": "fixed"}, "the pace fixed needs rate_hz"),
    "a rate too many": ({"data": "recorded/waves", "rate_hz": 5.0}, "rate_hz is for the paces"),
    "no step": ({"data": "recorded/waves", "step": 0}, "step is 0; it has to be at least 1"),
    "no such pace": ({"data": "recorded/waves", "pace": "slow"}, "pace of replay is"),
}


@pytest.mark.parametrize("command", [["check"], ["run", "--quiet"]], ids=["check", "run"])
@pytest.mark.parametrize(("config", "said"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.usefixtures("waves")
def test_mistakes_are_told_before_anything_starts(tmp_path, capsys, command, config, said):
    record(tmp_path / "recorded", "more", count=1)
    assert main([*command, str(write_setup(tmp_path, config))]) == 2
    printed = capsys.readouterr()
    assert said in printed.err + printed.out
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "buffer",
    [{"data_length": 6}, {"data_dtype": {"chA": "int16"}}, {"data_dtype": "int16"}],
    ids=["length", "fields", "plain"],
)
def test_a_buffer_of_another_form_is_told_with_the_right_one(tmp_path, waves, capsys, buffer):
    setup = write_setup(tmp_path, {"data": "recorded/waves"}, buffer)
    assert main(["check", str(setup)]) == 2
    printed = capsys.readouterr()
    right = "Give raw the form of the recording, which is data_length: 5, data_dtype: {chA: int16,"
    assert right in " ".join((printed.out + printed.err).split())


def test_times_that_are_not_known_are_those_of_the_replay(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    setup = {"name": "raw", "dtype": DTYPE, "values_per_slot": 5}
    with RecordingWriter("record", tmp_path, "waves", setup) as writer:
        data, metadata = block(0, 5)
        metadata.timestamp[:] = -1.0
        writer.append(data, metadata)
    begin_s = time.time()
    assert played(tmp_path, {"data": "waves"}).metadata.timestamp.min() >= begin_s - 1
    assert main(["check", str(write_setup(tmp_path, {"data": "waves", "pace": "original"}))]) == 2
    assert "does not say when its events were recorded" in capsys.readouterr().out


def test_what_is_damaged_is_not_played_but_told(tmp_path, waves, capsys):
    (path,) = waves.parent.glob("*.arrows")
    content = bytearray(path.read_bytes())
    with mimocorb.open(waves) as events:
        head = events.file.segments[path].batches[2].head
    content[head.at + head.head_bytes + 40] ^= 1
    path.write_bytes(content)
    assert main(["run", "--quiet", str(write_setup(tmp_path, {"data": "recorded/waves"}))]) == 1
    assert "batch 2" in capsys.readouterr().out
    (directory,) = run_directories(tmp_path / "target")
    with mimocorb.open(directory / "again") as events:
        assert_same(events[:], block(0, 100))


def test_a_recording_without_its_end_is_played_and_a_warning_says_so(tmp_path, waves, capsys):
    (path,) = waves.parent.glob("*.arrows")
    with mimocorb.open(waves) as events:
        end = events.file.segments[path].batches[2].head.end
    path.write_bytes(path.read_bytes()[: end + 10])
    assert_same(played(tmp_path, {"data": "recorded/waves"}), block(0, 150))
    (directory,) = run_directories(tmp_path / "target")
    assert "warnings" in read_record(directory).quality
    assert "waves: " in (directory / "log.txt").read_text()
    assert "the end is missing: it has 150 events" in (directory / "log.txt").read_text()


def test_several_processes_would_play_everything_twice(tmp_path, waves, capsys):
    path = write_setup(tmp_path, {"data": "recorded/waves"})
    arguments = ["--set", "recorded.number_of_processes=2"]
    assert main(["run", "--quiet", str(path), *arguments]) == 1
    assert "set number_of_processes to 1" in " ".join(capsys.readouterr().out.split())


def test_a_recording_is_read_while_its_run_goes_on(tmp_path, waves):
    config = {"data": "recorded/waves", "pace": "fixed", "rate_hz": 100.0, "loop": True}
    path = write_setup(tmp_path, config)
    daq = RunningDaq(path, "--set", "save.segment_s=0.5")
    try:
        eventually(lambda: list((tmp_path / "target").glob("*/again.001.arrows")))
        (directory,) = run_directories(tmp_path / "target")
        events = mimocorb.open(directory)["again"]
        seen = [len(events)]
        eventually(lambda: seen.append(len(events.look_again())) or seen[-1] >= seen[0] + 100)
        assert events[:100].metadata.counter.tolist() == list(range(7, 107))
        assert seen == sorted(seen)
    finally:
        daq.interrupt()
        done = daq.finish()
    assert done.code == 0, done.text
    events.look_again()
    assert events.damage() == []
    assert len(events) == json.loads((directory / "run.json").read_text())["result"]["events"]
