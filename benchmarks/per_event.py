"""System calls or instructions per event: exact counts where times are noisy.

python benchmarks/per_event.py system-calls mimocorb_ring:Ring 1-1
python benchmarks/per_event.py instructions calls:one_process x

Runs the cell under strace or callgrind with two numbers of events; what is not per event (imports,
start, end) drops out of the difference. Instructions mean something in one process only: a process
that waits for another one under callgrind counts its waiting.
"""

from __future__ import annotations

import argparse
import collections
import re
import subprocess
import sys
import tempfile
from pathlib import Path

EVENTS = {"system-calls": (20_000, 120_000), "instructions": (2_000, 12_000)}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=EVENTS)
    parser.add_argument("peer", help="as for cell.py")
    parser.add_argument("shape", help="as for cell.py")
    arguments = parser.parse_args()
    count = {"system-calls": system_calls, "instructions": instructions}[arguments.what]
    few, many = EVENTS[arguments.what]
    first, second = (count(arguments.peer, arguments.shape, events) for events in (few, many))
    rates = {name: (n - first[name]) / (many - few) for name, n in second.items()}
    for name, rate in sorted(rates.items(), key=lambda item: -item[1]):
        if rate >= 0.0005:
            print(f"{rate:12.3f} {name}")
    return 0


def cell(peer: str, shape: str, events: int) -> list[str]:
    script = str(Path(__file__).with_name("cell.py"))
    return [sys.executable, script, peer, shape, "--events", str(events)]


def system_calls(peer: str, shape: str, events: int) -> collections.Counter[str]:
    """Count by name; futex by its operation as well."""
    with tempfile.NamedTemporaryFile("r", prefix="system-calls-") as log:
        subprocess.run(
            ["strace", "--follow-forks", "--output", log.name, *cell(peer, shape, events)],
            check=True,
        )
        counts: collections.Counter[str] = collections.Counter()
        for line in log:
            name = re.match(r"\d+ +(\w+)\(", line)
            if name:
                operation = re.search(r"FUTEX_(WAKE|WAIT)", line)
                counts[name[1] + (f" {operation[1].lower()}" if operation else "")] += 1
    return counts


def instructions(peer: str, shape: str, events: int) -> collections.Counter[str]:
    """Count those of all processes together."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         *cell(peer, shape, events)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [int(n.replace(",", "")) for n in re.findall(r"I\s+refs:\s+([\d,]+)", done.stderr)]
    return collections.Counter({"instructions": sum(found)})


if __name__ == "__main__":
    sys.exit(main())
