"""Complete and clean, and so it is: files of users, threads, kills, full disks, final work."""

from __future__ import annotations

import os
import signal
import tarfile
import time

from mimocorb.recording.text import REPEAT_MARK
from trials.trying import Place, eventually, lives, run_directory, trial

TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"
START_METHODS = ("fork", "forkserver", "spawn")


@trial("a table named like a file of the run is refused, for every name of the run")
def names_of_the_run(place: Place) -> None:
    for name in ("summary", "log"):
        place.write(
            f"""s: {{function: numbers, sinks: [raw]}}
            t: {{function: text, sources: [raw], config: {{filename: {name}}}}}"""
        )
        place.refused(f"{name}.txt")


@trial(
    "what a user's sink writes as summary.txt, run.json or log.txt stays what the sink has written"
)
def files_of_users(place: Place) -> None:
    code = """
@sink
class Own:
    def __init__(self, *, directory: Path): self.path, self.sum = directory / "summary.txt", 0.0
    def __call__(self, events): self.sum += events["h"].sum()
    def close(self): self.path.write_text(f"sum {self.sum}\\n")
"""
    place.write("s: {function: numbers, sinks: [raw]}\nt: {function: Own, sources: [raw]}", code)
    found = place.run()
    assert not found.code, found.text
    assert found.file("summary.txt") == "sum 45.0\n"
    assert "summary_run.txt" in found.text, found.text
    assert "complete" in found.file("summary_run.txt")


@trial("rbPut in four threads: every event once, none lost")
def driver_with_threads(place: Place) -> None:
    code = """
def boards(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    with rbPut(source_list, sink_list, observe_list, config_dict, **rb_info) as put:
        def board(n):
            for i in range(2000):
                assert put(np.full((1, 1), float(n * 10000 + i)))
        threads = [threading.Thread(target=board, args=(n,)) for n in range(4)]
        for t in threads: t.start()
        for t in threads: t.join()
"""
    place.write(f"s: {{function: boards, sinks: [raw]}}\n{TABLE}", code)
    rows = place.run().complete().rows()
    assert sorted(rows) == [n * 10000.0 + i for n in range(4) for i in range(2000)]


@trial("the final work of a sink may take longer than the time-out for draining")
def long_final_work(place: Place) -> None:
    code = """
@sink
class FitAtEnd:
    def __init__(self, *, directory: Path): self.path, self.sum = directory / "fit.txt", 0.0
    def __call__(self, events): self.sum += events["h"].sum()
    def close(self):
        time.sleep(5); self.path.write_text(f"{self.sum}\\n")
"""
    place.write(
        "s: {function: numbers, sinks: [raw]}\nt: {function: FitAtEnd, sources: [raw]}", code
    )
    assert place.run("--drain-timeout", "1").complete().file("fit.txt") == "45.0\n"


@trial(
    "files that functions leave open are whole, exit functions are called, however workers start"
)
def left_open(place: Place) -> None:
    code = """
at_module_level = []
@functools.cache
def opened(directory): return open(directory / "cached.txt", "w")
def note(directory, what):
    with (directory / "ends.txt").open("a") as file: print(what, file=file)
class Held: pass
@sink
class Rows:
    def __init__(self, *, directory: Path):
        at_module_level.append(open(directory / "global.txt", "w"))
        self.file = open(directory / "cycle.txt", "w"); self.myself = self
        self.directory = directory
        atexit.register(note, directory, "atexit")
        self.held = Held(); at_module_level.append(self.held)
        weakref.finalize(self.held, note, directory, "finalize")
    def __call__(self, events):
        for event in events:
            for file in (opened(self.directory), at_module_level[0], self.file):
                print(event["h"][0], file=file)
"""
    for method in START_METHODS:
        here = Place(place.path / method)
        here.write(
            "s: {function: numbers, sinks: [raw]}\nt: {function: Rows, sources: [raw]}", code
        )
        found = here.run("--start-method", method).complete()
        for name in ("cached", "global", "cycle"):
            assert len(found.file(f"{name}.txt").splitlines()) == 10, (method, name)
        assert sorted(found.file("ends.txt").split()) == ["atexit", "finalize"], method


@trial(
    "a filter killed while its second sink is full leaves no event twice in the file of the first"
)
def killed_before_a_full_sink(place: Place) -> None:
    code = """
@filter
def f(event, *, directory: Path):
    (directory / "pid.txt").write_text(str(os.getpid())); return {"out": True, "two": True}
@sink
def slow(events): time.sleep(2)
"""
    place.write(
        """s: {function: numbers, sinks: [raw], config: {events: 6}}
        f: {function: f, sources: [raw], sinks: [out, two], restart: on_failure}
        t: {function: text, sources: [out], config: {filename: table}}
        slow: {function: slow, sources: [two]}""",
        code,
        buffers="raw out two:1",
    )
    process = place.start("run", "--lines", "setup.yaml")
    directory = run_directory(place.path)
    eventually((directory / "pid.txt").exists)
    time.sleep(2.5)
    os.kill(int((directory / "pid.txt").read_text()), signal.SIGKILL)
    process.communicate()
    lines = (directory / "table.txt").read_text().splitlines()[1:]
    assert sorted(float(line.removesuffix(REPEAT_MARK).split()[-1]) for line in lines) == [
        0.0,
        1.0,
        2.0,
        3.0,
        4.0,
        5.0,
    ], lines


@trial(
    "two sinks that fail while the spill file cannot be made: ledger complete, summary, exit code 1"
)
def two_sinks_fail(place: Place) -> None:
    code = """
@source
def src(*, directory: Path):
    part = directory / ".spill.zip.part"
    part.unlink(missing_ok=True); part.mkdir()
    for i in range(60): yield [float(i)]
@filter
def f(event):
    time.sleep(0.02); return {"out": True, "two": True}
@sink
def fails(events, *, at: int):
    if events["h"].max() >= at: raise OSError(5, "Input/output error")
"""
    place.write(
        """s: {function: src, sinks: [raw]}
        f: {function: f, sources: [raw], sinks: [out, two]}
        s1: {function: fails, sources: [out], config: {at: 2}}
        s2: {function: fails, sources: [two], config: {at: 20}}""",
        code,
        buffers="raw:64 out:64 two:64",
    )
    found = place.run()
    assert found.code == 1, found.text
    assert found.result["buffers"], "ledger complete"
    assert "Traceback" not in found.text.replace("work.py", ""), found.text
    assert "Input/output error" in found.told, found.told


@trial(
    "a function of the user that finds its disk full is called again when there is room, and the run waits"
)
def disk_of_a_function(place: Place) -> None:
    code = """
class Full:
    def __init__(self, directory): self.path = directory / "room"
    def __call__(self):
        if not self.path.exists(): raise OSError(28, "No space left on device")
@sink
class Own:
    def __init__(self, *, directory: Path): self.full, self.path = Full(directory), directory / "rows.txt"
    def __call__(self, events, metadata):
        self.full()
        with self.path.open("a") as file:
            for event, mark in zip(events, metadata.may_repeat if metadata.may_repeat is not None else [0] * len(events)):
                print(event["h"][0], int(mark), file=file)
@filter
class Notes:
    def __init__(self, *, directory: Path): self.full = Full(directory)
    def __call__(self, event):
        self.full()
        return True
"""
    place.write(
        """s: {function: numbers, sinks: [raw]}
        f: {function: Notes, sources: [raw], sinks: [out]}
        o: {function: Own, sources: [raw]}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
    )
    process = place.start("run", "--lines", "setup.yaml")
    directory = run_directory(place.path)
    log = directory / "log.txt"
    eventually(log.exists)
    eventually(lambda: log.read_text().count("No space left") >= 2)
    (directory / "room").touch()
    text, _ = process.communicate()
    assert process.returncode == 0, text.decode()
    assert len((directory / "table.txt").read_text().splitlines()) == 11
    rows = [line.split() for line in (directory / "rows.txt").read_text().splitlines()]
    assert [float(row[0]) for row in rows] == [float(i) for i in range(10)]
    assert rows[0][1] == "1", "what may be a repeat is marked"


@trial("a sink killed before its first event leaves an archive that opens")
def empty_archive(place: Place) -> None:
    place.write(
        """s: {function: numbers, sinks: [raw], config: {events: 3, pause_s: 2.0}}
        t: {function: parquet_tar, sources: [raw], config: {filename: a}}"""
    )
    process = place.start("run", "--lines", "setup.yaml")
    directory = run_directory(place.path)
    eventually(
        lambda: "taking" in (directory / "log.txt").read_text() or (directory / "a.tar").exists()
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for archive in directory.glob("*.tar"):
        tarfile.open(archive).close()


@trial("an end of the source's process, in whatever way, loses nothing that it has published")
def ends_of_sources(place: Place) -> None:
    for number, end in enumerate(
        ("return", "raise SystemExit(0)", "os._exit(3)", "os.kill(os.getpid(), 9)", "1 / 0")
    ):
        here = Place(place.path / str(number))
        code = f"""
@source
def src():
    for i in range(40): yield [float(i)]
    {end}
@filter
def slow(event):
    time.sleep(0.01); return True
"""
        here.write(
            """s: {function: src, sinks: [raw]}
            f: {function: slow, sources: [raw], sinks: [out]}
            t: {function: text, sources: [out], config: {filename: table}}""",
            code,
        )
        found = here.run()
        raw = next(each for each in found.result["buffers"] if each["name"] == "raw")
        assert len(found.rows()) == raw["published"] >= 39, (end, found.text)


@trial("an idle sink that is killed while the run drains is replaced, and the run is complete")
def killed_idle_while_draining(place: Place) -> None:
    code = """
@source
def src(*, directory: Path):
    for i in range(10): yield [float(i)]
@filter
def f(event):
    if event["h"][0] == 9: time.sleep(5)
    return True
@sink
def noted(events, *, directory: Path):
    (directory / "pid.txt").write_text(str(os.getpid()))
    with (directory / "rows.txt").open("a") as file:
        for event in events: print(event["h"][0], file=file)
"""
    place.write(
        """s: {function: src, sinks: [raw]}
        f: {function: f, sources: [raw], sinks: [out]}
        t: {function: noted, sources: [out], restart: on_failure}""",
        code,
    )
    process = place.start("run", "--lines", "setup.yaml")
    directory = run_directory(place.path)
    eventually(
        lambda: (
            (directory / "rows.txt").exists()
            and len((directory / "rows.txt").read_text().split()) == 9
        )
    )
    os.kill(pid := int((directory / "pid.txt").read_text()), signal.SIGKILL)
    text, _ = process.communicate()
    assert not lives(pid)
    assert process.returncode == 0, text.decode()
    assert len((directory / "rows.txt").read_text().split()) == 10
    assert not (directory / "spill.zip").exists()
