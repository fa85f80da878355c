"""Workers are one kind whatever the start method; they die with the run; their code is the recorded one."""

from __future__ import annotations

import os
import signal
import time

from trials.trying import Outcome, Place, eventually, lives, run_directory, trial

START_METHODS = ("fork", "forkserver", "spawn")
TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"
NOISE = """
@source
def noise(*, directory, name: str):
    text = "".join(f"{random.random()} {np.random.normal()} " for _ in range(5))
    (directory / f"{name}.txt").write_text(text)
    yield [0.0]
"""


@trial("workers draw random numbers of their own, also when the program has drawn some before")
def random_numbers(place: Place) -> None:
    for method in START_METHODS:
        here = Place(place.path / method)
        here.write(
            """one: {function: noise, sinks: [raw], config: {name: one}}
            two: {function: noise, sinks: [raw], config: {name: two}}
            t: {function: takes, sources: [raw]}""",
            NOISE,
        )
        here.python(
            "import numpy as np, random\n"
            "from mimocorb.run.options import RunOptions, SupervisorOptions\n"
            "from mimocorb.run.run import run_setup\n"
            "from mimocorb.setup.dialects import read_setup\n"
            "np.random.normal(); random.random()\n"
            f"options = RunOptions(verbose=0, supervisor=SupervisorOptions(start_method={method!r}))\n"
            "assert not run_setup(read_setup('setup.yaml'), options).failures\n"
        )
        directory = run_directory(here.path)
        one, two = ((directory / f"{name}.txt").read_text().split() for name in ("one", "two"))
        assert not {*one} & {*two}, method


@trial("a restarted source begins new random numbers, not those of its predecessor")
def restarted_random_numbers(place: Place) -> None:
    code = """
@source
def noise(*, directory):
    for _ in range(3):
        yield [np.random.normal()]
    if not (directory / "failed").exists():
        (directory / "failed").touch(); os._exit(1)
"""
    place.write(f"s: {{function: noise, sinks: [raw], restart: on_failure}}\n{TABLE}", code)
    rows = place.run().complete().rows()
    assert len({*rows}) == 6, rows


@trial(
    "a restarted worker runs the code that the record shows, also if the file is edited, half saved or gone"
)
def edited_code(place: Place) -> None:
    for number, edited in enumerate(("GAIN = 1000.0\n", "GAIN = (", None)):
        here = Place(place.path / str(number))
        code = """
GAIN = 1.0
@filter
def f(event, *, directory: Path):
    if event["h"][0] == 20 and not (directory / "failed").exists():
        (directory / "failed").touch(); raise ValueError("once")
    return {"h": event["h"][0] * GAIN}
"""
        here.write(
            """s: {function: numbers, sinks: [raw], config: {events: 40, pause_s: 0.05}}
            f: {function: f, sources: [raw], sinks: [out], restart: on_failure}
            t: {function: text, sources: [out], config: {filename: table}}""",
            code,
        )
        process = here.start("run", "--lines", "setup.yaml")
        directory = run_directory(here.path)
        table = directory / "table.txt"
        eventually(table.exists)
        eventually(lambda table=table: len(table.read_text().splitlines()) > 3)
        work = here.path / "work.py"
        if edited is None:
            work.unlink()
        else:
            work.write_text(work.read_text().replace("GAIN = 1.0\n", edited))
        text, _ = process.communicate()
        found = Outcome(process.returncode, text.decode(), here.path)
        assert found.rows() == [float(i) for i in range(40)], (edited, found.text)


@trial(
    "a worker that closed its descriptors, went into another program, or is blocked in C dies with a killed run"
)
def cut_ties(place: Place) -> None:
    ways = {
        "closed": "os.closerange(3, 4096); time.sleep(600)",
        "exec": "os.execvp('sleep', ['sleep', '600'])",
        "closed_exec": "os.closerange(3, 4096); os.execvp('sleep', ['sleep', '600'])",
        "blocked": "os.closerange(3, 4096); ctypes.CDLL(None).sleep(600)",
        "deaf": "os.closerange(3, 4096); signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(600)",
        "deaf_exec": "os.closerange(3, 4096); signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); os.execvp('sleep', ['sleep', '600'])",
        "busy": "os.closerange(3, 4096); ctypes.PyDLL(None).sleep(600)",
        "thread": "os.closerange(3, 4096); threading.Thread(target=time.sleep, args=(600,)).start(); ctypes.PyDLL(None).sleep(600)",
        "regex": "os.closerange(3, 4096); import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
    }
    left = []
    for method in START_METHODS:
        for name, what in ways.items():
            here = Place(place.path / method / name)
            code = f"""
@source
def src(*, directory: Path):
    yield [0.0]
    (directory / "pid.txt").write_text(str(os.getpid()))
    {what}
"""
            here.write(f"s: {{function: src, sinks: [raw]}}\n{TABLE}", code)
            process = here.start("run", "--lines", "--start-method", method, "setup.yaml")
            directory = run_directory(here.path)
            eventually(lambda directory=directory: (directory / "pid.txt").exists())
            time.sleep(1.0)
            pid = int((directory / "pid.txt").read_text())
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            end = time.monotonic() + 10
            while lives(pid) and time.monotonic() < end:
                time.sleep(0.05)
            if lives(pid):
                left.append((method, name))
                os.kill(pid, signal.SIGKILL)
    assert not left, f"they live on: {left}"
