"""What newcomers and laboratories that run by themselves have met."""

from __future__ import annotations

import os
import signal

from trials.trying import Place, eventually, run_directory, trial

TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"


@trial(
    "a misspelt key of a configuration, in the set-up and on the command line, is an error with a proposal"
)
def misspelt_keys(place: Place) -> None:
    code = "@source\ndef src(*, random_seed: int = 1, events: int = 3):\n    for i in range(events): yield [float(i)]\n"
    place.write(f"s: {{function: src, sinks: [raw], config: {{random_sed: 3}}}}\n{TABLE}", code)
    place.refused("random_sed", "random_seed")
    here = Place(place.path / "set")
    here.write(f"s: {{function: src, sinks: [raw]}}\n{TABLE}", code)
    for command in (("check",), ("run", "--lines")):
        found = here.command(*command, "--set", "s.random_sed=3", "setup.yaml")
        assert found.code == 2 and "random_seed" in found.text, found.text
        found = here.command(*command, "--set", "s.random_seed=high", "setup.yaml")
        assert found.code == 2, found.text


@trial("the keys of the example of the manual are checked: a misspelt one is an error or a warning")
def keys_of_the_example(place: Place) -> None:
    from pathlib import Path

    examples = Path(__file__).parents[3] / "examples"
    if not examples.is_dir():
        return
    for name, value in (("simulation_source.seed", "3"), ("calculate_decay_time.threshold", "5")):
        import subprocess
        import sys

        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "mimocorb.cli",
                "check",
                "--set",
                f"{name}={value}",
                "simultest_setup.yaml",
            ],
            cwd=examples,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, (name, done.stdout + done.stderr)


@trial(
    "a run is found by its directory and by its name, also with another XDG_RUNTIME_DIR, or told how"
)
def found_elsewhere(place: Place) -> None:
    place.write(
        f"s: {{function: numbers, sinks: [raw], config: {{events: 100000, pause_s: 0.01}}}}\n{TABLE}"
    )
    runtime = place.path / "runtime"
    runtime.mkdir(mode=0o700)
    process = place.start(
        "run", "--lines", "setup.yaml", env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    )
    directory = run_directory(place.path)
    eventually((directory / "control.json").exists)
    for asked in ("setup", str(directory), "target"):
        found = place.command("status", asked)
        assert found.code == 0 or "XDG_RUNTIME_DIR" in found.text, (asked, found.text)
    assert place.command("stop", str(directory)).code == 0
    process.communicate()


@trial("a killed run is listed with what is known: at least so long, at least so many")
def killed_run(place: Place) -> None:
    place.write(
        f"s: {{function: numbers, sinks: [raw], config: {{events: 100000, pause_s: 0.001}}}}\n{TABLE}"
    )
    process = place.start("run", "--lines", "setup.yaml")
    directory = run_directory(place.path)
    eventually(
        lambda: (
            (directory / "table.txt").exists() and len((directory / "table.txt").read_text()) > 5000
        )
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    listed = place.command("runs")
    assert "killed" in listed.text and "≥" in listed.text, listed.text
    shown = place.command("runs", "1")
    assert "killed" in shown.text and ("at least" in shown.text or "≥" in shown.text), shown.text
    lines = (directory / "table.txt").read_text().splitlines()
    assert len({*map(len, (line.split() for line in lines))}) == 1


@trial("the log calls a user's logger by its module, not by the name it is imported under")
def names_of_loggers(place: Place) -> None:
    place.write(
        f"s: {{function: src, sinks: [raw]}}\n{TABLE}",
        "import logging\nlog = logging.getLogger(__name__)\n@source\ndef src():\n    log.warning('hello')\n    yield [1.0]\n",
    )
    found = place.run()
    assert "mimocorb_user_" not in found.told, found.told


@trial(
    "the end of a run fits a terminal: result, reason, events, quality in some lines, failures first"
)
def short_page(place: Place) -> None:
    place.write(f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}")
    found = place.command("run", "--quiet", "setup.yaml")
    assert found.code == 0
    assert len(found.text.splitlines()) <= 16, found.text
    place.write(
        "s: {function: numbers, sinks: [raw]}\nt: {function: bad, sources: [raw]}",
        "@sink\ndef bad(events): raise ValueError('what is wrong')\n",
    )
    found = place.command("run", "--quiet", "setup.yaml")
    assert found.code == 1
    assert "what is wrong" in " ".join(found.text.splitlines()[:6]), found.text


@trial("recorded events are read again by a source of the package, from archives and recordings")
def recorded_again(place: Place) -> None:
    place.write(
        """s: {function: mixed, sinks: [raw]}
        p: {function: parquet_tar, sources: [raw], config: {filename: a}}
        r: {function: record, sources: [raw], config: {filename: r}}""",
        "@source\ndef mixed():\n    for i in range(5): yield {'h': float(i), 'w': np.full((1, 4), i, 'i2')}\n",
        buffers="raw:16:h=float64",
    )
    text = (place.path / "setup.yaml").read_text()
    text = text.replace("{h: float64}", "[[h, float64], [w, int16, 4]]")
    (place.path / "setup.yaml").write_text(text)
    found = place.run()
    assert found.code == 0, found.text
    directory = found.directory
    text = place.python(
        "import mimocorb, glob\n"
        f"for path in sorted(glob.glob({str(directory)!r} + '/[ar].*')):\n"
        "    with mimocorb.open(path) as recorded:\n"
        "        print(path.rpartition('/')[2], sum(1 for _ in recorded))\n"
    )
    assert text.count(" 5") >= 2, text


@trial("values of a merged pair within 100 ns are found by whole nanoseconds, with times UTC")
def narrow_coincidences(place: Place) -> None:
    code = """
FIRST = 1_796_023_714_220_344_501
@source
def device(*, shift_ns: int):
    for i in range(200): yield [float(i)], {"time_ns": FIRST + 1000 * i + shift_ns}
@filter
def pair(events): return {"out": [{"h": events["one"]["h"][0]}]}
"""
    place.write(
        """d1: {function: device, sinks: [one], config: {shift_ns: 0}}
        d2: {function: device, sinks: [two], config: {shift_ns: 50}}
        m: {function: pair, sources: [one, two], sinks: [out], config: {merge: {by: time, window_ns: 100}}}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
        buffers="one:64 two:64 out:64",
    )
    assert len(place.run().complete().rows()) == 200
