"""The promises of a file format as tests: subclass, name yours, run.

The author of a format writes::

    from mimocorb.testing.formats import EventFileContract
    from my_package import MY_FORMAT

    class TestMyFormat(EventFileContract):
        format = MY_FORMAT

What your format says that it cannot (:data:`mimocorb.recording.formats.ABILITIES`) is not tried, or
tried less strictly; everything else is. A test name is the sentence it proves. Needs pytest.
"""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mimocorb.buffers.batch_metadata import NO_TIME, BatchMetadata
from mimocorb.buffers.jagged import Jagged
from mimocorb.errors import MimocorbError, SetupError
from mimocorb.recording.block import Block, metadata_from_parts, parts_of
from mimocorb.recording.events import Events
from mimocorb.recording.formats import ABILITIES, Format
from mimocorb.testing.contract_records import RECORD_TYPES

__all__ = ["EventFileContract"]

_MOST = 9
_LAYOUTS: dict[str, tuple[Any, int]] = {
    "interleaved": (np.dtype([("chA", "i2"), ("chB", "f8")]), 40),
    "contiguous": (np.dtype([("chA", "f4", (40,)), ("chB", "f4", (40,))]), 1),
    "numbers": (np.dtype([("height", "f8"), ("n", "i8")]), 1),
}


class EventFileContract:
    """What every file format promises.

    Attributes
    ----------
    format
        The format.
    read_by
        What reads its files, where that is another.
    """

    format: ClassVar[Format]
    read_by: ClassVar[Format | None] = None

    def _can(self, ability: str) -> bool:
        return ability not in self.format.cannot

    def _needs(self, ability: str) -> None:
        if not self._can(ability):
            pytest.skip(f"{self.format.name} cannot: {self.format.cannot[ability]}")

    def test_it_says_what_it_cannot(self) -> None:
        assert set(self.format.cannot) <= set(ABILITIES)
        assert all(len(each) > len(ability) for ability, each in self.format.cannot.items())

    def test_units_and_what_else_is_known_are_kept(self, tmp_path: Path) -> None:
        self._needs("about")
        written = self._some(3)
        about = {"units": {"height": "mV"}, "sample_time_ns": 4.0}
        writer = self.format.create(tmp_path, "some", _setup(written.data), about)
        writer.append(*written)
        writer.close()
        with self._open(tmp_path) as events:
            assert events.units == {"height": "mV"}
            assert float(events.about["sample_time_ns"]) == 4.0

    @pytest.mark.parametrize("values_per_slot", [1, 5])
    @pytest.mark.parametrize("record_type", RECORD_TYPES)
    def test_events_of_any_dtype_are_read_back_or_refused(
        self, tmp_path: Path, record_type: str, values_per_slot: int
    ) -> None:
        written = _events(np.dtype(RECORD_TYPES[record_type]), values_per_slot, 7)
        try:
            self._write(tmp_path, [written], np.dtype(RECORD_TYPES[record_type]))
        except SetupError:
            return
        with self._open(tmp_path) as events:
            self._compare(events[:], written)

    @pytest.mark.parametrize("layout", _LAYOUTS)
    def test_both_layouts_and_numbers_are_read_back_or_refused(
        self, tmp_path: Path, layout: str
    ) -> None:
        written = _events(*_LAYOUTS[layout], 50)
        try:
            self._write(tmp_path, [_part(written, 0, 20), _part(written, 20, 50)])
        except SetupError:
            return
        with self._open(tmp_path) as events:
            assert len(events) == 50
            self._compare(events[:], written)
            self._compare(events[13:37], _part(written, 13, 37))
            assert events[-1].metadata.counter == written.metadata.counter[-1]

    @pytest.mark.parametrize("record_type", RECORD_TYPES)
    def test_events_of_any_length_are_read_back_or_refused(
        self, tmp_path: Path, record_type: str
    ) -> None:
        self._needs("write")
        dtype = np.dtype(RECORD_TYPES[record_type])
        written = _jagged(dtype, 50)
        try:
            self._write(tmp_path, [_part(written, 0, 20), _part(written, 20, 50)], dtype)
        except SetupError:
            assert not self._can("lengths") or not self._can("types") or dtype.kind != "f"
            return
        self._needs("lengths")
        with self._open(tmp_path) as events:
            assert events.variable
            assert events.values_per_slot == _MOST
            self._compare_jagged(events[:], written)
            self._compare_jagged(events[13:37], _part(written, 13, 37))
            self._compare_jagged(events[::7], Block(written.data[::7], events[::7].metadata))
            places = np.array([41, 3, 17])
            self._compare_jagged(events.take(places)[:], _part(written, places))
            for blocks in (events.blocks(), events.blocks(7)):
                lengths = [length for block in blocks for length in block.data.lengths.tolist()]
                assert lengths == written.data.lengths.tolist()
            for at in (0, 3, -1):
                assert len(events[at].data) == written.data.lengths[at]

    def test_events_of_any_length_that_were_cut_or_flipped_are_whole_or_told(
        self, tmp_path: Path
    ) -> None:
        self._needs("lengths")
        self._needs("write")
        written = _jagged(np.dtype([("height", "f8"), ("n", "i8")]), 60)
        self._write(tmp_path, [_part(written, first, first + 10) for first in range(0, 60, 10)])
        (path,) = self._files(tmp_path)
        content = path.read_bytes()
        places = _places(len(content), 40)
        changes = [(f"cut at byte {place}", content[:place]) for place in places[:20]]
        for place in places:
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            changes.append((f"bit {place % 8} of byte {place}", bytes(flipped)))
        for what, changed in changes:
            path.write_bytes(changed)
            read = list(self._what_is_given_out(path))
            if self._can("prove"):
                self._compare_events(read, written)
                assert len(read) == 60 or self._damage(path), what

    def test_metadata_are_exact(self, tmp_path: Path) -> None:
        written = self._some(3)
        parts: dict[str, Any] = {
            "counter": np.array([0, 1 << 62, -5]),
            "timestamp": np.array([0.0, 1.7e9 + 1e-7, -1.0]),
            "deadtime": np.array([-1.0, 0.1, 1.0]),
            "may_repeat": np.array([True, False, True]),
            "time_ns": np.array([1, (1 << 62) + 1, NO_TIME]),
        }
        self._write(tmp_path, [Block(written.data, metadata_from_parts(parts))])
        with self._open(tmp_path) as events:
            read = parts_of(events.metadata)
        for name, values in parts.items():
            np.testing.assert_array_equal(read[name], values, err_msg=name)

    def test_notes_are_kept(self, tmp_path: Path) -> None:
        self._needs("notes")
        written = self._some(20)
        written.metadata.notes = np.array([f"why {n}" if n > 4 else "" for n in range(20)], object)
        writer = self.format.create(tmp_path, "some", _setup(written.data), {"notes": "reason"})
        for first in range(0, 20, 4):
            writer.append(*_part(written, first, first + 4))
        writer.close()
        with self._open(tmp_path) as events:
            assert events.metadata.notes is not None
            assert events.metadata.notes.tolist() == written.metadata.notes.tolist()

    def test_a_file_without_events_can_be_read(self, tmp_path: Path) -> None:
        self._write(tmp_path, [], self._some(1).data.dtype)
        with self._open(tmp_path) as events:
            assert len(events) == 0
            assert list(events.blocks()) == []
            assert events.damage() == []

    def test_a_whole_file_is_whole(self, tmp_path: Path) -> None:
        self._write(tmp_path, [self._some(50)])
        with self._open(tmp_path) as events:
            assert events.damage() == []

    def test_it_is_read_while_it_is_written(self, tmp_path: Path) -> None:
        self._needs("grow")
        written = self._some(60)
        writer = self.format.create(tmp_path, "some", _setup(written.data), {})
        writer.append(*_part(written, 0, 1))
        with self._open(tmp_path) as events:
            for first in range(1, 60, 7):
                assert len(events.look_again()) == first
                self._compare(events[:], _part(written, 0, first))
                writer.append(*_part(written, first, min(first + 7, 60)))
            assert len(events.look_again()) == 60
        writer.close()

    @pytest.mark.parametrize("ability", ["kill", "lengths"])
    def test_what_was_written_before_a_kill_is_there(self, tmp_path: Path, ability: str) -> None:
        self._needs("kill")
        self._needs(ability)
        written = self._some(60)
        if ability == "lengths":
            written = _jagged(np.dtype([("height", "f8"), ("n", "i8")]), 60)
        context = multiprocessing.get_context("fork")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a thread of a test beside
            child = context.Process(target=self._write_and_die, args=(tmp_path, written))
            child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        with self._open(tmp_path) as events:
            compare = self._compare_jagged if ability == "lengths" else self._compare
            compare(events[:], written)

    def _write_and_die(self, directory: Path, written: Block) -> None:
        writer = self.format.create(directory, "some", _setup(written.data), {})
        for first in range(0, 60, 10):
            writer.append(*_part(written, first, first + 10))
        os.kill(os.getpid(), signal.SIGKILL)

    def test_a_file_cut_at_any_byte_gives_whole_events_or_says_why_not(
        self, tmp_path: Path
    ) -> None:
        written = self._some(60)
        self._write(tmp_path, [_part(written, first, first + 10) for first in range(0, 60, 10)])
        (path,) = self._files(tmp_path)
        content = path.read_bytes()
        for size in _places(len(content), 60):
            path.write_bytes(content[:size])
            read = list(self._what_is_given_out(path))
            self._compare_events(read, written)
            if self._can("end") and (self._can("every bit") or len(read) < 60):
                assert self._damage(path), f"cut at byte {size} of {len(content)}"

    def test_no_flipped_bit_makes_a_wrong_event(self, tmp_path: Path) -> None:
        written = self._some(60)
        self._write(tmp_path, [_part(written, first, first + 10) for first in range(0, 60, 10)])
        (path,) = self._files(tmp_path)
        content = path.read_bytes()
        for place in _places(len(content), 120):
            changed = bytearray(content)
            changed[place] ^= 1 << place % 8
            path.write_bytes(changed)
            read = list(self._what_is_given_out(path))
            if self._can("prove"):
                self._compare_events(read, written)
                assert len(read) == 60 or self._damage(path), f"bit {place % 8} of byte {place}"
            if self._can("every bit"):
                assert self._damage(path), f"bit {place % 8} of byte {place}"
            if self._can("prove") and self._can("part"):
                assert len(read) >= 50, f"bit {place % 8} of byte {place}"

    # --- writing and reading

    def _some(self, count: int) -> Block:
        """Return events that every format can hold."""
        return _events(np.dtype([("height", "f8"), ("n", "i8")]), 1, count)

    def _write(self, directory: Path, blocks: list[Block], dtype: Any = None) -> None:
        data = blocks[0].data if blocks else np.empty((0, 1), dtype)
        writer = self.format.create(directory, "some", _setup(data, dtype), {})
        for block in blocks:
            writer.append(*block)
        writer.close()

    def _files(self, directory: Path) -> list[Path]:
        return [path for path in sorted(directory.iterdir()) if self._reader.part(path)]

    @property
    def _reader(self) -> Format:
        return self.read_by or self.format

    def _open(self, directory: Path) -> Events:
        files = {path: self._reader.open(path) for path in self._files(directory)}
        return Events(self._reader.join(files), "some")

    def _what_is_given_out(self, path: Path) -> Iterator[tuple[Any, Any]]:
        """Yield the events of a file that may be damaged; errors are said in our words."""
        try:
            if self._reader.part(path) is None:
                return
            with self._open(path.parent) as events, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for block in events.blocks():
                    yield from zip(block.data, block.metadata.counter.tolist(), strict=True)
        except MimocorbError:
            return

    def _damage(self, path: Path) -> list[str]:
        try:
            if self._reader.part(path) is None:
                return ["it is of no format"]
            with self._open(path.parent) as events:
                return events.damage()
        except MimocorbError as error:
            return [str(error)]

    def _compare_events(self, read: list[tuple[Any, Any]], written: Block) -> None:
        """See that every event that was given out was written."""
        by_counter = dict(zip(written.metadata.counter.tolist(), written.data, strict=True))
        for data, counter in read:
            np.testing.assert_array_equal(data, by_counter[counter].reshape(data.shape))

    def _compare_jagged(self, read: Block, written: Block) -> None:
        assert isinstance(read.data, Jagged)
        assert read.data.lengths.tolist() == written.data.lengths.tolist()
        if self._can("types"):
            assert (read.data.dtype, read.data.values.shape) == (
                written.data.dtype,
                written.data.whole().values.shape,
            )
            np.testing.assert_array_equal(read.data.values, written.data.whole().values)
        for mine, theirs in zip(read.metadata, written.metadata, strict=True):
            np.testing.assert_array_equal(mine, theirs)

    def _compare(self, read: Block, written: Block) -> None:
        if self._can("types"):
            assert read.data.dtype == written.data.dtype
            assert read.data.shape == written.data.shape
            np.testing.assert_array_equal(read.data, written.data)
        else:
            assert len(read.data) == len(written.data)
            for name in read.data.dtype.names or ():
                values = written.data[name] if written.data.dtype.names else written.data
                np.testing.assert_array_equal(
                    read.data[name].reshape(len(values), -1).astype(values.dtype),
                    values.reshape(len(values), -1),
                )
        for mine, theirs in zip(read.metadata, written.metadata, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def _setup(data: Any, dtype: Any = None) -> dict[str, Any]:
    kind = data.dtype if dtype is None else dtype
    if isinstance(data, Jagged):
        return {"name": "events", "dtype": kind, "values_per_slot": _MOST, "variable": True}
    return {"name": "events", "dtype": kind, "values_per_slot": data.shape[1]}


def _events(dtype: np.dtype[Any], values_per_slot: int, count: int) -> Block:
    """Return events of random bits, small ones, so that all of them mean something."""
    size = count * values_per_slot * dtype.itemsize
    random = np.random.default_rng(count)
    raw = random.integers(0, 2, size, np.uint8)
    if dtype.kind == "U":  # not every number is a character
        raw = random.integers(65, 91, size // 4, np.uint32)
    data = raw.view(dtype.base).reshape(count, values_per_slot, *dtype.shape)
    numbers = np.arange(count)
    return Block(data, BatchMetadata(10 + 3 * numbers, 1.7e9 + numbers / 8, numbers / 64))


def _jagged(dtype: np.dtype[Any], count: int) -> Block:
    """Return events of random bits, each with its own length; some have none."""
    lengths = np.random.default_rng(count).integers(0, _MOST + 1, count)
    lengths[[3, 7]] = 0, _MOST
    values = _events(dtype, 1, int(lengths.sum())).data.reshape(-1, *dtype.shape)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Block(Jagged(values, offsets), _events(dtype, 1, count).metadata)


def _part(block: Block, low: Any, high: int | None = None) -> Block:
    chosen = low if high is None else slice(low, high)
    return Block(block.data[chosen], block.metadata.at(chosen))


def _places(size: int, count: int) -> list[int]:
    """Return places in a file: its begin, its end, and random ones in between."""
    random = np.random.default_rng(0).integers(0, size, count).tolist()
    return [0, 1, size // 2, size - 1, *random]
