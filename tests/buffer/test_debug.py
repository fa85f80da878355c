"""Views used after their event was given back raise an error in a buffer with ``debug``."""

from contextlib import closing

import numpy as np
import pytest

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import StaleView

RECORD = np.dtype([("chA", "float64"), ("chB", "float64")])


@pytest.fixture
def bench():
    """A debugged buffer of 3 values with 4 events of the numbers 0 to 3, a writer and a reader."""
    with closing(NewBuffer(8, 3, RECORD, debug=True, name="RB_1")) as buffer:
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for number in range(4):
            event = np.zeros(3, RECORD)
            event["chA"] = number
            writer.write(event)
        with closing(writer), closing(reader):
            yield writer, reader


USES = {
    "field": lambda view: view["chA"],
    "value": lambda view: view[0],
    "reduction": lambda view: view["chA"].max(),
    "position": lambda view: view["chA"].argmax(),
    "item": lambda view: view.item(0),
    "list": list,
    "copy": lambda view: view.copy(),
    "comparison": lambda view: view == 0,
    "stack": lambda view: np.stack([view, view]),
    "mean": np.mean,
    "text": str,
}


@pytest.mark.parametrize("use", ["field", "value", "copy", "stack", "text", "item", "list"])
def test_the_view_of_an_event_ends_with_the_event(bench, use):
    _, reader = bench
    kept = reader.get()
    USES[use](kept)  # as long as it is in hand
    reader.get()
    with pytest.raises(StaleView, match="a view of an event of buffer 'RB_1' was used after"):
        USES[use](kept)


@pytest.mark.parametrize("use", ["reduction", "position", "comparison", "mean"])
def test_so_do_the_views_of_its_parts(bench, use):
    _, reader = bench
    channel = reader.get()["chA"][1:]
    look = USES[use] if use in ("comparison", "mean") else lambda view: USES[use]({"chA": view})
    look(channel)
    reader.acknowledge()
    with pytest.raises(StaleView):
        look(channel)


def test_so_do_batches(bench):
    _, reader = bench
    batch = reader.get_batch(4)
    assert batch["chA"].sum() == 3 * (0 + 1 + 2 + 3)
    reader.reject()
    with pytest.raises(StaleView):
        batch["chA"].sum()


def test_an_event_that_was_published_cannot_be_changed(bench):
    writer, reader = bench
    slot = writer.get_new_buffer()
    slot["chA"] = 7.0
    writer.process_buffer()
    with pytest.raises(StaleView):
        slot["chA"] = 8.0
    channel = writer.get_new_buffer()["chB"]
    writer.abort()
    for change in (lambda: np.copyto(channel, 1.0), lambda: np.add(1.0, 1.0, out=channel)):
        with pytest.raises(StaleView):
            change()
    assert [event["chA"][0] for event in (reader.get() for _ in range(5))] == [0, 1, 2, 3, 7]


def test_copies_and_results_may_be_kept(bench):
    _, reader = bench
    event = reader.get()
    kept = [event.copy(), reader.copy(), event["chA"] + 1.0, np.stack([event["chA"]])]
    assert [type(array) for array in kept] == [np.ndarray] * 4
    for _ in range(3):
        reader.get()
    assert [array.shape for array in kept] == [(3,), (3,), (3,), (1, 3)]
    assert kept[0]["chA"].tolist() == [0.0, 0.0, 0.0]


def test_without_debug_views_are_plain_arrays():
    with closing(NewBuffer(2, 3, RECORD)) as buffer, closing(Writer(buffer.new_writer())) as writer:
        slot = writer.get_new_buffer()
        assert type(slot) is np.ndarray
        assert writer.get_new_buffer() is not slot
