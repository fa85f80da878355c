"""What goes on without a word: processes and threads of users, merges that wait, FIFOs, sockets."""

from __future__ import annotations

import os
import subprocess
import sys

from trials.trying import Place, eventually, no_traceback, run_directory, trial

TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"
START_METHODS = ("fork", "forkserver", "spawn")


@trial(
    "pools, processes that are terminated, and daemon helpers inside workers do not hang, however workers start"
)
def own_processes(place: Place) -> None:
    code = """
@source
def with_helper(*, events: int = 5):
    multiprocessing.Process(target=time.sleep, args=(3600,), daemon=True).start()
    for i in range(events): yield [float(i)]
@filter
def pool(event):
    with multiprocessing.Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
    process = multiprocessing.Process(target=time.sleep, args=(3600,))
    process.start(); process.terminate(); process.join()
    return True
@sink
class Helper:
    def __init__(self):
        self.process = multiprocessing.Process(target=time.sleep, args=(3600,), daemon=True)
        self.process.start()
    def __call__(self, events): pass
    def close(self): pass
"""
    for method in START_METHODS:
        here = Place(place.path / method)
        here.write(
            """s: {function: with_helper, sinks: [raw]}
            f: {function: pool, sources: [raw], sinks: [out]}
            t: {function: text, sources: [out], config: {filename: table}}
            h: {function: Helper, sources: [raw]}""",
            code,
        )
        assert len(here.run("--start-method", method).complete().rows()) == 5


@trial(
    "a thread that goes on after its function has returned is named within seconds, and the run is complete"
)
def threads_that_go_on(place: Place) -> None:
    code = """
def endless():
    while True: time.sleep(0.1)
@source
def threaded():
    threading.Thread(target=endless, name="readout").start()
    for i in range(5): yield [float(i)]
@sink
class Background:
    def __init__(self): threading.Thread(target=endless, name="uploader").start()
    def __call__(self, events): pass
"""
    place.write(
        f"s: {{function: threaded, sinks: [raw]}}\n{TABLE}\nb: {{function: Background, sources: [raw]}}",
        code,
    )
    found = place.run()
    assert "readout" in found.told and "uploader" in found.told, found.told
    assert found.rows() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert found.code == 0, found.text


@trial("a split that is merged again is warned of by check, and its standstill is named by the run")
def split_and_merge(place: Place) -> None:
    code = """
@filter
def split(event):
    return {"all": True, "rare": True if event["h"][0] % 100 == 99 else None}
@filter
def pair(events):
    return {"out": [{"h": events["all"]["h"][0]}]}
"""
    place.write(
        """s: {function: numbers, sinks: [raw], config: {events: 100000}}
        f: {function: split, sources: [raw], sinks: [all, rare]}
        m: {function: pair, sources: [all, rare], sinks: [out], config: {merge: {by: counter}}}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
        buffers="raw all rare out",
    )
    checked = place.check()
    assert "timeout_s" in checked.text and "warning" in checked.text, checked.text
    process = place.start("run", "--lines", "--drain-timeout", "2", "setup.yaml")
    directory = run_directory(place.path)
    log = directory / "log.txt"
    eventually(log.exists)
    eventually(lambda: "rare" in log.read_text() and "timeout_s" in log.read_text())
    place.command("stop", str(directory))
    process.communicate()
    assert (directory / "spill.zip").exists(), "what stood still is saved"


@trial(
    "a FIFO, a device or a huge file as module, set-up or configuration is refused and hangs nothing"
)
def odd_files(place: Place) -> None:
    place.write(f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}")
    os.mkfifo(place.path / "fifo.py")
    (place.path / "huge.py").write_bytes(b"x = 1\n" * (25 << 20 >> 2))
    text = (place.path / "setup.yaml").read_text()
    for name in ("fifo.py", "huge.py", "/dev/zero", "/dev/null"):
        (place.path / "odd.yaml").write_text(text.replace("work.py", name))
        for command in (("check",), ("run", "--lines"), ("graph",), ("convert",)):
            found = place.command(*command, "odd.yaml", timeout_s=60)
            no_traceback(found)
            if command[0] in ("check", "run"):
                assert found.code == 2, (name, command, found.text)
        found = place.command("describe", f"{name}:numbers", timeout_s=60)
        no_traceback(found)
        assert found.code
    os.mkfifo(place.path / "fifo.yaml")
    for name in ("fifo.yaml", "/dev/stdin", "/dev/zero", "/dev/tty"):
        for command in ("check", "run", "graph", "convert"):
            found = place.command(command, name, timeout_s=60)
            no_traceback(found)
            assert found.code == 2, (name, found.text)
            assert "did you mean" not in found.text, found.text
    (place.path / "odd.yaml").write_text(
        text.replace("function: numbers", "function: numbers, config: fifo.yaml")
    )
    found = place.command("check", "odd.yaml", timeout_s=60)
    assert found.code == 2, found.text


@trial("eight 'stop' at once all succeed, and a busy socket answers everybody in turn")
def busy_socket(place: Place) -> None:
    place.write(
        f"s: {{function: numbers, sinks: [raw], config: {{events: 1000000, pause_s: 0.001}}}}\n{TABLE}"
    )
    process = place.start("run", "--lines", "setup.yaml", stdout=subprocess.DEVNULL)
    directory = run_directory(place.path)
    eventually((directory / "control.json").exists)
    program = (
        "import mimocorb, sys, time\n"
        f"run = mimocorb.connect({str(directory)!r})\n"
        "answers, end = 0, time.monotonic() + 6\n"
        "while time.monotonic() < end: run.status(); answers += 1\n"
        "print(answers)"
    )
    clients = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=place.path)
        for _ in range(8)
    ]
    answers = [int(client.communicate()[0]) for client in clients]
    assert min(answers) * 4 > max(answers), answers
    stops = [place.start("stop", str(directory)) for _ in range(8)]
    told = [stop.communicate()[0].decode() for stop in stops]
    assert [stop.returncode for stop in stops] == [0] * 8, told
    process.wait()


@trial("a daemon thread that waits at a buffer does not abort Python at its end")
def daemon_threads(place: Place) -> None:
    for call in (
        "r.get",
        "lambda: r.get(timeout_s=60)",
        "lambda: [*r]",
        "r.get_batch",
        "o.wait",
        "o.get",
        "full",
        "b.wait_drained",
    ):
        place.python(
            "import threading, time\n"
            "from mimocorb.mimo_buffer import NewBuffer, Reader, Observer, Writer\n"
            "b = NewBuffer(4, 1, 'i8'); r = Reader(b.new_reader_group()); o = Observer(b.new_observer())\n"
            "w = Writer(b.new_writer())\n"
            "def full():\n"
            "    while True: w.write([1])\n"
            f"if {call == 'b.wait_drained'}: w.write([1])\n"
            f"threading.Thread(target={call}, daemon=True).start(); time.sleep(.3)\n"
        )


@trial("a process of a Pool reads a buffer to its end by 'for event in reader'")
def end_of_stream_in_a_pool(place: Place) -> None:
    place.path.mkdir(exist_ok=True, parents=True)
    text = place.python(
        """
import multiprocessing
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
def read(group):
    with Reader(group) as reader: return sum(1 for _ in reader)
b = NewBuffer(8, 1, "i8"); g = b.new_reader_group()
with Writer(b.new_writer()) as w:
    for i in range(3): w.write([i])
with multiprocessing.get_context("fork").Pool(1) as pool: print(pool.apply(read, (g,)))
""",
        timeout_s=60,
    )
    assert text == "3\n", text
