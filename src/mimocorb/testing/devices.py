"""The promises of a device as tests: subclass, name yours and a simulated one, run.

The author of a driver writes::

    from mimocorb.testing.devices import DeviceContract
    from mimocorb.testing.fakes.lines import LinesAtSerialPort, counting

    class TestMyCounter(DeviceContract):
        component = "my_counter"
        config = {"gate_s": 0.1}
        buffer = {"data_length": 1, "data_dtype": {"count": "int32"}}
        refused = [({"gate_s": 0.0}, "the nearest is 0.1 s")]

        def simulated(self, directory):
            events = ({"count": number} for number in itertools.count())
            return LinesAtSerialPort(directory / "port", events, lambda event: f"{event['count']}")

One run is shared by the tests that look at it: the device delivers, is unplugged and plugged in
again, falls silent and speaks again, and the run is stopped. Needs pytest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mimocorb.testing.components import (
    ComponentContract,
    keeping,
    kept_events,
    mimocorb,
    write_setup,
)
from mimocorb.testing.fakes.simulated import Event, SimulatedDevice
from mimocorb.testing.watchdog import WATCHDOG_S

__all__ = ["DeviceContract"]

SOME = 12
"""So many events arrive before something happens to the device."""


class TakenRun:
    """A run that has ended, and what the device had sent.

    Parameters
    ----------
    directory
        Of the run.
    code, text
        What its program returned and printed.
    sent
        The events that were on the wire.
    settings
        What the device was set to.
    """

    def __init__(
        self,
        directory: Path,
        code: int,
        text: str,
        sent: Sequence[Event],
        settings: Mapping[str, Any],
    ) -> None:
        self.code, self.text, self.settings = code, text, settings
        self.kept = kept_events(directory)
        result = json.loads((directory / "run.json").read_text(encoding="utf-8"))["result"]
        (self.source,) = [each for each in result["workers"] if each["worker"] == "tested"]
        self.losses = [alarm for alarm in result["alarms"] if alarm["kind"] == "device lost"]
        (source,) = result["accounts"]["live_time"]
        self.marks_reading: bool = source["marks_reading"]
        (self.account,) = source["processes"]
        self.sent = sent

    def places(self) -> list[int]:
        """Return which of the sent events each event is that has arrived."""
        data = self.kept["data"]
        names = [name for name in data.dtype.names or () if name in self.sent[0]]
        sent = np.zeros(
            len(self.sent), [(name, data.dtype[name], data.shape[1:]) for name in names]
        )
        for row, event in zip(sent, self.sent, strict=True):
            for name in names:
                row[name] = event[name]
        place_of = {row.tobytes(): place for place, row in enumerate(sent)}
        assert len(place_of) == len(sent), "the simulated device sends equal events"
        came = np.zeros(len(data), sent.dtype)
        for name in names:
            came[name] = data[name]
        unknown = [row for row in came if row.tobytes() not in place_of]
        assert not unknown, f"the device has never sent {unknown[0]}"
        return [place_of[row.tobytes()] for row in came]


class _Run:
    """A run that goes on, as a user has started it."""

    def __init__(self, setup: Path, device: SimulatedDevice) -> None:
        self.settings: dict[str, Any] = {}
        self._most = 0
        self._device, self._directory = device, setup.parent
        self._log = (setup.parent / "output.txt").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mimocorb.cli", "run", "--lines", str(setup)],
            cwd=setup.parent,
            env={**os.environ, **device.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def text(self) -> str:
        """What it has printed."""
        return (self._directory / "output.txt").read_text(encoding="utf-8")

    def wait_for(self, what: str, times: int = 1) -> None:
        """Wait until it has said something so many times."""
        self._wait(lambda: self.text.count(what) >= times, f"it says {what!r}")

    def take_some(self) -> None:
        """Wait until some more events have arrived."""
        wanted = self._arrived() + SOME
        self._wait(lambda: self._arrived() >= wanted, "events have arrived")

    def _arrived(self) -> int:
        for file in (self._directory / "target").glob("*/kept.count"):
            # It is empty for a moment whenever it is written.
            self._most = max(self._most, int(file.read_text(encoding="utf-8") or 0))
        return self._most

    def stop(self) -> TakenRun:
        """End it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(WATCHDOG_S)
        (directory,) = (self._directory / "target").glob("*/")
        return TakenRun(directory, code, self.text, self._device.sent(), self.settings)

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WATCHDOG_S
        while not condition():
            assert self._process.poll() is None, f"it ended before {what}:\n{self.text}"
            assert time.monotonic() < deadline, f"waited in vain until {what}:\n{self.text}"
            time.sleep(0.005)


class DeviceContract(ComponentContract):
    """What a device promises.

    Attributes
    ----------
    component, config, buffer
        As in :class:`mimocorb.testing.components.ComponentContract`; what the simulated device
        says in its ``config`` is added.
    timeout
        The key of the time-out, and a value in s; empty for a device that cannot be silent.
    applied
        What the simulated device has to be set to by ``config``.
    refused
        Configurations that are not possible, each with a part of the message that names the
        nearest one that is.
    never_lost
        Why such a device cannot be unplugged; empty if it can.
    never_silent
        Why no time-out makes sense.
    """

    timeout: ClassVar[Mapping[str, float]] = {"timeout_s": 0.5}
    applied: ClassVar[Mapping[str, Any]] = {}
    refused: ClassVar[Sequence[tuple[Mapping[str, Any], str]]] = ()
    never_lost: ClassVar[str] = ""
    never_silent: ClassVar[str] = ""
    _place = "sinks"
    _outcome: ClassVar[TakenRun | str]

    def simulated(self, directory: Path) -> SimulatedDevice:
        """Return a device that is simulated at the wire; files may be made in the directory."""
        raise NotImplementedError

    @pytest.fixture
    def taken(self, tmp_path_factory: pytest.TempPathFactory) -> TakenRun:
        """Return a run with all that can happen to a device, the same for all tests."""
        mine = type(self)
        if "_outcome" not in vars(mine):
            try:
                mine._outcome = self._take(tmp_path_factory.mktemp("device"))
            except AssertionError as error:
                mine._outcome = str(error)
        if isinstance(mine._outcome, str):
            pytest.fail(mine._outcome)
        return mine._outcome

    def _take(self, directory: Path) -> TakenRun:
        with self.simulated(directory) as device:
            config = {**device.config, **self.timeout, **self.config}
            run = _Run(self._setup(directory, config), device)
            try:
                run.take_some()
                run.settings = dict(device.settings())
                if not self.never_lost:
                    device.unplug()
                    run.wait_for("alarm, device lost")
                    device.plug_in()
                    run.wait_for("alarm is over, device lost")
                    run.take_some()
                if not self.never_silent:
                    times = 1 if self.never_lost else 2
                    device.fall_silent()
                    run.wait_for("alarm, device lost", times)
                    device.speak_again()
                    run.wait_for("alarm is over, device lost", times)
                    run.take_some()
                    device.fall_silent()  # nothing but the end itself tells of the end
                return run.stop()
            finally:
                run.kill()

    def test_its_configuration_is_accepted(self, taken: TakenRun) -> None:  # type: ignore[override]
        # A run asks the same as `mimocorb check` does, before it starts.
        assert "data taking begins" in taken.text

    def test_the_run_starts_and_ends_in_order(self, taken: TakenRun) -> None:
        assert taken.code == 0, taken.text
        assert taken.source["how"] == "returned", "it did not notice the end of the run by itself"

    def test_events_are_complete_and_in_order(self, taken: TakenRun) -> None:
        places = taken.places()
        steps = np.diff(places)
        assert np.all(steps > 0), "an event came twice, or out of order"
        gaps = np.count_nonzero(steps > 1)
        losses = sum(alarm["count"] for alarm in taken.losses)
        assert gaps <= losses, "events are missing while the device was there"
        assert len(places) > SOME * self._losses()

    def test_numbers_rise_time_runs_forwards_and_dead_time_is_a_fraction(
        self, taken: TakenRun
    ) -> None:
        assert np.all(np.diff(taken.kept["counter"]) > 0)
        assert np.all(np.diff(taken.kept["timestamp"]) >= 0)
        deadtime = taken.kept["deadtime"]
        assert np.all((deadtime == -1.0) | ((deadtime >= 0.0) & (deadtime <= 1.0)))

    def test_settings_are_applied(self, taken: TakenRun) -> None:
        assert {name: taken.settings.get(name) for name in self.applied} == dict(self.applied)

    def test_a_device_that_was_unplugged_is_an_alarm_and_dead_time(self, taken: TakenRun) -> None:
        if self.never_lost:
            pytest.skip(self.never_lost)
        (alarm,) = taken.losses
        # On a slow machine the silence before the end may be one more.
        assert alarm["count"] == taken.text.count("alarm, device lost") >= self._losses()
        assert alarm["until_utc"] is not None, "it was plugged in again"
        assert taken.account["device_lost_ns"] > 0

    def test_a_device_that_falls_silent_is_told_and_comes_back(self, taken: TakenRun) -> None:
        if self.never_silent:
            pytest.skip(self.never_silent)
        (alarm,) = taken.losses
        assert "nothing came for" in alarm["text"]
        assert alarm["until_utc"] is not None, "it spoke again"

    def test_it_tells_how_long_it_reads_out(self, taken: TakenRun) -> None:
        assert taken.marks_reading, "read in 'with mimocorb.reading_out():'"

    def test_settings_that_are_not_possible_are_refused_with_the_nearest(
        self, tmp_path: Path
    ) -> None:
        if not self.refused:
            pytest.skip("every setting that has the right type is possible")
        with self.simulated(tmp_path) as device:
            given = {**device.config, **self.config}
            workers = {
                f"tested_{number}": self._worker({**given, **wrong})
                for number, (wrong, _) in enumerate(self.refused)
            }
            setup = write_setup(tmp_path, self.buffer, {**workers, **keeping()})
            done = mimocorb(tmp_path, "check", str(setup), environment=device.environment)
        text = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 2, text
        missing = [said for _, said in self.refused if said not in text]
        assert missing == [], text

    def _losses(self) -> int:
        """Return how often the device was away in the run."""
        return (not self.never_lost) + (not self.never_silent)

    def _check(
        self, directory: Path, config: Mapping[str, Any]
    ) -> subprocess.CompletedProcess[str]:
        with self.simulated(directory) as device:
            setup = self._setup(directory, {**device.config, **config})
            return mimocorb(directory, "check", str(setup), environment=device.environment)

    def _counterpart(self) -> dict[str, Any]:
        return keeping()
