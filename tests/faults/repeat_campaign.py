"""Kill filters and sinks of runs at random and look for events that are lost or twice in the files.

``python tests/faults/repeat_campaign.py --kills 300`` runs one source, a filter of two processes
with two outputs, and three sinks, a text file, an archive of Parquet files and a recording by two
processes, with small buffers that are full most of the time. It prints the figures and exits with
code 0 if every event is in all files, or set aside, and none is there twice without a mark; and if
the recording has exactly the events that were acknowledged, each once. It also measures the time
for which a killed filter can leave repeats: from the first publication of a batch to its
acknowledgement.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import operator
import os
import random
import signal
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml

import mimocorb
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.setup_dict import SetupDict
from mimocorb.buffers.writer import Writer
from mimocorb.components.roles.filter import Filter
from mimocorb.recording.text import REPEAT_MARK
from mimocorb.run.exactly_once import differences_from_the_ledger
from mimocorb.run.options import RunOptions
from mimocorb.run.record.summary import RunSummary
from mimocorb.run.run import Run
from mimocorb.run.run_state import Command, RunState
from mimocorb.setup.dialects import read_setup

__all__ = ["Report", "measure_window_s", "run_campaign"]

FUNCTIONS = """
import mimocorb as mc


@mc.source
def numbers():
    number = 0
    while True:
        yield {"number": float(number)}
        number += 1


@mc.filter
def both(event):
    return {"a": {"number": event["number"][0]}, "b": True}
"""
LONGEST_KILLING_S = 600.0
KILLS_IN_A_RUN = 30
"""The pause before a new process doubles with each."""

Row = tuple[int, bool]
"""Counter of an event, and whether it is marked."""


@dataclass(frozen=True)
class Report:
    """Figures of a campaign.

    Attributes
    ----------
    kills
        SIGKILLs.
    published
        Events that the source has published.
    set_aside
        Events that were in the hands of killed processes too often, in all buffers.
    lost
        Events that are missing in one of the files although nothing was set aside.
    marked, repeats, unmarked
        Rows that carry a mark; rows that are in a file for the second time or more; those of them
        that are there without a mark twice.
    failures
        Of the run, without those that tell of events set aside; and what is wrong with the
        recording by its own words and by the ledger.
    """

    kills: int = 0
    published: int = 0
    set_aside: int = 0
    lost: int = 0
    marked: int = 0
    repeats: int = 0
    unmarked: int = 0
    failures: tuple[str, ...] = ()

    def __add__(self, other: Report) -> Report:
        return Report(*map(operator.add, astuple(self), astuple(other)))

    @property
    def faultless(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.unmarked or self.failures)

    def __str__(self) -> str:
        failures = "".join(f"\n  {text}" for text in self.failures)
        return (
            f"{self.kills} SIGKILLs, {self.published} events, {self.set_aside} set aside: "
            f"lost {self.lost}, repeats in files {self.repeats}, unmarked repeats in files "
            f"{self.unmarked} ({self.marked} rows are marked){failures}"
        )


def run_campaign(kills: int, seed: int, place: Path, interval_s: float = 0.05) -> Report:
    """Run one campaign in a directory; returns the figures, whatever they are."""
    restart = {"action": "restart", "limit": 10 * kills, "backoff_s": 0.001}
    form = {"slot_count": 8, "data_length": 1, "data_dtype": {"number": "float64"}}
    functions = {"file": "functions.py"}
    (place / "functions.py").write_text(FUNCTIONS)
    sinks = {"sink_a": ("text", "a"), "sink_b": ("parquet_tar", "b"), "sink_c": ("record", "a")}
    workers: dict[str, Any] = {
        "numbers": {**functions, "function": "numbers", "sinks": ["raw"]},
        "both": {
            **functions,
            "function": "both",
            "sources": ["raw"],
            "sinks": ["a", "b"],
            "number_of_processes": 2,
            "on_failure": restart,
        },
    }
    for name, (function, buffer) in sinks.items():
        keys = {"sources": [buffer], "config": {"filename": name[-1]}, "on_failure": restart}
        workers[name] = {"function": function, **keys}
    workers["sink_c"]["number_of_processes"] = 2
    setup = {"Buffers": dict.fromkeys(("raw", "a", "b"), form), "Workers": workers}
    path = place / "setup.yaml"
    path.write_text(yaml.safe_dump(setup))
    with Run(read_setup(path), RunOptions(verbose=0)) as run:
        run.prepare()
        killer = _Killer(run, kills, seed, interval_s)
        killer.start()
        run.execute()
        killer.join()
        return _examine(run.finish(), killer.done)


class _Killer(threading.Thread):
    """Kills processes of the filter and of the sinks, then asks the run to stop."""

    def __init__(self, run: Run, kills: int, seed: int, interval_s: float) -> None:
        super().__init__(daemon=True)
        self.done = 0
        self._supervisor = run.supervisor
        self._kills = kills
        self._dice = random.Random(seed)
        self._interval_s = interval_s

    def run(self) -> None:
        until_s = time.monotonic() + LONGEST_KILLING_S
        while self.done < self._kills and time.monotonic() < until_s:
            time.sleep(self._dice.uniform(0, 2 * self._interval_s))
            if self._supervisor.state is RunState.RUNNING:
                self._kill_one()
        self._supervisor.post(Command.STOP, "the campaign")

    def _kill_one(self) -> None:
        victims = [p for f in self._supervisor.functions if f.spec.reads for p in f.alive if p.pid]
        if victims:
            pid = self._dice.choice(victims).pid
            assert pid is not None
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.done += 1


def _examine(summary: RunSummary, kills: int) -> Report:
    buffers = {buffer.name: buffer for buffer in summary.view.buffers}
    set_aside = {n: sum(g.quarantined for g in b.groups) for n, b in buffers.items()}
    published = buffers["raw"].published
    rows = [
        ("a", list(_rows(summary.directory))),
        ("b", list(_members(summary.directory))),
        ("a", list(_recorded(summary.directory))),
    ]
    lost = repeats = unmarked = 0
    for name, found in rows:
        missing = published - len({counter for counter, _ in found})
        lost += max(0, missing - set_aside["raw"] - set_aside[name])
        repeats += len(found) - len({counter for counter, _ in found})
        without = Counter(counter for counter, is_marked in found if not is_marked)
        unmarked += sum(number - 1 for number in without.values())
    return Report(
        kills=kills,
        published=published,
        set_aside=sum(set_aside.values()),
        lost=lost,
        marked=sum(is_marked for _, found in rows for _, is_marked in found),
        repeats=repeats,
        unmarked=unmarked,
        failures=(
            *(text for text in summary.failures if "set aside" not in text),
            *_wrong_with_the_recording(summary.directory),
        ),
    )


def _rows(directory: Path) -> Iterable[Row]:
    for path in directory.glob("a*.txt"):
        for line in path.read_text().splitlines()[1:]:
            yield int(line.split("\t")[0]), line.endswith(REPEAT_MARK)


def _members(directory: Path) -> Iterable[Row]:
    for path in directory.glob("b*.tar"):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                assert file is not None
                metadata = pq.read_schema(io.BytesIO(file.read())).metadata
                yield int(metadata[b"counter"]), b"may_repeat" in metadata


def _recorded(directory: Path) -> Iterable[Row]:
    with mimocorb.open(directory / "c") as events:
        metadata = events.metadata
        marks = np.zeros(len(events), bool) if metadata.may_repeat is None else metadata.may_repeat
        yield from zip(metadata.counter.tolist(), marks.tolist(), strict=True)


def _wrong_with_the_recording(directory: Path) -> Iterable[str]:
    with mimocorb.open(directory / "c") as events:
        yield from events.damage()
        yield from differences_from_the_ledger(events)


def measure_window_s(events: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how long it takes from the first publication of a batch to its acknowledgement."""
    form = np.dtype([("number", "float64")])
    with (
        NewBuffer(256, 1, form, name="raw") as raw,
        NewBuffer(8, 1, form, name="a") as a,
        NewBuffer(8, 1, form, name="b") as b,
    ):
        groups = [buffer.new_reader_group() for buffer in (a, b)]
        source, into = raw.new_reader_group(), raw.new_writer()
        two = Filter(source, [a.new_writer(), b.new_writer()], lambda _: [True, True], "both")
        began_ns, windows_ns = [0], []

        def observed(publish: Any) -> Any:
            def publishing(count: int) -> None:
                began_ns[0] = began_ns[0] or time.perf_counter_ns()
                publish(count)

            return publishing

        def acknowledging(count: int | None = None) -> None:
            acknowledge(count)
            if began_ns[0]:
                windows_ns.append(time.perf_counter_ns() - began_ns[0])
            began_ns[0] = 0

        for writer in two.writers:
            writer.publish_ahead = observed(writer.publish_ahead)  # type: ignore[method-assign]
        acknowledge = two.reader.acknowledge
        two.reader.acknowledge = acknowledging  # type: ignore[method-assign]
        fork = multiprocessing.get_context("fork").Process
        others = [fork(target=_drain, args=(group,)) for group in groups]
        others.append(fork(target=_write, args=(into, events)))
        for process in others:
            process.start()
        two.run()
        for process in others:
            process.join()
        return np.array(windows_ns) * 1e-9


def _drain(group: SetupDict) -> None:
    with Reader(group) as reader:
        for _event in reader:
            pass


def _write(into: SetupDict, events: int) -> None:
    with Writer(into) as writer:
        for number in range(events):
            writer.write([(number,)])


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign from the command line; returns the exit code."""
    parser = argparse.ArgumentParser("python tests/faults/repeat_campaign.py", None, __doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    parser.add_argument("--interval", type=float, default=0.05, help="between two kills, seconds")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    sys.stdout.write(f"seed {seed}\n")
    window_us = 1e6 * measure_window_s(20_000)
    sys.stdout.write(
        f"from the first publication to the acknowledgement: {np.median(window_us):.1f} µs"
        f" (median), {np.percentile(window_us, 99):.1f} µs (99 %)\n"
    )
    report = Report()
    with tempfile.TemporaryDirectory(prefix="repeat-campaign-") as place:
        os.chdir(place)
        while report.kills < chosen.kills:
            number = min(KILLS_IN_A_RUN, chosen.kills - report.kills)
            report += run_campaign(number, seed + report.kills, Path(place), chosen.interval)
    sys.stdout.write(f"{report}\n")
    return 0 if report.faultless else 1


if __name__ == "__main__":
    sys.exit(main())
