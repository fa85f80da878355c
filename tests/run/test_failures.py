"""Bad functions, full disks and dead workers: one clear message, and what was taken is kept."""

from __future__ import annotations

import json
import re
import tarfile

import pytest
from running import (
    RunningDaq,
    Worker,
    chain,
    file_of,
    place_of,
    run,
    run_directories,
    set_aside,
)

from mimocorb.errors import OutputError
from mimocorb.run.record import recorder as recorder_module
from mimocorb.run.run import Run
from mimocorb.setup.dialects import read_setup


def test_a_source_that_raises_ends_the_run_in_order_with_its_traceback(tmp_path):
    source = Worker("raises", {"RB_1": "write"}, {"events": 30})
    middle = Worker("double", {"RB_1": "read", "RB_2": "write"}, {"pause_s": 0.005})
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert finished.code == 1
    (failure,) = finished.summary["failures"]
    assert "source raises failed" in failure
    assert "the digitizer is on fire" in failure
    assert 'raise ValueError("the digitizer is on fire")' in finished.log
    assert "Traceback (most recent" not in finished.text
    assert finished.values() == [2.0 * n for n in range(30)]


def test_with_debug_who_keeps_the_view_of_an_event_is_told(tmp_path):
    middle = Worker("keeps_the_last", {"RB_1": "read", "RB_2": "write"})
    finished = run(chain(tmp_path, middle=middle), "--debug")
    assert finished.code == 1
    failure = finished.summary["failures"][0]
    assert "filter keeps_the_last failed" in failure
    assert "a view of an event of buffer 'RB_1' was used after it had been given back" in failure


@pytest.mark.parametrize("way", ["exits", "exits without a word", "is killed", "leaves a talker"])
def test_all_that_a_source_has_published_is_in_the_file_however_it_ends(tmp_path, way):
    """F12: fast events, a slow filter; what was put is processed, the exit code says the rest."""
    config = {"events": 60, "way": way}
    source = Worker("fails_after_its_events", {"RB_1": "write"}, config)
    middle = Worker("double", {"RB_1": "read", "RB_2": "write"}, {"pause_s": 0.01})
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert finished.code == 1
    assert finished.summary["failures"][0].startswith("source fails_after_its_events failed: ")
    assert finished.summary["reason"] == "source fails_after_its_events failed"
    assert finished.values() == [2.0 * n for n in range(60)]


def test_the_begin_and_the_end_of_what_is_too_long_are_said(tmp_path):
    config = {"events": 3, "way": "says too much"}
    finished = run(
        chain(tmp_path, source=Worker("fails_after_its_events", {"RB_1": "write"}, config))
    )
    (failure,) = finished.summary["failures"]
    assert "raised ValueError: the begin" in failure
    assert "characters left out … " in failure
    assert " the end [" in failure
    assert "Traceback (most recent" in finished.log


def test_what_failed_is_said_once_in_full_in_the_summary_and_shortly_elsewhere(tmp_path):
    finished = run(chain(tmp_path, source=Worker("raises", {"RB_1": "write"}, {"events": 3})))
    text = (finished.directory / "summary.txt").read_text()
    assert text.count("the digitizer is on fire") == 1
    assert "ended because  source raises failed\n" in text
    assert "source raises: failed, see below\n" in text
    assert finished.summary["reason"] == "source raises failed"
    assert finished.log.count("the digitizer is on fire") == 3  # the line, its code, the traceback


def test_an_error_of_mimocorb_in_user_code_has_its_own_words_and_no_traceback(tmp_path):
    finished = run(chain(tmp_path, source=Worker("misses_data", {"RB_1": "write"})))
    (failure,) = finished.summary["failures"]
    assert failure.startswith("source misses_data failed: no data in /nowhere: get them [")
    assert "Traceback" not in finished.log
    assert finished.log.count("no data in /nowhere") == 1


@pytest.mark.parametrize(
    ("code", "words"), [("no trigger", "sys.exit('no trigger')"), (3, "sys.exit(3)")]
)
def test_a_source_that_exits_with_a_complaint_is_a_failure(tmp_path, code, words):
    source = Worker("exits", {"RB_1": "write"}, {"events": 7, "code": code})
    finished = run(chain(tmp_path, source=source))
    assert finished.code == 1
    assert words in finished.summary["failures"][0]
    assert finished.values() == [2.0 * n for n in range(7)]


@pytest.mark.parametrize("code", [0, None])
def test_a_source_that_exits_without_a_complaint_has_ended(tmp_path, code):
    source = Worker("exits", {"RB_1": "write"}, {"events": 7, "code": code})
    finished = run(chain(tmp_path, source=source))
    assert finished.code == 0, finished.text
    assert len(finished.values()) == 7


def test_a_filter_that_returns_nonsense_is_named_and_its_events_are_saved(tmp_path):
    finished = run(chain(tmp_path, middle=Worker("nonsense", {"RB_1": "read", "RB_2": "write"})))
    assert finished.code == 1
    failures = finished.summary["failures"]
    assert "'what?'" in failures[0]
    saved = finished.published("RB_1")
    assert saved > 0
    assert f"{saved} events of RB_1 were saved for nonsense" in "\n".join(failures)
    assert "ledger open" not in finished.record["quality"]  # nobody was to decide about these


def test_an_event_that_fails_in_three_workers_is_set_aside_by_the_fourth(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 100, "pause_s": 0.002})
    middle = Worker("refuses_13", {"RB_1": "read", "RB_2": "write"}, processes=4)
    finished = run(chain(tmp_path, source=source, middle=middle))
    assert finished.code == 1
    with set_aside(finished.directory) as events:
        (event,) = events
        assert set(event.data["value"].tolist()) == {13.0}
        assert (event.metadata.counter, events.metadata.sequence.tolist()) == (13, [14])
        reasons = events.metadata.notes[0].splitlines()
        assert len(reasons) == 3
        assert all("unlucky" in reason for reason in reasons)
    assert "event 13, the 14th of RB_1, failed again and again" in finished.log
    taken = finished.published("RB_1")
    expected = [2.0 * n for n in range(taken) if n != 13]
    assert sorted(finished.values()) == expected
    assert "1 event of RB_1 failed again and again in refuses_13 and was set aside" in " ".join(
        finished.summary["failures"]
    )


def test_a_run_does_not_start_with_a_module_that_cannot_be_imported(tmp_path):
    (tmp_path / "broken.py").write_text(
        "import no_such_package, mimocorb\n\n@mimocorb.filter\ndef double(event): pass\n"
    )
    middle = Worker("double", {"RB_1": "read", "RB_2": "write"}, keys={"file": "broken.py"})
    setup = chain(tmp_path, middle=middle)
    finished = run(setup)
    assert finished.code == 2
    assert "broken.py:1: error: 'broken.py' can be imported" in finished.text
    assert "No module named 'no_such_package'" in finished.text
    assert not finished.parent.exists()


def test_a_full_disk_is_reported_and_whole_lines_stay(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"events": 3000})
    config = {"filename": "values", "limit_bytes": 30_000}
    sink = Worker("save_on_a_small_disk", {"RB_2": "read"}, config)
    finished = run(chain(tmp_path, source=source, sink=sink))
    assert finished.code == 1
    failures = finished.summary["failures"]
    assert "sink save_on_a_small_disk failed" in failures[0]
    assert "File too large" in failures[0]
    values = finished.values()
    assert values == [2.0 * n for n in range(len(values))]
    assert len(values) > 100
    (group,) = finished.summary["buffers"][1]["groups"]
    assert group["acknowledged"] == len(values)
    assert group["saved"] == finished.published("RB_2") - len(values) > 0
    assert f"{group['saved']} events of RB_2 were saved" in failures[-1]


def test_a_sink_whose_file_exists_does_not_replace_it(tmp_path):
    sinks = {"filename": "values"}
    more = [Worker("save_unseen", {"RB_2": "read"}, sinks)]
    finished = run(chain(tmp_path, more=more))
    assert finished.code == 1
    assert "exists already" in finished.summary["failures"][0]
    readers = [group["reader"] for group in finished.summary["buffers"][1]["groups"]]
    assert readers == ["text", "save_unseen"]
    values = finished.values()
    assert values == [2.0 * n for n in range(len(values))]


def test_a_crash_in_native_code_is_one_record_in_the_log_and_a_line_with_place_and_event(tmp_path):
    config = {"every": 10, "way": "crashes"}
    middle = Worker("poisoned", {"RB_1": "read", "RB_2": "write"}, config)
    finished = run(chain(tmp_path, middle=middle))
    assert finished.code == 1
    place = place_of('"crashes": lambda', file_of("poisoned").with_name("ways_to_fail.py"))
    assert re.match(
        r"filter poisoned failed: killed by SIGSEGV \(Segmentation fault\) "
        rf"\[{re.escape(place)}\], "
        r"with the 11th event published in RB_1 (and \d+ more )?in its hands",
        finished.summary["failures"][0],
    )
    assert "Fatal Python error" not in finished.text
    records = map(json.loads, (finished.directory / "log.jsonl").read_text().splitlines())
    (crash,) = [record["text"] for record in records if "Fatal Python error" in record["text"]]
    assert "in poisoned" in crash


@pytest.mark.parametrize(
    ("exits", "how"),
    [(False, "returned"), (True, r"sys\.exit\(\) was called \[\S+_functions.py:\d+\]")],
)
def test_a_reader_that_leaves_before_its_input_ends_is_a_failure(tmp_path, exits, how):
    sink = Worker("leaves_early", {"RB_2": "read"}, {"events": 10, "exits": exits})
    finished = run(chain(tmp_path, sink=sink))
    assert finished.code == 1
    said = rf"sink leaves_early ended before its input did \({how}\): RB_2 \(\d+ unread\); "
    assert re.match(said, finished.summary["failures"][0])


def test_a_worker_that_hangs_is_given_up_after_the_drain_timeout(tmp_path):
    sink = Worker("hangs", {"RB_2": "read"})
    # More events than RB_2 has slots: the filter waits for room, and is not the one to blame.
    source = Worker("numbers", {"RB_1": "write"}, {"events": 25})
    finished = run(chain(tmp_path, source=source, sink=sink), "--drain-timeout", "3")
    assert finished.code == 1
    stuck, *_, saved = finished.summary["failures"]
    assert re.fullmatch(
        r"no progress for 3 s while draining: "
        r"sink hangs has the 1st event published in RB_2 in its hands",
        stuck,
    )
    assert "sink hangs did not end when asked, killed" in finished.summary["warnings"]
    assert "events of RB_2 were saved for hangs" in saved


def test_who_has_just_taken_what_it_hangs_on_is_named_after_a_short_drain_timeout(tmp_path):
    setup = chain(tmp_path, sink=Worker("hangs", {"RB_2": "read"}))
    daq = RunningDaq(setup, "--drain-timeout", "0.3")
    daq.wait_for("hangs from now on")
    daq.interrupt()
    finished = daq.finish()
    stuck = next(f for f in finished.summary["failures"] if "no progress" in f)
    assert "sink hangs has the 1st event published in RB_2 in its hands" in stuck


def test_a_display_that_fails_does_not_disturb_the_run(tmp_path):
    finished = run(chain(tmp_path, more=[Worker("looks_badly", {"RB_1": "observe"})]))
    assert finished.code == 0, finished.text
    assert len(finished.values()) == 100
    (warning,) = finished.summary["warnings"]
    assert "no display" in warning


def test_waveforms_of_an_interrupted_run_are_a_readable_archive(tmp_path):
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.005})
    sink = Worker("parquet_tar", {"RB_2": "read"}, {"filename": "waveform"})
    daq = RunningDaq(chain(tmp_path, source=source, sink=sink))
    daq.wait_for("data taking begins")
    daq.interrupt()
    finished = daq.finish()
    assert finished.code == 0, finished.text
    (archive,) = finished.directory.glob("*.tar")
    with tarfile.open(archive) as tar:
        assert len(tar.getnames()) == finished.published("RB_2")


def test_a_failure_names_the_line_of_the_user_function(tmp_path):
    finished = run(chain(tmp_path, middle=Worker("refuses_13", {"RB_1": "read", "RB_2": "write"})))
    place = place_of("unlucky", file_of("refuses_13"))
    assert f"ValueError: unlucky [{place}]" in finished.summary["failures"][0]


def test_a_source_whose_access_object_is_not_called_is_warned_of(tmp_path):
    finished = run(chain(tmp_path, source=Worker("forgets_to_call", {"RB_1": "write"})))
    assert finished.code == 0
    (warning,) = finished.summary["warnings"]
    assert "ended without an event for RB_1" in warning
    assert "SourceToBuffer(...)()" in warning
    assert warning in finished.text


def test_a_sink_whose_access_object_is_not_called_is_told_so(tmp_path):
    finished = run(
        chain(tmp_path, sink=Worker("forgets_to_save", {"RB_2": "read"}, {"filename": "values"}))
    )
    assert finished.code == 1
    assert "RB_2" in finished.summary["failures"][0]
    assert "has to be called" in finished.summary["failures"][0]


def test_a_run_that_cannot_write_its_records_leaves_no_directory_behind(tmp_path, monkeypatch):
    def full(_directory, _record):
        raise OutputError("no space")

    monkeypatch.setattr(recorder_module, "write_record", full)
    monkeypatch.chdir(tmp_path)
    setup = read_setup(chain(tmp_path))
    with pytest.raises(OutputError), Run(setup) as prepared:
        prepared.prepare()
    assert run_directories(tmp_path / "target") == []
