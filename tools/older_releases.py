"""Run every example of mimoCoRB and mimoCoRB2, unchanged, and say how each fares.

    python tools/older_releases.py mimoCoRB mimoCoRB2 [--real PYTHON] [--only v1.0.2]

The first two are clones of https://github.com/GuenterQuast/mimoCoRB and
https://github.com/JulianBaader/mimoCoRB2, with or without a work tree; nothing of them is changed.
mimocorb is that of the interpreter that runs this script: run it once more with one that has NumPy
1 for what needs it (``pip install '.[older]'``). One line is printed for each example.

With ``--real``, an interpreter that has ``mimocorb==1.0.2`` (and NumPy 1, pandas, PyYAML, SciPy,
matplotlib), examples of that release run there as well, with the same random numbers and without
windows: the numbers of the events that both have must be the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

EVENTS = 300
SECONDS = 20
TIMEOUT_S = 240
SEEDING = "    import numpy as _np\n    _np.random.seed(1)\n"
RELEASE = """
import runpy, sys
import matplotlib
matplotlib.use("agg")
matplotlib.use = lambda *_, **__: None  # the release asks for a window system as soon as imported
sys.argv = [{program!r}, {setup!r}]
runpy.run_path({program!r}, run_name="__main__")
"""


@dataclass(frozen=True)
class Example:
    """One set-up of one version.

    Parameters
    ----------
    version
        The commit or tag.
    setup
        The set-up file in the repository.
    seeded
        The module of its source, if the numbers can be compared with those of release 1.0.2.
    start
        Where the program is started, if not beside the set-up.
    note
        What is known of it.
    program
        The program of the version that starts it; that of mimocorb if not given.
    """

    version: str
    setup: str
    seeded: str = ""
    start: str = ""
    note: str = ""
    program: str = ""


MIMOCORB = (
    Example("bb16c93", "examples/simultest_setup.yaml"),
    Example("bb16c93", "examples/simultest_setup.yaml", program="run_daq.py"),
    Example("v1.0.0", "examples/simulsource_setup.yaml"),
    Example("v1.0.0", "examples/simul_spin_setup.yaml", note="names files that the tag lacks"),
    Example("v1.0.1", "examples/simulsource_setup.yaml"),
    Example("v1.0.1", "examples/simul_spin_setup.yaml"),
    Example("v1.0.2", "examples/demo_setup.yaml"),
    Example("v1.0.2", "examples/lifetime_setup.yaml", seeded="modules/simul_source.py"),
    Example("v1.0.2", "examples/spin_setup.yaml", seeded="modules/simul_source.py"),
)
MIMOCORB2 = (
    Example("354a29d", "examples/simple/setup.yaml"),
    Example("354a29d", "examples/muon/spin_setup.yaml"),
    Example("354a29d", "examples/redpitaya-spectroscopy/setup.yaml"),
    Example("354a29d", "examples/mimo_files/write_setup.yaml", note="names files that have moved"),
    Example("354a29d", "examples/mimo_files/read_setup.yaml", note="names files that have moved"),
    Example("8339fef", "examples/simple/setup.yaml"),
    Example("8339fef", "examples/muon/spin_setup.yaml"),
    Example("8339fef", "examples/redpitaya-spectroscopy/setup.yaml"),
    Example("8339fef", "examples/mimo_files/write_setup.yaml"),
    Example(
        "8339fef",
        "examples/mimo_files/read_setup.yaml",
        start=".",
    ),
)


def main() -> int:
    """Run the examples; returns 1 if the numbers of one differ from those of the release."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("mimocorb", type=Path, help="clone of GuenterQuast/mimoCoRB")
    parser.add_argument("mimocorb2", type=Path, help="clone of JulianBaader/mimoCoRB2")
    parser.add_argument("--real", type=Path, help="interpreter that has mimocorb==1.0.2")
    parser.add_argument("--only", default="", help="the examples with this in version or path")
    chosen = parser.parse_args()
    print(f"NumPy {np.__version__}, {sys.executable}", file=sys.stderr)
    print("| version | example | check | run | exit code | events | files | release |")
    print("|---|---|---|---|---|---|---|---|")
    all_equal = True
    with tempfile.TemporaryDirectory() as work:
        for clone, examples in ((chosen.mimocorb, MIMOCORB), (chosen.mimocorb2, MIMOCORB2)):
            for example in examples:
                if chosen.only not in f"{example.version} {example.setup}":
                    continue
                place = Path(work, example.version)
                if not place.exists():
                    export(clone, example.version, place)
                if example.start:
                    write_mimo_file(place)
                name = example.setup.removeprefix("examples/")
                by = f", by its own `{example.program}`" if example.program else ""
                told = [f"| {example.version} | `{name}`{by}"]
                told += by_its_program(example, place) if by else outcome(example, place)
                compared = "–"
                if chosen.real and example.seeded:
                    compared, equal = comparison(example, place, chosen.real)
                    all_equal = all_equal and equal
                print(" | ".join([*told, compared]), "|", flush=True)
    return 0 if all_equal else 1


def export(clone: Path, version: str, place: Path) -> None:
    """Write the files of a version; those that a partial clone does not have are left out."""
    listing = git(clone, "ls-tree", "-r", "--name-only", "-z", version).decode().split("\0")
    for name in filter(None, listing):
        if Path(name).parts[0] in ("examples", "run_daq.py"):
            content = git(clone, "cat-file", "blob", f"{version}:{name}", may_fail=True)
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def write_mimo_file(place: Path) -> None:
    """Write what an example reads and its repository does not have: the events of the one before.

    In the format of mimoCoRB2: a pickled description, then data and metadata of each event.
    """
    from mimocorb.recording.read_archive import archived_events

    recorded = sorted(place.glob("output/mimo_files/write_setup/*/waveform_buffer.tar"))
    if not recorded:
        return
    dtype = np.dtype([(name, "f4") for name in ("chA", "chB", "chC", "chD")])
    metadata_dtype = np.dtype([("counter", "i8"), ("timestamp", "f8"), ("deadtime", "f8")])
    about = {"version": 1, "header": "This is a mimoCoRB file", "metadata_length": 1}
    about |= {"data_dtype": dtype, "data_length": 4250, "metadata_dtype": metadata_dtype}
    with (place / "examples" / "mimo_files" / "waveform_buffer.mimo").open("wb") as file:
        pickle.dump(about, file)
        for event in archived_events(recorded[-1]):
            data = np.empty(4250, dtype)
            for name, values in event.data.items():
                data[name] = values
            file.write(data.tobytes())
            told = tuple(event.metadata[name] for name in metadata_dtype.names)
            file.write(np.array([told], metadata_dtype).tobytes())


def git(clone: Path, *command: str, may_fail: bool = False) -> bytes:
    """Return what git prints."""
    asked = ["git", "-C", str(clone), *command]
    done = subprocess.run(asked, capture_output=True, check=False)
    if done.returncode and not may_fail:
        sys.exit(f"{' '.join(asked)}: {done.stderr.decode().strip()}")
    return done.stdout


def ours(*command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line of mimocorb."""
    called = f"import sys; from mimocorb.cli import main; sys.exit(main({list(command)!r}))"
    return started([sys.executable, "-c", called], directory)


def started(
    command: Sequence[str], directory: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        return subprocess.run(
            command,
            cwd=directory,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(list(command), -1, "", f"not over after {TIMEOUT_S} s")


def outcome(example: Example, place: Path) -> Iterator[str]:
    """Yield the columns of one example."""
    setup = place / example.setup
    directory = place / example.start if example.start else setup.parent
    name = os.path.relpath(setup, directory)
    checked = ours("check", name, directory=directory)
    yield "green" if checked.returncode == 0 else first_error(checked.stdout + checked.stderr)
    limits = ["--events", str(EVENTS), "--time", str(SECONDS)]
    output = place / "output" / setup.parent.name / setup.stem
    ran = ours("run", "--quiet", *limits, "--output", str(output), name, directory=directory)
    runs = sorted(output.glob("*/run.json"))
    if not runs:
        yield f"not started{': ' + example.note if example.note else ''}"
        yield str(ran.returncode)
        yield from ("–", "–")
        return
    record = json.loads(runs[-1].read_text())
    result = record.get("result") or {}
    yield "complete" if ran.returncode == 0 else first_error(ran.stdout + ran.stderr)
    yield str(ran.returncode)
    buffers = result.get("buffers", [])
    yield ", ".join(f"{each['name']} {each['published']}" for each in buffers)
    yield ", ".join(data_files(runs[-1].parent, record))


def by_its_program(example: Example, place: Path) -> Iterator[str]:
    """Yield the columns of one example, started by the program of its version."""
    setup = place / example.setup
    checked = ours("check", setup.name, directory=setup.parent)
    yield "green" if checked.returncode == 0 else first_error(checked.stdout + checked.stderr)
    before = {*setup.parent.glob("target/*")}
    program = [sys.executable, str(place / example.program), setup.name]
    ran = started(program, setup.parent, stdin="\n\n\n")
    yield "to its end" if ran.returncode == 0 else first_error(ran.stdout + ran.stderr)
    yield str(ran.returncode)
    counts = re.findall(r"(RB_\d+) +\d+ \((\d+)\)", ran.stdout)
    yield ", ".join(f"{name} {count}" for name, count in dict(counts).items())
    for directory in {*setup.parent.glob("target/*")} - before:
        names = sorted(path.name for path in directory.iterdir() if path.suffix in (".txt", ".tar"))
        yield ", ".join(f"`{name}`" for name in names)
        return
    yield "–"


def data_files(run: Path, record: dict) -> list[str]:
    """Return the names of what workers wrote, without what every run has."""
    copies = {each["path"] for each in record["files"]}
    own = {"run.json", "log.txt", "log.jsonl", "summary.txt"}
    found = (str(path.relative_to(run)) for path in sorted(run.rglob("*")) if path.is_file())
    return [f"`{name}`" for name in found if name not in copies | own]


def first_error(text: str) -> str:
    """Return what went wrong, in one line of a table."""
    lines = [line.strip() for line in text.splitlines()]
    wrong = [line for line in lines if "Error" in line or "error:" in line]
    wrong = wrong or [line for line in lines if "failed" in line] or lines[-1:]
    return (wrong[0] if wrong else "failed").replace("|", "/")[:140]


def comparison(example: Example, place: Path, real: Path) -> tuple[str, bool]:
    """Run an example here and with the release, with equal random numbers; compare the rows."""
    tables = []
    for who in ("here", "release"):
        copy = place / f"compared_{who}_{Path(example.setup).stem}"
        subprocess.run(["cp", "-r", str(place / "examples"), str(copy)], check=True)
        source = copy / example.seeded
        text = source.read_text()
        source.write_text(text.replace("    def yield_data", f"{SEEDING}    def yield_data"))
        for config in copy.glob("config/*.yaml"):
            limited = re.sub(r"(runevents: (?:&\w+ )?)\d+", rf"\g<1>{EVENTS}", config.read_text())
            config.write_text(limited)
        setup = copy / Path(example.setup).name
        without_windows(setup)
        if who == "here":
            ran = ours("run", "--quiet", "--events", str(EVENTS), setup.name, directory=copy)
            if ran.returncode:
                return f"not compared: {first_error(ran.stderr)}", False
        else:
            program = RELEASE.format(program=str(place / "run_daq.py"), setup=setup.name)
            started([str(real), "-c", program], copy, stdin="\n\n\n")
        tables.append({path.name: rows(path) for path in sorted(copy.glob("target/*/*.txt"))})
    return compared(*tables)


def without_windows(setup: Path) -> None:
    """Leave out displays, which the release cannot open without a window system."""
    content = yaml.safe_load(setup.read_text())
    content |= {"GUI_control": False, "KBD_control": False}
    functions = content["Functions"]
    kept = [each for each in functions if "plot" not in str(each)]
    main, *workers = kept
    content["Functions"] = [
        main,
        *({f"Fkt_{i}": next(iter(each.values()))} for i, each in enumerate(workers, start=1)),
    ]
    setup.write_text(yaml.safe_dump(content, sort_keys=False))


def rows(path: Path) -> dict[int, dict[str, float]]:
    """Return the rows of a text file by the number of the event, without time and dead time.

    Empty if it has no such table: it is a log.
    """
    with path.open(newline="") as file:
        lines = list(csv.reader(file, delimiter="\t"))
    if not lines or len(lines[0]) < 4:
        return {}
    names = lines[0][3:]
    return {int(line[0]): dict(zip(names, map(float, line[3:]), strict=True)) for line in lines[1:]}


def compared(here: dict, release: dict) -> tuple[str, bool]:
    """Compare the tables of both; the release counts from 1."""
    number, different = 0, 0
    for name, table in here.items():
        of_release = {counter - 1: row for counter, row in release.get(name, {}).items()}
        last = min(max(table, default=-1), max(of_release, default=-1))
        for counter in sorted(each for each in {*table, *of_release} if each <= last):
            number += 1
            different += not equal(table.get(counter), of_release.get(counter))
    if not number:
        return "nothing to compare", False
    return (
        f"{number} rows, {different} different" if different else f"{number} rows, equal"
    ), not different


def equal(one: dict[str, float] | None, other: dict[str, float] | None) -> bool:
    """Whether two rows have the same numbers of the event."""
    if one is None or other is None or one.keys() != other.keys():
        return False
    return all(abs(one[name] - other[name]) <= 1e-6 * max(1.0, abs(other[name])) for name in one)


if __name__ == "__main__":
    sys.exit(main())
