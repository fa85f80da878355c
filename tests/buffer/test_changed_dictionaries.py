"""Set-up dictionaries that have been changed on their way are refused, never guessed at."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mimocorb.errors import BufferUnreachable, MimocorbError, SetupError
from mimocorb.mimo_buffer import NewBuffer, Observer, Reader, Writer

HANDLES = {
    Writer: NewBuffer.new_writer,
    Reader: NewBuffer.new_reader_group,
    Observer: NewBuffer.new_observer,
}
OTHER_SIZES = [
    {"number_of_slots": 10**9},
    {"number_of_slots": 3},
    {"values_per_slot": 10**12},
    {"values_per_slot": 2},
    {"dtype": np.dtype("f4")},
    {"dtype": np.dtype([("a", "f8"), ("b", "f8")])},
]
NO_SUCH_VALUES = [
    {"number_of_slots": "four"},
    {"number_of_slots": -1},
    {"values_per_slot": None},
    {"dtype": np.dtype("O")},
    {"dtype": np.dtype([("a", "O")])},
    {"dtype": "no such type"},
    {"address": None},
    {"address": {"ring": (1, 2)}},
    {"address": {"ring": ("a", "b", "c", "d")}},
    {"address": {"ring": (os.getpid(), 10**12, 0, 0)}},
    {"name": 3},
]


@pytest.fixture(params=["shared_memory", "in_process"])
def buffer(request):
    with NewBuffer(4, 3, "f8", backend=request.param) as made:
        yield made


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize("change", OTHER_SIZES)
def test_another_geometry_is_refused_with_both(buffer, handle, change):
    setup = HANDLES[handle](buffer) | change
    with pytest.raises(SetupError, match=r"of 24 bytes: hand it on as it is") as refused:
        handle(setup)
    assert "the buffer has 4 slots" in str(refused.value)


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize("change", NO_SUCH_VALUES)
def test_what_no_buffer_can_have_given_is_refused(buffer, handle, change):
    setup = HANDLES[handle](buffer) | change
    with pytest.raises(SetupError, match=r"its '.*' is .*: hand it on as it is"):
        handle(setup)


@pytest.mark.parametrize("handle", HANDLES)
def test_a_key_that_is_missing_is_named(buffer, handle):
    for key in HANDLES[handle](buffer).keys() - {"kind", "first_sequence", "first_counter"}:
        setup = dict(HANDLES[handle](buffer))
        del setup[key]
        with pytest.raises(SetupError, match=f"it has no '{key}'"):
            handle(setup)


OF_THE_SAME_SIZE = [
    np.dtype("i8"),
    np.dtype(">f8"),
    np.dtype("M8[s]"),
    np.dtype("V8"),
    np.dtype([("a", "f8")]),
    np.dtype([("a", "f4"), ("b", "f4")]),
    np.dtype(("f4", (2,))),
]


@pytest.mark.parametrize("handle", HANDLES)
@pytest.mark.parametrize("dtype", OF_THE_SAME_SIZE, ids=str)
def test_another_type_of_the_same_size_is_refused(buffer, handle, dtype):
    with pytest.raises(SetupError, match=r"its 'dtype' is .*another one was given: hand it on"):
        handle(HANDLES[handle](buffer) | {"dtype": dtype})


@pytest.mark.parametrize("handle", HANDLES)
def test_fields_in_another_order_or_of_other_names_are_refused(handle):
    with NewBuffer(4, 1, [("a", "f8"), ("b", "f8")]) as made:
        for fields in ([("b", "f8"), ("a", "f8")], [("a", "f8"), ("c", "f8")]):
            with pytest.raises(SetupError, match="another one was given"):
                handle(HANDLES[handle](made) | {"dtype": np.dtype(fields)})
        handle(HANDLES[handle](made) | {"dtype": [("a", "f8"), ("b", "f8")]}).close()


@pytest.mark.parametrize(
    ("handle", "key", "value"),
    [(Writer, "token", "x"), (Writer, "token", 99), (Reader, "group", 7)],
)
def test_another_place_in_the_buffer_is_refused(buffer, handle, key, value):
    with pytest.raises(MimocorbError, match=r"hand it on|no such|there is no"):
        handle(HANDLES[handle](buffer) | {key: value})


def test_memory_that_has_been_written_over_is_refused():
    with NewBuffer(4, 3, "f8") as made:
        setup = made.new_observer()
        pid, descriptor, *_ = setup["address"]["ring"]
        with Path(f"/proc/{pid}/fd/{descriptor}").open("r+b", buffering=0) as memory:
            head = memory.read(256)
            place = head.index((24).to_bytes(8, "little"))  # bytes of a slot
            memory.seek(place)
            memory.write((1 << 40).to_bytes(8, "little"))
            with pytest.raises(BufferUnreachable, match="has been written over"):
                Observer(setup)
            memory.seek(place)
            memory.write((24).to_bytes(8, "little"))
        Observer(setup).close()
