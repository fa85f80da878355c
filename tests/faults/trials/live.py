"""Live time that is true, and runs that stand still are told."""

from __future__ import annotations

import re

from trials.trying import Outcome, Place, eventually, run_directory, trial

TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"


@trial(
    "hidden dead times, paralysable or not, at rate times dead time of 0.3 to 5, are never called in agreement"
)
def hidden_dead_times(place: Place) -> None:
    place.path.mkdir(parents=True, exist_ok=True)
    wrong = []
    code = """
import random
TIMES = np.fromiter(())
@source
def detector(*, seed: int, product: float, paralysable: bool, rate_hz: float = 3000.0, events: int = 3000):
    chance = np.random.default_rng(seed)
    last, begin, seen, now = -1.0, time.monotonic(), 0, 0.0
    dead = product / rate_hz
    free = 0.0
    while seen < events and time.monotonic() - begin < 12:
        now += chance.exponential(1 / rate_hz)
        taken = now >= free
        if taken or paralysable: free = now + dead
        if not taken: continue
        while time.monotonic() - begin < now: time.sleep(max(0, min(0.002, now - (time.monotonic() - begin))))
        seen += 1
        yield [float(seen)]
"""
    for paralysable in (False, True):
        for product in (0.5, 1.0, 2.0, 5.0):
            here = Place(place.path / f"{paralysable}{product}")
            here.write(
                f"s: {{function: detector, sinks: [raw], config: {{seed: 1, product: {product}, rate_hz: 1000.0, events: 1500, paralysable: {str(paralysable).lower()}}}}}\n{TABLE}",
                code.replace("TIMES = np.fromiter(())\n", ""),
            )
            found = here.run()
            flag = "live time doubtful" in str(found.record["quality"])
            too_few = found.published("raw") < 1000 and "too few events" in found.summary
            if not flag and not too_few:
                wrong.append((paralysable, product, found.summary[:1500]))
    assert not wrong, "\n".join(map(str, wrong))


@trial(
    "a source that is silent, a lost device and warnings are in summary, quality and status, and start the alarm"
)
def silence(place: Place) -> None:
    code = """
@source
def device():
    import logging
    for i in range(5): yield [float(i)]
    with mc.device_lost("timed out"):
        time.sleep(3)
    logging.getLogger(__name__).warning("timed out")
    time.sleep(2)
    for i in range(5): yield [float(i)]
"""
    place.write(
        f"s: {{function: device, sinks: [raw], silent_after_s: 1}}\n{TABLE}",
        code,
        top='on_alarm: [sh, -c, "env >> alarms.txt"]',
    )
    process = place.start("run", "--lines", "setup.yaml")
    directory = run_directory(place.path)
    eventually(lambda: "silent" in (directory / "log.txt").read_text())
    status = place.command("status", str(directory))
    assert "silent" in status.text or "lost" in status.text, status.text
    process.communicate()
    found = Outcome(process.returncode, "", place.path)
    quality = str(found.record["quality"])
    assert "stood still" in quality and "warnings" in quality, quality
    assert "timed out" in found.summary
    alarms = "".join(path.read_text() for path in place.path.glob("**/alarms.txt"))
    assert "silent" in alarms and "device lost" in alarms, alarms[-2000:]


@trial("the time of a lost device is a dead time with a name of its own")
def lost_device_in_the_account(place: Place) -> None:
    code = """
@source
def device():
    for i in range(5): yield [float(i)]
    with mc.device_lost("timed out"):
        time.sleep(2)
    for i in range(5): yield [float(i)]
"""
    place.write(f"s: {{function: device, sinks: [raw]}}\n{TABLE}", code)
    found = place.run()
    share = re.search(r"reading out (\S+) %, device lost (\S+) %", found.summary)
    assert share, found.summary
    # The device was lost for two seconds, and the reading out of ten events is what is left.
    assert float(share[2]) > float(share[1]), found.summary


@trial(
    "a free-running source gets no uncertainty as of random events, in summary, runs and comparison"
)
def free_sources(place: Place) -> None:
    place.write(f"s: {{function: numbers, sinks: [raw], config: {{events: 20000}}}}\n{TABLE}")
    for _ in range(2):
        found = place.command("run", "--lines", "setup.yaml")
        assert found.code == 0
        assert "±" not in found.text, found.text
    compared = place.command("compare", "1", "2")
    assert "σ" not in compared.text, compared.text
    listed = place.command("runs")
    assert "±" not in listed.text, listed.text


@trial("a merging worker counts the same number as decided and as written")
def decisions_of_merges(place: Place) -> None:
    code = """
@source
def device(*, lose: int):
    for i in range(200):
        time.sleep(0.002)
        if not lose or i % lose: yield [float(i)], {"counter": i}
@filter
def pair(events):
    return {"out": [{"h": events["one"]["h"][0]}]}
"""
    place.write(
        """d1: {function: device, sinks: [one], config: {lose: 7}}
        d2: {function: device, sinks: [two], config: {lose: 0}}
        m: {function: pair, sources: [one, two], sinks: [out], config: {merge: {by: counter}}}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
        buffers="one:64 two:64 out:64",
    )
    found = place.run().complete()
    written = len(found.rows())
    assert f"{written} accepted" in found.summary.replace(" ", " "), found.summary
