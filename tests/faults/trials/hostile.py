"""Data are no programs, directories are no traps, texts of others are shown without their escapes."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np

from trials.terminals import Seat
from trials.trying import Place, eventually, no_traceback, run_directory, trial

TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"
FAILING = """
@sink
def fails(events, *, directory: Path):
    if not os.environ.get("FINE"): raise OSError(5, "Input/output error")
    with open(directory / "rows.txt", "a") as file:
        for event in events: print(event["h"][0], file=file)
"""
ESCAPE = "\x1b]0;owned\x07\x1b[31m"


def spilled(place: Place) -> str:
    """Run a set-up whose sink fails; returns the directory, which has a spill file."""
    place.write(
        "s: {function: numbers, sinks: [raw]}\nf: {function: fails, sources: [raw]}", FAILING
    )
    found = place.run()
    assert found.code == 1
    assert (found.directory / "spill.zip").exists(), found.text
    return str(found.directory)


def with_index(path: str, change: object) -> None:
    """Change the index of a spill file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    index = json.loads(members["index.json"])
    changed = change(index)  # type: ignore[operator]
    members["index.json"] = (
        changed
        if isinstance(changed, bytes)
        else json.dumps(changed if changed is not None else index).encode()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@trial(
    "a spill file names no code: a foreign set-up or setting in it is refused and nothing of it is run"
)
def code_in_spill_files(place: Place) -> None:
    evil = place.path / "elsewhere"
    evil.mkdir(parents=True)
    (evil / "mod.py").write_text(f"open({str(evil / 'ran')!r}, 'w')\n")
    (evil / "s.yaml").write_text(
        "Buffers: {raw: {slot_count: 16, data_length: 1, data_dtype: {h: float64}}}\n"
        "Workers:\n  s: {file: mod.py, function: x, sinks: [raw]}\n  f: {file: mod.py, function: y, sources: [raw]}\n"
    )
    changes = (
        {"setup": str(evil / "s.yaml")},
        {"setup": "../../../elsewhere/s.yaml"},
        {"settings": [f"--set f.file={evil / 'mod.py'}"]},
        {"settings": [f"--set Workers.f.file={evil / 'mod.py'}"]},
        {"settings": ["--set", f"f.file={evil / 'mod.py'}"]},
        {"settings": [f"--data {evil}"]},
    )
    for number, change in enumerate(changes):
        here = Place(place.path / str(number))
        directory = spilled(here)
        with_index(f"{directory}/spill.zip", lambda index, change=change: {**index, **change})
        found = here.command("finish", directory)
        no_traceback(found)
        assert not (evil / "ran").exists(), change
        assert found.code, (change, found.text)


@trial("damaged spill files give one message: index, members, headers, types, links, FIFOs, sizes")
def damaged_spill_files(place: Place) -> None:
    directory = spilled(place)
    good = (place.path / "good.npz").as_posix()
    shutil.copy(f"{directory}/spill.zip", good)

    def group(**more: object) -> object:
        return lambda index: {**index, "groups": [{**index["groups"][0], **more}]}

    changes = [
        lambda index: {**index, "groups": 3},
        lambda _: [],
        lambda _: b"[" * 100_000,
        lambda _: b"\xff\xfe",
        lambda _: b"",
        lambda _: {"groups": []},
        lambda index: {**index, "settings": 3},
        lambda index: {**index, "settings": [1, 2]},
        lambda index: {**index, "setup": 5},
        group(members=3),
        group(members=["nowhere"]),
        group(members=["index.json"]),
        group(members=[]),
        group(events=10**12),
        group(events=-1),
        group(events="many"),
        group(buffer=7),
        group(buffer="other"),
        group(worker="nobody"),
        group(sequences=[1]),
        group(sequences="x"),
        group(sequences=[3, 1]),
    ]
    seen = []
    for number, change in enumerate(changes):
        shutil.copy(good, f"{directory}/spill.zip")
        with_index(f"{directory}/spill.zip", change)
        seen.append((number, place.command("finish", directory, timeout_s=60)))
    with zipfile.ZipFile(good) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(each for each in members if each.endswith(".arrows"))
    evil = io.BytesIO()
    np.save(evil, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    flipped = bytearray(members[name])
    flipped[len(flipped) // 2] ^= 1
    for number, content in enumerate(
        (
            members[name][:50],
            bytes(flipped),
            members[name].replace(b'"events":', b'"events":9'),
            b"\x93NUMPY\x01\x00v\x00" + b"(" * 118,
            pickle.dumps({"a": 1}),
            evil.getvalue(),
            b"",
            members[name][:-3],
        ),
        start=100,
    ):
        with zipfile.ZipFile(f"{directory}/spill.zip", "w") as archive:
            for each, old in members.items():
                archive.writestr(each, content if each == name else old)
        seen.append((number, place.command("finish", directory, timeout_s=60)))
    for number, make in enumerate(
        (
            lambda: os.mkfifo(f"{directory}/spill.zip"),
            lambda: os.symlink("/dev/zero", f"{directory}/spill.zip"),
            lambda: os.mkdir(f"{directory}/spill.zip"),
        ),
        start=200,
    ):
        path = f"{directory}/spill.zip"
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        make()
        seen.append((number, place.command("finish", directory, timeout_s=60)))
    os.rmdir(f"{directory}/spill.zip")
    shutil.copy(good, f"{directory}/spill.zip")
    done = place.path / "done"
    for number, text in enumerate(
        ("{}", "[[", "", "[" * 100_000, "[1]", '[{"worker": 3}]', "null"), start=300
    ):
        with open(f"{directory}/spill_replayed.json", "w") as file:
            file.write(text)
        seen.append((number, place.command("finish", directory, timeout_s=60)))
    for number, found in seen:
        assert "Traceback" not in found.text, (number, found.text[-1500:])
        assert found.code, (number, found.text)
    assert not done.exists()


@trial("four replays of one run at once process its events once")
def replays_at_once(place: Place) -> None:
    directory = spilled(place)
    starts = [place.start("finish", directory, env={**os.environ, "FINE": "1"}) for _ in range(4)]
    told = [start.communicate()[0].decode() for start in starts]
    rows = [
        line for path in place.path.glob("target/*/rows.txt") for line in path.read_text().split()
    ]
    assert sorted(map(float, rows)) == [float(i) for i in range(10)], told


@trial("events of a spill file that may be repeats keep their marks through a replay")
def marks_in_replays(place: Place) -> None:
    code = """
@sink
def fails(events): raise OSError(5, "Input/output error")
@filter
def dies(event, *, directory: Path):
    if event["h"][0] == 5 and not (directory / "died").exists():
        (directory / "died").touch(); os.kill(os.getpid(), 9)
    return True
@sink
def marked(events, metadata, *, directory: Path):
    if not os.environ.get("FINE"): raise OSError(5, "Input/output error")
    with open(directory / "marks.txt", "a") as file:
        for event, mark in zip(events, metadata.may_repeat if metadata.may_repeat is not None else [False] * len(events)):
            print(event["h"][0], bool(mark), file=file)
"""
    place.write(
        """s: {function: numbers, sinks: [raw]}
        f: {function: dies, sources: [raw], sinks: [out], restart: on_failure}
        m: {function: marked, sources: [out]}""",
        code,
    )
    found = place.run()
    assert found.code == 1
    replayed = place.command("finish", str(found.directory), env={**os.environ, "FINE": "1"})
    assert replayed.code == 0, replayed.text
    (path,) = place.path.glob("target/*/marks.txt")
    rows = [line.split() for line in path.read_text().splitlines()]
    assert len(rows) >= 10, rows
    assert {float(value) for value, mark in rows if mark == "True"} >= {5.0}, rows
    assert {float(value) for value, mark in rows if mark == "False"}, rows


@trial("symbolic links in a directory that others may write to are not followed")
def links_in_targets(place: Place) -> None:
    place.write(f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}")
    precious = place.path / "precious"
    precious.write_text("do not touch\n")
    shared = place.path / "shared"
    shared.mkdir()
    for name in (".last_run_number",):
        for make in (
            lambda path: path.symlink_to(precious),
            os.mkfifo,
            lambda path: path.mkdir(),
            lambda path: path.symlink_to(path.name),
            lambda path: path.write_bytes(b"\xff\x00garbage"),
        ):
            path = shared / name
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            elif path.is_symlink() or path.exists():
                path.unlink()
            make(path)
            found = place.command(
                "run", "--lines", "--output", str(shared), "setup.yaml", timeout_s=60
            )
            no_traceback(found)
            assert precious.read_text() == "do not touch\n"


@trial(
    "a set-up dictionary that has been changed is refused when a buffer is attached: no crash, no huge memory"
)
def changed_dictionaries(place: Place) -> None:
    place.path.mkdir(parents=True, exist_ok=True)
    text = place.python(
        """
import numpy as np, resource
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer, Observer
from mimocorb.errors import MimocorbError
b = NewBuffer(8, 4, [("a", "f8"), ("b", "i4")])
w = Writer(b.new_writer()); w.write([1.0, 2] if False else np.zeros(4, [("a", "f8"), ("b", "i4")]))
CHANGES = [
    {"dtype": np.dtype(object)}, {"dtype": np.dtype([("a", "i8"), ("b", "i4")])}, {"dtype": np.dtype([("a", "f8"), ("b", "f4")])},
    {"dtype": np.dtype([("x", "f8"), ("b", "i4")])}, {"dtype": np.dtype("S12")}, {"dtype": np.dtype("V12")}, {"dtype": "f8"}, {"dtype": 3}, {"dtype": None},
    {"dtype": [("a", "O"), ("b", "i4")]}, {"dtype": np.dtype([("a", "u8"), ("b", "u4")])}, {"dtype": np.dtype([("b", "i4"), ("a", "f8")])},
    {"number_of_slots": 10**9}, {"number_of_slots": -1}, {"number_of_slots": "8"}, {"number_of_slots": 4}, {"number_of_slots": None},
    {"values_per_slot": 10**9}, {"values_per_slot": 2}, {"values_per_slot": 0}, {"values_per_slot": None}, {"address": 3}, {"address": None}, {"token": "x"}, {"token": None}, {"token": -1},
    {"slot": 99}, {"handle": 99},
]
wrong = []
for kind, make in ((Reader, b.new_reader_group), (Writer, b.new_writer), (Observer, b.new_observer)):
    good = make()
    for change in CHANGES:
        if not set(change) <= set(good): continue
        try:
            handle = kind({**good, **change})
        except MimocorbError: continue
        except BaseException as error: wrong.append(f"{kind.__name__} {change}: {type(error).__name__} {error}"); continue
        wrong.append(f"{kind.__name__} {change}: taken")
    for missing in list(set(good) - {"first_sequence", "first_counter"}):
        try: kind({key: value for key, value in good.items() if key != missing})
        except MimocorbError: continue
        except BaseException as error: wrong.append(f"{kind.__name__} without {missing}: {type(error).__name__} {error}")
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 400_000
assert not wrong, "\\n".join(wrong)
""",
    )
    assert not text, text


@trial("control characters in records, logs, names and reasons of others reach no terminal")
def escapes(place: Place) -> None:
    code = f"""
E = {ESCAPE!r}
@filter
def rejects(event):
    print(E + "printed")
    report(**{{E + "key": 1.0}}); report(other=2.0)
    import logging; logging.getLogger(__name__).warning(E + "logged")
    if event["h"][0] > 5: raise ValueError(E + "raised")
    return Reject(E + "reason")
"""
    place.write(
        """s: {function: numbers, sinks: [raw], config: {events: 8}}
        f: {function: rejects, sources: [raw], sinks: [out], restart: on_failure}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
    )
    seat = Seat(place, "run", "setup.yaml")
    seat.until(lambda: seat.process.poll() is not None)
    assert b"owned\x07" not in seat.shown and b"\x1b]0;owned" not in seat.shown, (
        "the live view passes escapes on"
    )
    shutil.rmtree(place.path / "target", ignore_errors=True)
    found = place.run()
    assert "\x1b" not in found.text, re.findall(r".{40}\x1b.{40}", found.text)
    record = found.directory / "run.json"
    for command in (("runs",), ("runs", "1"), ("runs", "--json"), ("status", str(found.directory))):
        shown = place.command(*command)
        assert "\x1b" not in shown.text, (command, re.findall(r".{0,40}\x1b.{0,40}", shown.text))
    foreign = json.loads(record.read_text())

    def spoiled(value: object) -> object:
        if isinstance(value, dict):
            return {f"{key}": spoiled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [spoiled(each) for each in value]
        return (
            ESCAPE + value if isinstance(value, str) and not re.match(r"\d{4}-", value) else value
        )

    for key in foreign:
        record.write_text(json.dumps({**foreign, key: spoiled(foreign[key])}))
        for command in (("runs",), ("runs", "1"), ("runs", "--json")):
            shown = place.command(*command)
            assert "Traceback" not in shown.text, (key, shown.text)
            assert "\x1b" not in shown.text, (key, command)


@trial(
    "reject reasons, messages and results with escapes reach status, --watch and connect() without them"
)
def escapes_in_live_views(place: Place) -> None:
    code = f"""
E = {ESCAPE!r}
@filter
def rejects(event):
    report(**{{E + "key": 1.0}})
    return Reject(E + "reason")
"""
    place.write(
        """s: {function: numbers, sinks: [raw], config: {events: 100000, pause_s: 0.02}}
        f: {function: rejects, sources: [raw], sinks: [out]}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
    )
    seat = Seat(place, "run", "setup.yaml")
    directory = run_directory(place.path)
    eventually((directory / "control.json").exists)
    seat.until(lambda: b"reason" in seat.shown or len(seat.shown) > 30_000)
    for command in (("status", str(directory)), ("status", "--json", str(directory))):
        shown = place.command(*command)
        assert "\x1b" not in shown.text, (command, shown.text)
    watching = Seat(place, "status", "--watch", str(directory))
    watching.until(lambda: len(watching.shown) > 3000)
    seat.read()
    assert b"owned\x07" not in watching.shown, "status --watch passes escapes on"
    assert b"owned\x07" not in seat.shown, "the live view passes escapes on"
    place.command("stop", str(directory))
    seat.until(lambda: seat.process.poll() is not None)
    os.kill(watching.process.pid, signal.SIGKILL) if watching.process.poll() is None else None


@trial("copies and pickles of handles are refused with what to do, and close nothing")
def copied_handles(place: Place) -> None:
    place.path.mkdir(parents=True, exist_ok=True)
    place.python(
        """
import copy, gc, pickle
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer, Observer
b = NewBuffer(8, 1, "f8"); w = Writer(b.new_writer()); r = Reader(b.new_reader_group()); o = Observer(b.new_observer())
for handle, word in ((w, "new_writer"), (r, "new_reader_group"), (o, "new_observer"), (b, "new_")):
    for do in (copy.copy, copy.deepcopy, pickle.dumps):
        try: do(handle)
        except Exception as error: assert word in str(error), error
        else: raise SystemExit(f"{do} of {handle}")
gc.collect(); w.write([1.0]); assert r.get()[0] == 1.0; b.close(); b.close()
"""
    )


@trial("directories and files that may not be read are refused in one line, by every command")
def unreadable(place: Place) -> None:
    place.write(f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}")
    found = place.run().complete()
    directory = str(found.directory)
    os.chmod(place.path, 0o755)
    locked = place.path / "locked"
    locked.mkdir()
    for name, source in (("target", place.path / "target"),):
        shutil.copytree(source, locked / name)
    os.chmod(locked, 0o700)
    if os.getuid():
        os.chmod(locked, 0o000)
    commands = (
        ("status", str(locked / "target")),
        ("stop", str(locked / "target")),
        ("pause", str(locked / "target")),
        ("runs", "--output", str(locked / "target")),
        ("runs", str(locked / "target")),
        ("describe", str(locked / "x.py:f")),
        ("check", str(locked / "setup.yaml")),
        ("finish", str(locked / "target")),
    )
    for command in commands:
        program = f"""
import os, sys
os.chdir({str(place.path)!r})
from mimocorb.cli import main
if not os.getuid():
    try: main({list(command)!r})  # what it needs is imported while Python can be read
    except SystemExit: pass
    os.setgid(65534); os.setuid(65534)
sys.exit(main({list(command)!r}))
"""
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=False, timeout=60
        )
        text = (done.stdout + done.stderr).decode()
        assert "Traceback" not in text, (command, text)
        assert done.returncode, (command, text)
    os.chmod(locked, 0o755)
    assert directory


@trial("a lost or spoiled run directory ends the run told, without harm to the targets of links")
def spoiled_directories(place: Place) -> None:
    victim = place.path / "victim"
    for number, spoil in enumerate(
        (
            shutil.rmtree,
            lambda d: ((d / "run.json").unlink(), (d / "run.json").mkdir()),
            lambda d: ((d / "log.txt").unlink(), (d / "log.txt").symlink_to(victim)),
            lambda d: (d / "control.json").unlink(),
        )
    ):
        here = Place(place.path / str(number))
        here.write(
            f"s: {{function: numbers, sinks: [raw], config: {{events: 100, pause_s: 0.03}}}}\n{TABLE}"
        )
        victim.write_text("whole")
        process = here.start("run", "--lines", "setup.yaml")
        directory = run_directory(here.path)
        eventually((directory / "control.json").exists)
        time.sleep(0.5)
        spoil(directory)
        text, _ = process.communicate(timeout=120)
        assert victim.read_text() == "whole"
        assert b"Traceback" not in text, text.decode()
