"""The contracts that ship with mimocorb: right components keep them, wrong ones are found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract_examples import (
    Lines,
    breaks_down,
    counts_backwards,
    delivers,
    forgets_its_last_events,
    is_terse,
    lines,
    looks,
    loses_the_timestamps,
    runs_out,
)

from mimocorb.testing.components import (
    FormatContract,
    ObserverContract,
    SinkContract,
    SourceContract,
)

TRACE = {"data_length": 8, "data_dtype": {"chA": "float64", "chB": "float64"}}
NUMBER = {"data_length": 1, "data_dtype": {"value": "float64"}}


class TestSource(SourceContract):
    component = delivers
    config: ClassVar = {"height": 5.0}
    buffer = TRACE


class CountsLines(SinkContract):
    component = Lines
    config: ClassVar = {"filename": "lines.txt"}
    buffer = NUMBER

    def count(self, directory: Path) -> int:
        return len((directory / "lines.txt").read_text().splitlines())


class TestSink(CountsLines):
    pass


class TestObserver(ObserverContract):
    component = looks
    buffer = TRACE

    def has_seen(self, directory: Path) -> bool:
        return (directory / "seen.txt").exists()


class TestFormat(FormatContract):
    component = Lines
    reader = lines
    config: ClassVar = {"filename": "lines.txt"}
    buffer = NUMBER

    def reader_config(self, directory: Path) -> dict[str, Any]:
        return {"file": str(directory / "lines.txt")}


class Terse(SourceContract):
    component = is_terse
    buffer = TRACE


class Backwards(SourceContract):
    component = counts_backwards
    buffer = TRACE


class RunsOut(SourceContract):
    component = runs_out
    buffer = TRACE


class Forgetful(CountsLines):
    component = forgets_its_last_events


class BreaksDown(ObserverContract):
    component = breaks_down
    buffer = TRACE


class LosesTimes(TestFormat):
    reader = loses_the_timestamps


@pytest.mark.parametrize(
    ("contract", "test"),
    [
        (Terse, "test_every_parameter_is_described"),
        (Terse, "test_its_configuration_is_accepted"),
        (Backwards, "test_each_event_has_a_number_of_its_own_in_rising_order"),
        (Backwards, "test_time_runs_forwards_and_dead_time_is_a_fraction"),
        (RunsOut, "test_it_delivers_events_and_the_run_ends_in_order"),
        (Forgetful, "test_every_event_is_kept"),
        (BreaksDown, "test_it_does_not_fail"),
        (LosesTimes, "test_data_and_metadata_are_read_back_unchanged"),
    ],
)
def test_a_component_that_breaks_a_promise_is_found_out(
    contract: type, test: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError):
        getattr(contract(), test)(tmp_path)


def test_what_the_feeding_source_delivers_is_all_different() -> None:
    from mimocorb.testing.feeding import feed

    dtype = np.dtype([("a", "f8"), ("b", "i4")])
    events = [data["a"][0] for data, _ in feed(number_of_samples=1, dtype=dtype, events=5)]
    assert len(set(events)) == 5
