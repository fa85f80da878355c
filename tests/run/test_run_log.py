"""The log under a flood, at its limit, and with what would garble a terminal."""

from __future__ import annotations

import json

import pytest
from running import Worker, chain, run

from mimocorb.run.line_limiter import BURST, LINES_PER_S, LineLimiter
from mimocorb.run.run_log import RunLog
from mimocorb.run.workers.worker_link import Message, printable

GARBAGE = {
    "cleared screen": ("\x1b[2J\x1b[Htext", "text"),
    "title": ("\x1b]0;title\x07text", "text"),
    "title with another end": ("\x1b]0;title\x1b\\text", "text"),
    "device control string": ("\x1bP1$r0m\x1b\\text", "text"),
    "character set": ("\x1b(0text", "text"),
    "sequence of 8 bits": ("\x9b31mtext", "text"),
    "half a sequence": ("text\x1b", "text\N{REPLACEMENT CHARACTER}"),
    "control of 8 bits": ("te\x85xt", "te\N{REPLACEMENT CHARACTER}xt"),
    "other direction": ("te\u202ext", "te\N{REPLACEMENT CHARACTER}xt"),
    "other line end": ("te\u2028xt", "te\N{REPLACEMENT CHARACTER}xt"),
    "any language": ("µ ü 漢 ✓\tend\nnext", "µ ü 漢 ✓\tend\nnext"),
}


@pytest.mark.parametrize(("said", "shown"), GARBAGE.values(), ids=GARBAGE)
def test_nothing_that_acts_on_a_terminal_is_left(said, shown):
    assert printable(said) == shown


def test_messages_are_cleaned_as_printed_lines_are():
    fields = {"kind": "failed", "text": "\x1b[2Jouch", "detail": "Trace\nback\x1b[31m"}
    message = Message.parse(json.dumps(fields))
    assert (message.text, message.detail) == ("ouch", "Trace\nback")


def test_a_flood_passes_in_part_and_the_rest_is_counted():
    gate = LineLimiter()
    passed = [gate.lets_pass(("a",), 0.0) for _ in range(1_000)]
    assert sum(passed) == BURST
    assert all(passed[:BURST])
    assert list(gate.held_back(0.0)) == []
    assert sum(gate.lets_pass(("a",), 0.5) for _ in range(1_000)) == LINES_PER_S / 2
    assert gate.lets_pass(("b",), 0.5)
    assert list(gate.held_back(2.0)) == [(("a",), 2_000 - BURST - LINES_PER_S / 2)]
    assert list(gate.held_back(2.0)) == []


def test_of_a_flood_displays_get_a_part_and_the_files_everything(tmp_path):
    log, heard = RunLog(), []
    log.write_to(tmp_path)
    log.listeners.append(heard.append)
    for number in range(1_000):
        log.add_said("INFO", "source", f"line {number}")
    log.add_said("WARNING", "source", "of another level")
    log.add("ERROR", "mimocorb", "of the run itself")
    log.close()
    shown = [line.text for line in heard]
    assert len(shown) < 200
    assert shown[BURST - 1] == f"line {BURST - 1}"
    assert {"of another level", "of the run itself"} < set(shown)
    left_out = 1_000 - sum(text.startswith("line") for text in shown)
    assert shown[-1] == f"… {left_out} more lines, see log.txt"
    for name in ("log.txt", "log.jsonl"):
        text = (tmp_path / name).read_text()
        assert text.count("\n") == 1_002
        assert "more lines" not in text


def test_a_log_has_a_limit_for_what_workers_say_but_not_for_what_the_run_says(tmp_path):
    log = RunLog(limit_bytes=10_000)
    log.write_to(tmp_path)
    for number in range(1_000):
        log.add_said("INFO", "source", f"line {number}")
    log.add("ERROR", "source", "Traceback")
    log.close()
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    texts = [entry["text"] for entry in entries]
    assert texts[-2].startswith("the log has reached 0 MB: what workers say is not written")
    assert texts[-1] == "Traceback"
    assert log.cut_off == 1_000 - (len(texts) - 2) > 0
    assert (tmp_path / "log.jsonl").stat().st_size < 11_000


def test_whatever_a_user_function_prints_comes_out_as_text(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # it would work upon C as well
    finished = run(chain(tmp_path, source=Worker("garbles", {"RB_1": "write"})))
    assert finished.code == 1
    for text in (
        "INFO    source garbles: first half, second half",
        "INFO    source garbles: from C at once",
        "INFO    source garbles: cleared",
        "INFO    source garbles: \\xff\N{REPLACEMENT CHARACTER} bytes",
        "INFO    source garbles: 100 %",
        "WARNING source garbles: driver: two\n    lines",
        "INFO    source garbles: from C at the end",
    ):
        assert f" {text}\n" in finished.log
    for place in (finished.log, finished.text, finished.directory.joinpath("run.json").read_text()):
        assert "the end" in place
        assert "\x1b" not in place
    assert finished.log.index("from C at once") < finished.log.index("cleared")
