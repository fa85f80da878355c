"""Plain functions at the buffers of this process: what they get and when it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mimocorb import Metadata, filter, observer, sink, source
from mimocorb.compat.forms import bind_function
from mimocorb.components.worker import Worker
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
from mimocorb.model import FunctionReference, Role, WorkerSpec


@pytest.fixture
def raw() -> Iterator[NewBuffer]:
    with closing(NewBuffer(64, 4, [("chA", "f8"), ("chB", "f8")], name="raw")) as buffer:
        yield buffer


@pytest.fixture
def heights() -> Iterator[NewBuffer]:
    with closing(NewBuffer(64, 1, [("height", "f8")], name="heights")) as buffer:
        yield buffer


@pytest.fixture
def marks() -> Iterator[NewBuffer]:
    with closing(NewBuffer(64, 1, [("mark", "i4")], name="marks")) as buffer:
        yield buffer


def fill(buffer: NewBuffer, count: int) -> None:
    """Publish events 0, 1, 2 …, their counters from 100."""
    with Writer(buffer.new_writer()) as writer:
        for number in range(count):
            event = np.full(buffer.values_per_slot, number, dtype=buffer.dtype)
            writer.write(event, counter=100 + number, timestamp=1.5e9, deadtime=0.25)


def bind(
    function: Callable[..., Any],
    roles: Mapping[NewBuffer, Role],
    *,
    directory: str = "",
    **config: Any,
) -> Callable[[], None]:
    lists: dict[Role, list[Any]] = {"read": [], "write": [], "observe": []}
    makers = {"read": "new_reader_group", "write": "new_writer", "observe": "new_observer"}
    for buffer, role in roles.items():
        lists[role].append(getattr(buffer, makers[role])())
    reads, writes, observes = (
        tuple(buffer.name for buffer, given in roles.items() if given == role)
        for role in ("read", "write", "observe")
    )
    function_reference = FunctionReference("own", "f")
    spec = WorkerSpec(
        "w", function_reference, reads=reads, writes=writes, observes=observes, config=config
    )
    call = Worker(spec, *lists.values(), Path(directory))
    return bind_function(function, call)


def values(group: Any) -> list[float]:
    return [float(event[0][0]) for event in Reader(group)]


# --- sources


def test_a_source_is_configured_and_knows_its_buffer(raw: NewBuffer) -> None:
    @source
    def ramps(*, count: int, number_of_channels, number_of_samples, dtype):
        assert dtype.names == ("chA", "chB")
        for number in range(count):
            yield np.full((number_of_channels, number_of_samples), float(number))

    group = raw.new_reader_group()
    bind(ramps, {raw: "write"}, count=3)()
    assert values(group) == [0.0, 1.0, 2.0]


def test_a_source_may_give_metadata(raw: NewBuffer) -> None:
    @source
    def one():
        yield np.zeros((2, 4)), {"counter": 7, "timestamp": 1.5e9}

    group = raw.new_reader_group()
    bind(one, {raw: "write"})()
    with Reader(group) as reader:
        reader.get()
        assert reader.get_metadata()[:2] == (7, 1.5e9)


def test_a_source_starts_with_the_data_taking_and_is_closed_at_its_end(raw: NewBuffer) -> None:
    happened = []

    @source
    def device():
        happened.append("opened")
        try:
            while True:
                yield np.zeros((2, 4))
        finally:
            happened.append("closed")

    work = bind(device, {raw: "write"})
    raw.new_reader_group()
    assert happened == []
    raw.end_after(5)
    work()
    assert happened == ["opened", "closed"]


def test_a_source_may_return_something_to_iterate_over(raw: NewBuffer) -> None:
    @source
    def recorded():
        return [np.zeros((2, 4)), np.ones((2, 4))]

    group = raw.new_reader_group()
    bind(recorded, {raw: "write"})()
    assert values(group) == [0.0, 1.0]


def test_a_source_that_returns_something_else_is_named(raw: NewBuffer) -> None:
    @source
    def broken():
        return 5

    with pytest.raises(UserFunctionError) as raised:
        bind(broken, {raw: "write"})()
    assert str(raised.value) == (
        "broken is a source, so it yields events, or returns something to iterate over; it"
        " returned int"
    )


def test_a_source_that_raises_is_named_with_its_event(raw: NewBuffer) -> None:
    @source
    def broken():
        yield np.zeros((2, 4))
        raise ValueError("no trigger")

    with pytest.raises(UserFunctionError, match=r"broken failed on event 1: .* no trigger"):
        bind(broken, {raw: "write"})()


# --- filters


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        (lambda _: None, []),
        (lambda _: False, []),
        (lambda event: {"height": event["chA"][0]}, [0.0, 1.0, 2.0]),
        (lambda event: np.array([event["chA"][0]]), [0.0, 1.0, 2.0]),
        (lambda _: [{"height": 9.0}], [9.0] * 3),
        (lambda _: {"heights": 4.0}, [4.0] * 3),
        (lambda _: {"heights": [{"height": 1.0}, {"height": 2.0}]}, [1.0, 2.0] * 3),
        (lambda _: {}, []),
    ],
)
def test_a_filter_returns_what_goes_to_its_sink(
    raw: NewBuffer, heights: NewBuffer, result: Callable[[Any], Any], kept: list[float]
) -> None:
    group = heights.new_reader_group()
    work = bind(filter(result), {raw: "read", heights: "write"})
    fill(raw, 3)
    work()
    assert values(group) == kept


def test_a_filter_that_returns_true_keeps_the_event(raw: NewBuffer) -> None:
    with NewBuffer(64, 4, raw.dtype, name="kept") as kept:
        group = kept.new_reader_group()

        @filter
        def even(event):
            return event["chA"][0] % 2 == 0

        work = bind(even, {raw: "read", kept: "write"})
        fill(raw, 5)
        work()
        assert values(group) == [0.0, 2.0, 4.0]


def test_a_filter_with_several_sinks_names_them(
    raw: NewBuffer, heights: NewBuffer, marks: NewBuffer
) -> None:
    @filter
    def split(event):
        number = event["chA"][0]
        return {"heights": {"height": number}} if number < 2 else {"marks": int(number)}

    groups = heights.new_reader_group(), marks.new_reader_group()
    work = bind(split, {raw: "read", heights: "write", marks: "write"})
    fill(raw, 4)
    work()
    assert [values(group) for group in groups] == [[0.0, 1.0], [2.0, 3.0]]


def test_a_sink_that_is_not_there_is_named(
    raw: NewBuffer, heights: NewBuffer, marks: NewBuffer
) -> None:
    @filter
    def split(event):
        return {"hights": 1.0}

    work = bind(split, {raw: "read", heights: "write", marks: "write"})
    fill(raw, 1)
    with pytest.raises(UserFunctionError) as raised:
        work()
    assert (
        "split, event 100: returned a dictionary with hights, but the sinks are heights, marks"
        in (str(raised.value))
    )


@pytest.mark.parametrize("count", [1, 50])
def test_a_filter_gets_the_metadata_of_its_event(
    raw: NewBuffer, heights: NewBuffer, count: int
) -> None:
    seen = []

    @filter
    def look(event, metadata, *, offset: int):
        assert isinstance(metadata, Metadata)
        assert metadata.counter == event["chA"][0] + offset
        seen.append(metadata)

    work = bind(look, {raw: "read", heights: "write"}, offset=100)
    fill(raw, count)
    work()
    assert seen == [(100 + number, 1.5e9, 0.25) for number in range(count)]


def test_an_object_keeps_what_it_needs_from_event_to_event(
    raw: NewBuffer, heights: NewBuffer
) -> None:
    @filter
    class Differences:
        closed = 0

        def __init__(self, *, start: float = 0.0):
            self.before = start

        def __call__(self, event):
            before, self.before = self.before, event["chA"][0]
            return {"height": self.before - before}

        def close(self):
            Differences.closed += 1

    group = heights.new_reader_group()
    work = bind(Differences, {raw: "read", heights: "write"}, start=-5.0)
    fill(raw, 3)
    work()
    assert values(group) == [5.0, 1.0, 1.0]
    assert Differences.closed == 1


def test_an_object_is_closed_when_it_fails(raw: NewBuffer, heights: NewBuffer) -> None:
    closed = []

    @filter
    class Broken:
        def __call__(self, _event):
            raise ValueError("unlucky")

        def close(self):
            closed.append(self)

    work = bind(Broken, {raw: "read", heights: "write"})
    fill(raw, 1)
    with pytest.raises(UserFunctionError, match=r"Broken failed on event 100: .* unlucky"):
        work()
    assert len(closed) == 1


# --- sinks


def test_a_sink_gets_batches_with_their_metadata(heights: NewBuffer) -> None:
    batches = []

    @sink
    def keep(events, metadata):
        assert events.dtype == heights.dtype
        assert events.shape == (len(events), 1)
        assert not events.flags.writeable
        assert len(metadata.counter) == len(metadata.deadtime) == len(events)
        batches.append((events["height"][:, 0].tolist(), metadata.counter.tolist()))

    work = bind(keep, {heights: "read"})
    fill(heights, 40)
    work()
    assert [height for batch, _ in batches for height in batch] == [float(n) for n in range(40)]
    assert [counter for _, counters in batches for counter in counters] == list(range(100, 140))
    assert max(len(batch) for batch, _ in batches) == 32  # half of the slots


def test_events_are_acknowledged_when_the_sink_has_returned(heights: NewBuffer) -> None:
    due = []

    @sink
    def count(events):
        (group,) = heights.stats().groups
        due.append((group.due, len(events)))

    work = bind(count, {heights: "read"})
    fill(heights, 40)
    work()
    left = 40
    for still_due, taken in due:
        assert still_due == left
        left -= taken
    assert heights.stats().groups[0].due == 0


def test_events_that_come_again_come_one_by_one(heights: NewBuffer) -> None:
    batches = []

    @sink
    def fussy(events):
        batches.append(events["height"][:, 0].tolist())
        if 13.0 in batches[-1] and len(batches) == 1:
            raise ValueError("unlucky")

    group = heights.new_reader_group()
    spec = WorkerSpec("w", FunctionReference("own", "f"), reads=("heights",))
    call = Worker(spec, [group])
    fill(heights, 36)
    with pytest.raises(UserFunctionError, match="fussy failed on event 100"):
        bind_function(fussy, call)()
    bind_function(fussy, call)()
    assert batches[0] == [float(n) for n in range(32)]
    assert batches[1:33] == [[float(n)] for n in range(32)]
    assert [height for batch in batches[33:] for height in batch] == [32.0, 33.0, 34.0, 35.0]
    assert heights.stats().groups[0].acknowledged == 36


def test_a_sink_writes_into_the_directory_of_the_run(heights: NewBuffer, tmp_path: Path) -> None:
    @sink
    class Table:
        def __init__(self, *, filename: str, directory: Path):
            self.file = (directory / filename).open("w")

        def __call__(self, events):
            self.file.writelines(f"{height}\n" for height in events["height"][:, 0])

        def close(self):
            self.file.close()

    work = bind(Table, {heights: "read"}, directory=f"{tmp_path}/", filename="heights")
    fill(heights, 3)
    work()
    assert (tmp_path / "heights").read_text() == "0.0\n1.0\n2.0\n"


# --- observers


def test_an_observer_gets_copies_of_the_newest_event(raw: NewBuffer) -> None:
    seen = []

    @observer
    def look(event, metadata, *, channel: str = "chA"):
        seen.append((event[channel].tolist(), metadata.counter))

    work = bind(look, {raw: "observe"}, min_sleeptime=0.0)
    raw.new_reader_group()
    fill(raw, 5)
    work()
    assert seen == [([4.0] * 4, 104)]


def test_an_observer_need_not_take_metadata(raw: NewBuffer) -> None:
    seen = []
    work = bind(observer(lambda event: seen.append(event["chB"][0])), {raw: "observe"})
    raw.new_reader_group()
    fill(raw, 2)
    work()
    assert seen == [1.0]


# --- what is said before any data


def test_a_wrong_configuration_is_refused_before_the_work(
    raw: NewBuffer, heights: NewBuffer
) -> None:
    @filter
    def f(event, *, limit: float):
        pass

    with pytest.raises(SetupError) as raised:
        bind(f, {raw: "read", heights: "write"}, limits="high")
    assert [line.partition("error: ")[2] for line in str(raised.value).splitlines()] == [
        "f has the parameters limit; found 'limits' in the configuration of w; did you mean"
        " 'limit'?",
        "limit of f is float; found the text 'high'; input should be a valid number",
    ]


def test_the_wrong_buffers_are_refused_before_the_work(raw: NewBuffer) -> None:
    with pytest.raises(
        SetupError, match="is a sink, which reads one buffer; found that w observes"
    ):
        bind(sink(lambda _: None), {raw: "observe"})
