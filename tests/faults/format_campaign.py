"""Damage files of every format, and see that nothing wrong is given out without a word.

    python tests/faults/format_campaign.py [--mutations 100000] [--cuts 200] [--flips 200]
                                           [--only NAME ...] [--seed N]

Each damaged file is opened and read by a process beside, which goes from one to the next and is
watched: if it ends, that is a crash; if it needs more than ten seconds of processor time for a
file, or a minute, a hang; and if a file of some kilobytes makes it take a gigabyte of memory, a
fault. Another one then goes on with the next file. What comes out of a file is one of

same
    all events, as they were written;
said
    an error in words of ours, or a list of what is damaged;
wrong
    other events than were written, or fewer, and nothing is said;
fault
    an error that is none of ours: a traceback for the user.

It fails if there is a crash, a hang or a fault; or anything wrong in a format that proves what it
gives out.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import multiprocessing
import os
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Set
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from format_samples import OF_OTHERS, OURS

import mimocorb
from mimocorb.errors import MimocorbError
from mimocorb.recording.formats import formats

HANG_S = 10.0
"""Of processor time, so that other work on the machine makes no hang."""
STANDSTILL_S = 60.0
MEMORY_BYTES = 1 << 30
"""What reading may take beside what the process has taken when it began."""
KINDS = ("cuts", "flips", "mutations")
OUTCOMES = ("same", "said", "wrong", "fault", "crash", "hang")
BAD = ("fault", "crash", "hang")
_VALUES = (0, 0xFF, 0x7F, 0x80, 0x01)
_NUMBERS = (0, 1, -1, 1 << 15, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62)
"""As the lengths and offsets of binary files."""
_UNEXPECTED = re.compile("(what begins as .*|block \\d+|the rest of it) cannot be read")
"""What no reader has thought of is told as well, but in words of the library below."""
_DIGITS = re.compile(rb"\d+")
_WORDS = (
    b"nan", b"-inf", b"1e999", b"-1", b"99999999999", b"9" * 400, b"1,5", b"1_0", b"0x10",
    b"", b"\x00", b"\n", b"\r\n", b"\t", b'"', b"#", b"\xef\xbb\xbf", "٣".encode(),
)  # fmt: skip
"""In the place of numbers in texts."""


def mutated(content: bytes, kind: str, number: int) -> bytes:
    """Return a damaged copy of the content of a file; the same for the same number."""
    if kind == "each":
        kind = KINDS[number % len(KINDS)]
    random = np.random.default_rng([number, len(kind)])
    size = len(content)
    changed = bytearray(content)
    if kind == "cuts":
        return content[: int(random.integers(0, size))]
    if kind == "flips":
        changed[int(random.integers(0, size))] ^= 1 << int(random.integers(0, 8))
        return bytes(changed)
    for _ in range(int(random.integers(1, 4))):
        change(changed, int(random.integers(0, 9)), random)
    return bytes(changed)


def change(changed: bytearray, how: int, random: np.random.Generator) -> None:
    """Damage some bytes in one of nine ways."""
    at = int(random.integers(0, max(1, len(changed))))
    length = int(random.integers(1, 33))
    if how == 0:
        changed[at : at + 1] = bytes([int(random.choice(_VALUES))])
    elif how == 1:
        changed[at : at + length] = random.bytes(length)
    elif how == 2:
        del changed[at : at + length]
    elif how == 3:
        changed[at:at] = random.bytes(length)
    elif how == 4:
        changed[at:at] = changed[at : at + 16 * length]
    elif how == 5:
        changed[at : at + 8] = bytes([int(random.choice(_VALUES))]) * 8
    elif how == 6:
        changed[at : at + 1] = bytes([changed[at] ^ (1 << int(random.integers(0, 8)))])
    elif how == 7:
        value, width = int(random.choice(_NUMBERS)), int(random.choice((2, 4, 8)))
        bits = value % (1 << 8 * width)
        order = "little" if random.integers(0, 4) else "big"
        changed[at : at + width] = bits.to_bytes(width, order)
    elif digits := _DIGITS.search(changed, at, at + 512):
        word = _WORDS[int(random.integers(0, len(_WORDS)))]
        changed[digits.start() : digits.end()] = word


def read_out(path: Path) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Return all events of a file by their metadata, and what is said."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with mimocorb.open(path) as events:
            found = []
            for block in events.blocks():
                rows = [row.tobytes() for row in block.data]
                parts = (block.metadata.counter, block.metadata.timestamp, block.metadata.deadtime)
                numbers = zip(*(part.tolist() for part in parts), strict=True)
                found += list(zip(map(repr, numbers), rows, strict=True))
            said = [*events.damage(), *(str(each.message) for each in told)]
    return found, said


def outcome(path: Path, content: bytes, true: Set[tuple[str, bytes]]) -> str:
    """Return what reading a damaged file comes to."""
    path.write_bytes(content)
    try:
        found, said = read_out(path)
    except MimocorbError as error:
        found, said = [], [str(error)]
    if unexpected := [sentence for sentence in said if _UNEXPECTED.search(sentence)]:
        return f"fault: {unexpected[0]}"
    if true.issuperset(found) and (said or len(found) == len(true)):
        return "said" if said else "same"
    return "said, wrong" if said else "wrong"


def work(path: Path, kind: str, first: int, count: int, pipe: Any) -> None:
    """Read damaged files one after the other; tell each number before and its outcome behind."""
    faulthandler.disable()
    os.nice(5)
    content = path.read_bytes()
    true = frozenset(read_out(path)[0])
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    for number in range(first, count):
        pipe.send((number, ""))
        try:
            found = outcome(path, mutated(content, kind, number), true)
        except Exception:
            found = "fault: " + traceback.format_exc(limit=-3)
        pipe.send((number, found))
    pipe.send((count, "end"))


def answers(ours: Connection, pid: int) -> bool:
    """Wait for the next word of a process; False if it hangs."""
    began_s, used_s = time.monotonic(), processor_s(pid)
    while not ours.poll(1.0):
        if time.monotonic() - began_s > STANDSTILL_S or processor_s(pid) - used_s > HANG_S:
            return False
    return True


def processor_s(pid: int) -> float:
    """Return how much processor time a process has used; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def outcomes(make: Any, kind: str, count: int, seed: int) -> Iterator[tuple[int, str]]:
    """Yield the outcome of each damaged file of a format."""
    context = multiprocessing.get_context("spawn")
    first = seed
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as place:
        whole = make(Path(place))
        content = whole.read_bytes()
        while first < seed + count:
            whole.write_bytes(content)
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=work, args=(whole, kind, first, seed + count, theirs))
            process.start()
            theirs.close()
            number, found = first, ""
            try:
                while found != "end":
                    if not answers(ours, process.pid):
                        found = "hang"
                        process.kill()
                        raise EOFError  # noqa: TRY301 - as when it has ended
                    number, found = ours.recv()
                    if found and found != "end":
                        yield number, found
            except (EOFError, OSError):
                process.join()
                yield number, "hang" if found == "hang" else f"crash: exit {process.exitcode}"
                first = number + 1
                continue
            process.join()
            return


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--only", nargs="*", help="names of formats")
    parser.add_argument("--seed", type=int, default=0, help="the first number")
    chosen = parser.parse_args()
    is_bad = False
    print(
        f"{'format':26} {'damage':10} {'files':>7}  " + "  ".join(f"{each:>6}" for each in OUTCOMES)
    )
    for name, make in itertools.chain(OURS.items(), OF_OTHERS.items()):
        if chosen.only and name not in chosen.only:
            continue
        proves = name in OURS and "prove" not in formats()[name.partition(",")[0]].cannot
        for kind in KINDS:
            count = getattr(chosen, kind)
            seen: Counter[str] = Counter()
            shown = time.monotonic()
            for number, found in outcomes(make, kind, count, chosen.seed):
                short = found.partition(":")[0].partition(",")[0]
                seen[short] += 1
                worse = short in BAD or (proves and found.endswith("wrong"))
                is_bad |= worse
                if worse and seen[short] <= 3:
                    print(f"\n{name}, {kind} {number}: {found}", flush=True)
                if sys.stderr.isatty() and time.monotonic() - shown > 1:
                    shown = time.monotonic()
                    print(
                        f"\r{name} {kind} {sum(seen.values())} of {count}", end="", file=sys.stderr
                    )
            if not count:
                continue
            row = "  ".join(f"{seen[each]:6}" for each in OUTCOMES)
            print(f"{name:26} {kind:10} {count:7}  {row}", flush=True)
    return 1 if is_bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
