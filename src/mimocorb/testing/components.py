"""The promises of sources, sinks, observers and file formats as tests: subclass, name yours, run.

The author of a device writes::

    from mimocorb.testing.components import SourceContract
    from oscilloscope import oscilloscope

    class TestOscilloscope(SourceContract):
        component = oscilloscope
        config = {"address": "simulated"}
        buffer = {"data_length": 500, "data_dtype": {"chA": "float32", "chB": "float32"}}

A test name is the sentence it proves. Each test works as a user does: it writes a set-up and gives
it to ``mimocorb check`` or ``mimocorb run``, so that the component runs in a process of its own.
Needs pytest.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import yaml

__all__ = ["FormatContract", "ObserverContract", "SinkContract", "SourceContract"]

EVENTS = 20
WATCHDOG_S = 120.0
_FEEDING = str(Path(__file__).with_name("feeding.py"))


class ComponentContract:
    """What every component promises; the parts that differ are in the subclasses.

    Attributes
    ----------
    component
        A decorated function or class of a file that can be loaded by its path, or the name of an
        installed one.
    config
        A configuration that it accepts, without hardware.
    buffer
        The buffer that it writes, reads or observes: keys of a set-up, ``slot_count`` may be left
        out.
    """

    component: ClassVar[Callable[..., Any] | str]
    config: ClassVar[Mapping[str, Any]] = {}
    buffer: ClassVar[Mapping[str, Any]]
    _place: ClassVar[str]

    def test_its_configuration_is_accepted(self, tmp_path: Path) -> None:
        done = self._check(tmp_path, self.config)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_a_misspelt_parameter_is_refused(self, tmp_path: Path) -> None:
        done = self._check(tmp_path, {**self.config, "no_such_parameter": 1})
        assert done.returncode == 2, done.stdout + done.stderr
        assert "no_such_parameter" in done.stdout + done.stderr

    def test_every_parameter_is_described(self, tmp_path: Path) -> None:
        named = self._named()
        name = named["function"]
        target = f"{named['file']}:{name}" if "file" in named else name
        done = mimocorb(tmp_path, "describe", "--json", target)
        assert done.returncode == 0, done.stdout + done.stderr
        (described,) = json.loads(done.stdout)
        assert described["summary"]
        missing = [each["name"] for each in described["parameters"] if not each["meaning"]]
        assert missing == [], "give each parameter a line in the docstring"

    def _check(
        self, directory: Path, config: Mapping[str, Any]
    ) -> subprocess.CompletedProcess[str]:
        """Let ``mimocorb check`` look at a configuration."""
        return mimocorb(directory, "check", str(self._setup(directory, config)))

    def _named(self) -> dict[str, str]:
        """Return how a set-up names the component."""
        # Not through the instance, which would make a method of a function.
        component = inspect.getattr_static(self, "component")
        if isinstance(component, str):
            return {"function": component}
        return {
            "file": str(Path(inspect.getfile(component)).resolve()),
            "function": component.__name__,
        }

    def _setup(self, directory: Path, config: Mapping[str, Any] | None = None) -> Path:
        """Write a set-up of the component and its counterpart."""
        worker = self._worker(self.config if config is None else config)
        return write_setup(directory, self.buffer, {"tested": worker, **self._counterpart()})

    def _worker(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the component as a worker of a set-up."""
        return {**self._named(), self._place: ["events"], "config": dict(config)}

    def _counterpart(self) -> dict[str, Any]:
        raise NotImplementedError

    def _run(self, directory: Path, *options: str) -> Path:
        """Run the set-up, see that every event was processed, and return its directory."""
        return _run(directory, self._setup(directory), *options)


class SourceContract(ComponentContract):
    """What a source promises; it has to deliver at least ``events_wanted`` events.

    Attributes
    ----------
    events_wanted
        How many events are taken from it.
    """

    events_wanted: ClassVar[int] = EVENTS
    _place = "sinks"

    def test_it_delivers_events_and_the_run_ends_in_order(self, tmp_path: Path) -> None:
        kept = self._taken(tmp_path)
        assert len(kept["counter"]) == self.events_wanted

    def test_each_event_has_a_number_of_its_own_in_rising_order(self, tmp_path: Path) -> None:
        counters = self._taken(tmp_path)["counter"]
        assert np.all(np.diff(counters) > 0)

    def test_time_runs_forwards_and_dead_time_is_a_fraction(self, tmp_path: Path) -> None:
        kept = self._taken(tmp_path)
        assert np.all(np.diff(kept["timestamp"]) >= 0.0)
        deadtime = kept["deadtime"]
        assert np.all((deadtime == -1.0) | ((deadtime >= 0.0) & (deadtime <= 1.0)))

    def _counterpart(self) -> dict[str, Any]:
        return keeping()

    def _taken(self, directory: Path) -> dict[str, np.ndarray[Any, Any]]:
        run = self._run(directory, "--events", str(self.events_wanted))
        return kept_events(run)


class SinkContract(ComponentContract):
    """What a sink promises; say in :meth:`count` how many events it has kept."""

    _place = "sources"

    def count(self, directory: Path) -> int:
        """Return how many events are in what the sink wrote into the directory of a run."""
        raise NotImplementedError

    def test_every_event_is_kept(self, tmp_path: Path) -> None:
        assert self.count(self._run(tmp_path)) == EVENTS

    def test_every_event_is_kept_when_they_come_one_by_one(self, tmp_path: Path) -> None:
        setup = self._setup(tmp_path)
        content = yaml.safe_load(setup.read_text(encoding="utf-8"))
        content["Buffers"]["events"]["slot_count"] = 1
        setup.write_text(yaml.safe_dump(content), encoding="utf-8")
        assert self.count(_run(tmp_path, setup)) == EVENTS

    def test_a_run_without_events_is_no_failure(self, tmp_path: Path) -> None:
        setup = self._setup(tmp_path)
        content = yaml.safe_load(setup.read_text(encoding="utf-8"))
        content["Workers"]["feed"]["config"]["events"] = 0
        setup.write_text(yaml.safe_dump(content), encoding="utf-8")
        assert self.count(_run(tmp_path, setup)) == 0

    def _counterpart(self) -> dict[str, Any]:
        return {"feed": _feed()}


class ObserverContract(ComponentContract):
    """What an observer promises; say in :meth:`has_seen` what it leaves, if anything."""

    _place = "observes"

    def has_seen(self, directory: Path) -> bool:
        """Return whether it has seen an event, by what is in the directory of a run."""
        del directory
        return True

    def test_the_run_is_complete_beside_it(self, tmp_path: Path) -> None:
        run = self._run(tmp_path)
        assert len(kept_events(run)["counter"]) == EVENTS
        assert self.has_seen(run)

    def test_it_does_not_fail(self, tmp_path: Path) -> None:
        result = json.loads((self._run(tmp_path) / "run.json").read_text("utf-8"))["result"]
        assert result["warnings"] == []

    def _counterpart(self) -> dict[str, Any]:
        # Slow enough for the observer to be ready before the last event.
        feed = _feed(pause_s=0.05)
        return {
            "feed": feed,
            "kept": {"file": _FEEDING, "function": "Keep", "sources": ["events"]},
        }


class FormatContract(SinkContract):
    """What a file format promises: a sink that writes it and a source that reads it again.

    Attributes
    ----------
    reader
        The source, a decorated function or class.
    """

    reader: ClassVar[Callable[..., Any]]

    def reader_config(self, directory: Path) -> Mapping[str, Any]:
        """Return the configuration of the reader for what was written into a directory."""
        raise NotImplementedError

    def count(self, directory: Path) -> int:
        """Return how many events the reader finds."""
        return len(self._read_back(directory)["counter"])

    def test_data_and_metadata_are_read_back_unchanged(self, tmp_path: Path) -> None:
        run = self._run(tmp_path)
        written, read = kept_events(run), self._read_back(run)
        assert written.keys() == read.keys()
        for name, values in written.items():
            np.testing.assert_array_equal(read[name], values)

    def _counterpart(self) -> dict[str, Any]:
        return {"feed": _feed(), **keeping()}

    def _read_back(self, run: Path) -> dict[str, np.ndarray[Any, Any]]:
        reader = inspect.getattr_static(self, "reader")
        worker = {
            "file": str(Path(inspect.getfile(reader)).resolve()),
            "function": reader.__name__,
            "sinks": ["events"],
            "config": dict(self.reader_config(run)),
        }
        directory = run.parent / f"{run.name}_again"
        directory.mkdir()
        return kept_events(
            _run(directory, write_setup(directory, self.buffer, {"read": worker, **keeping()}))
        )


def keeping() -> dict[str, Any]:
    """Return the worker that keeps all events of a test, for :func:`kept_events`."""
    return {"kept": {"file": _FEEDING, "function": "Keep", "sources": ["events"]}}


def _feed(pause_s: float = 0.0) -> dict[str, Any]:
    config = {"events": EVENTS, "pause_s": pause_s}
    return {"file": _FEEDING, "function": "feed", "sinks": ["events"], "config": config}


def write_setup(directory: Path, buffer: Mapping[str, Any], workers: Mapping[str, Any]) -> Path:
    """Write a set-up of one buffer, ``events``, and its workers."""
    path = directory / "contract.yaml"
    content = {"Buffers": {"events": {"slot_count": 16, **buffer}}, "Workers": dict(workers)}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def _run(directory: Path, setup: Path, *options: str) -> Path:
    before = set((directory / "target").glob("*/"))
    done = mimocorb(directory, "run", "--quiet", str(setup), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = set((directory / "target").glob("*/")) - before
    return run


def kept_events(run: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return what the test's own sink has kept, one entry of each array for an event."""
    with np.load(run / "kept.npz") as kept:
        return dict(kept)


def mimocorb(
    directory: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", *arguments],
        cwd=directory,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )
