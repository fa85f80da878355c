"""Damage files at every byte, and cut the power of a run that writes one; count what is silent.

``python tests/faults/damage_campaign.py --flips 2000`` makes a recording and

* cuts it behind each of its bytes, and flips so many of its bits, chosen at random with the seed
  that it prints. A reader has to give every batch that is whole, each event as it was, and to say
  that something is wrong. Damage that it does not notice is *silent* if an event differs or is
  missing;
* takes data for some seconds while every call that brings the file to the disk is noted. At the
  worst moment, just before the next such call has returned, a power cut leaves what the one before
  had to bring. It looks how old the oldest event is that is not in such a file.

The exit code is 0 if nothing is silent and no event is lost that is older than the recording
promises.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import mimocorb
from mimocorb.errors import MimocorbError
from mimocorb.run.options import RunOptions, SupervisorOptions
from mimocorb.run.run import run_setup
from mimocorb.setup.dialects import read_setup

__all__ = ["Damage", "cut_power", "damage_everywhere"]

PROMISED_S = 1.0
"""`sync` of a recording, if nothing else is said: so much may be lost in a power cut."""
FUNCTIONS = """
import time
import numpy as np
import mimocorb as mc

@mc.source
def some(*, events: int, pause_s: float):
    for number in range(events):
        time.sleep(pause_s)
        yield {"number": float(number), "at_s": time.monotonic()}
"""
FORM = {"slot_count": 64, "data_length": 1, "data_dtype": {"number": "f8", "at_s": "f8"}}


@dataclass(frozen=True)
class Damage:
    """What became of damaged files.

    Attributes
    ----------
    tries
        Files that were damaged.
    noticed
        Those of which the reader said so, or which it refused.
    silent
        Those with an event that differs from what was written, or missing without a word.
    given
        The mean part of the events that were read all the same.
    """

    tries: int
    noticed: int
    silent: int
    given: float


def recorded(place: Path, **config: float) -> Path:
    """Record some events in a run; returns the file."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "work.py").write_text(FUNCTIONS)
    workers = {
        "some": {"file": "work.py", "function": "some", "sinks": ["raw"], "config": config},
        "kept": {"function": "record", "sources": ["raw"], "config": {"filename": "kept"}},
    }
    path = place / "setup.yaml"
    path.write_text(yaml.safe_dump({"Buffers": {"raw": FORM}, "Workers": workers}, sort_keys=False))
    setup = read_setup(path, {"output_directory": place / "target"})
    options = RunOptions(verbose=0, supervisor=SupervisorOptions(start_method="fork"))
    summary = run_setup(setup, options)
    assert not summary.failures, summary.failures
    (found,) = summary.directory.glob("kept*.arrows")
    return found


def events_of(path: Path) -> tuple[list[tuple[float, ...]], bool]:
    """Return the events that a reader gives, and whether it says that something is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with mimocorb.open(path) as events:
                blocks = [np.ravel(block.data).tolist() for block in events.blocks()]
                return [event for block in blocks for event in block], bool(events.damage())
        except MimocorbError:
            return [], True


def damage_everywhere(place: Path, flips: int, chance: random.Random, step: int = 1) -> Damage:
    """Cut a recording behind every byte, or every `step`-th one, and flip bits in it."""
    original = recorded(place, events=60, pause_s=0.002)
    content, written = original.read_bytes(), events_of(original)[0]
    assert len(written) == 60
    damaged = place / "damaged.000.arrows"
    tries = noticed = silent = given = 0
    for changed in _changes(content, flips, chance, step):
        damaged.write_bytes(changed)
        found, told = events_of(damaged)
        tries += 1
        noticed += told
        given += len(found)
        differs = not {*found} <= {*written} or len({*found}) < len(found)
        silent += differs or (len(found) < len(written) and not told)
    return Damage(tries, noticed, silent, given / len(written) / max(tries, 1))


def _changes(content: bytes, flips: int, chance: random.Random, step: int) -> Iterator[bytes]:
    for end in range(0, len(content), step):
        yield content[:end]
    for _ in range(flips):
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield bytes(changed)


def cut_power(place: Path, seconds: float) -> tuple[int, float, int]:
    """Take data, and cut the power at the worst moments.

    Returns
    -------
    cuts, oldest_s, lost
        How often it was cut, the age of the oldest event that was lost, and the most that were.
    """
    place.mkdir(parents=True, exist_ok=True)
    log = place / "brought.jsonl"
    real = {name: getattr(os, name) for name in ("fsync", "fdatasync")}

    def noted(bring: Any, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        bring(descriptor)
        name = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        with log.open("a") as file:
            print(json.dumps([name, size, time.monotonic()]), file=file)

    try:
        for name, bring in real.items():
            setattr(os, name, partial(noted, bring))
        original = recorded(place, events=round(seconds / 0.002), pause_s=0.002)
    finally:
        for name, bring in real.items():
            setattr(os, name, bring)
    written, content = events_of(original)[0], original.read_bytes()
    lines = map(json.loads, log.read_text().splitlines())
    calls = [(size, at_s) for name, size, at_s in lines if name.endswith(".arrows")]
    cut = place / "cut.000.arrows"
    oldest_s, most = 0.0, 0
    for (size, _), (_, next_s) in itertools.pairwise(calls):
        cut.write_bytes(content[:size])
        kept = {*events_of(cut)[0]}
        lost = [event for event in written if event not in kept and event[1] < next_s]
        oldest_s = max([oldest_s, *(next_s - event[1] for event in lost)])
        most = max(most, len(lost))
    return max(len(calls) - 1, 0), oldest_s, most


def main() -> int:
    """Run the campaign from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of data with power cuts")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory() as place:
        found = damage_everywhere(Path(place, "a"), chosen.flips, random.Random(chosen.seed))
        print(
            f"{found.tries} damaged files, {found.noticed} told, {found.silent} silent,"
            f" {100 * found.given:.0f} % of their events given"
        )
        cuts, oldest_s, lost = cut_power(Path(place, "b"), chosen.seconds)
        print(f"{cuts} power cuts, the oldest event lost {oldest_s:.2f} s old, at most {lost} lost")
    late = not cuts or oldest_s > PROMISED_S + 1.0  # and what one call takes on a busy disk
    return 1 if found.silent or late else 0


if __name__ == "__main__":
    sys.exit(main())
