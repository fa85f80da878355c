"""Positional arguments in the order of the manual and in that of release 1.0.2."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb import buffer_control as bc
from mimocorb.errors import SetupError

NUMBERS = [("n", "f8")]


@pytest.fixture
def config(tmp_path):
    return {"filename": "saved", "directory_prefix": str(tmp_path), "min_sleeptime": 0}


@pytest.fixture
def sink(new_buffer):
    """Return the set-up of a writer, and a group that reads what it has written."""
    buffer = new_buffer(8, 1, NUMBERS, name="RB_2")
    return buffer.new_writer(), buffer.new_reader_group()


def numbers():
    yield from ((3.0, None), (1.0, None), (4.0, None))


SOURCES = {
    "manual": lambda sink, config: bc.rbImport(None, [sink], None, config, numbers),
    "manual, RB_assign": lambda sink, config: bc.SourceToBuffer(
        None, [sink], None, config, data_source=numbers, RB_1="write"
    ),
    "release": lambda sink, config: bc.rbImport([sink], config, numbers),
    "release, RB_assign": lambda sink, config: bc.rbImport([sink], config, numbers, RB_1="write"),
    "release, no configuration": lambda sink, _config: bc.rbImport([sink], None, numbers),
    "release, some by name": lambda sink, config: bc.rbImport([sink], config, ufunc=numbers),
    "release, most by name": lambda sink, config: bc.rbImport(
        [sink], config_dict=config, ufunc=numbers
    ),
    "by name": lambda sink, config: bc.rbImport(
        config_dict=config, sink_list=[sink], ufunc=numbers, RB_1="write"
    ),
    "manual, under its first name": lambda sink, config: bc.SourceToBuffer([sink], config, numbers),
}


@pytest.mark.parametrize("order", SOURCES)
def test_sources(sink, config, drained, order):
    source = SOURCES[order](sink[0], config)
    assert source.chnams == ["n"]
    source()
    assert [event["n"][0] for event in drained(sink[1])] == [3.0, 1.0, 4.0]


PUSHED = {
    "manual": lambda sink, config: bc.rbPut(None, [sink], None, config),
    "release": lambda sink, config: bc.rbPut([sink], config),
    "release, function": lambda sink, config: bc.rbPut([sink], config, None, RB_1="write"),
}


@pytest.mark.parametrize("order", PUSHED)
def test_pushed_sources(sink, config, drained, order):
    with PUSHED[order](sink[0], config) as put:
        assert put.config_dict == config
        assert put(7.0, None) is True
    assert [event["n"][0] for event in drained(sink[1])] == [7.0]


FILTERS = {
    "manual": lambda kind, source, sink, config, f: kind([source], [sink], None, config, f),
    "manual, by name": lambda kind, source, sink, config, f: kind(
        [source], [sink], None, config, ufunc=f, RB_1="read", RB_2="write"
    ),
    "release": lambda kind, source, sink, config, f: kind([source], [sink], config, f),
    "release, some by name": lambda kind, source, sink, config, f: kind(
        [source], [sink], config, ufunc=f, RB_1="read"
    ),
    "release, no configuration": lambda kind, source, sink, _, f: kind([source], [sink], None, f),
}


@pytest.mark.parametrize("order", FILTERS)
@pytest.mark.parametrize("kind", [bc.BufferToBuffer, bc.rbTransfer, bc.rbProcess])
def test_filters(filled, sink, drained, order, kind):
    source = filled([3.0, 1.0], dtype=NUMBERS)
    FILTERS[order](kind, source, sink[0], {}, lambda event: [event] if event["n"] > 2 else None)()
    assert [event["n"][0] for event in drained(sink[1])] == [3.0]


READERS = {
    "manual": lambda kind, source, config: kind([source], None, None, config),
    "manual, RB_assign": lambda kind, source, config: kind(
        [source], None, None, config, RB_1="read"
    ),
    "release": lambda kind, source, config: kind([source], config),
    "release, RB_assign": lambda kind, source, config: kind([source], config, RB_1="read"),
    "by name": lambda kind, source, config: kind(config_dict=config, source_list=[source]),
}


@pytest.mark.parametrize("order", READERS)
@pytest.mark.parametrize("kind", [bc.rb_toTxtfile, bc.rb_toParquetfile, bc.rbDrain, bc.rbExport])
def test_readers(filled, config, order, kind):
    reader = READERS[order](kind, filled([3.0, 1.0], dtype=NUMBERS), config)
    assert reader.config_dict == config
    if kind is bc.rbExport:
        assert [event and event[0]["n"][0] for event in reader()] == [3.0, 1.0, None]
    else:
        reader()
    assert reader.event_count == 2


@pytest.mark.parametrize("kind", [bc.rbObserver, bc.rbWSObserver])
@pytest.mark.parametrize("release", [True, False])
def test_observers(new_buffer, config, kind, release):
    buffer = new_buffer(4, 1, NUMBERS)
    to_observe = [buffer.new_observer()]
    watch = kind(to_observe, config) if release else kind(None, None, to_observe, config)
    with bc.rbPut([buffer.new_writer()], {}) as put:
        put(5.0, None)
        event = next(watch())
    assert event[0]["n"].tolist() == [5.0]
    assert next(watch()) is None


def test_the_function_of_an_export_may_follow_by_name(filled, config):
    seen = []
    bc.rbExport(
        [filled([3.0], dtype=NUMBERS)], config, ufunc=lambda data, _: seen.append(data[0])
    )()
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: bc.rbDrain([s], 3), r"rbDrain takes \(source_list, sink_list, observe_list"),
        (lambda s: bc.rbDrain([s], 3), r"as in release 1.0.2, \(source_list, config_dict\)"),
        (lambda s: bc.rbDrain([s], "text"), "in the place of sink_list, a list of set-up dict"),
        (lambda s: bc.rbImport(lambda: 1, [s]), "in the place of source_list.*found function"),
        (lambda s: bc.rbTransfer([s], [s], None, [1], len), "in the place of config_dict, a map"),
        (bc.rbDrain, "in the place of source_list.*SetupDict|found dict"),
    ],
)
def test_what_fits_into_no_order_is_told_with_both(filled, call, words):
    with pytest.raises(SetupError, match=words):
        call(filled([3.0], dtype=NUMBERS))


def test_a_reader_in_the_place_of_a_writer_is_in_no_order(filled):
    with pytest.raises(SetupError, match="in the place of sink_list, a list of set-up"):
        bc.rbImport([filled([3.0], dtype=NUMBERS)], {}, numbers)


def test_arrays_and_buffers_of_another_release_are_not_confused(filled, sink, drained):
    """A source of data that is a list is no list of set-up dictionaries."""
    bc.SourceToBuffer(None, [sink[0]], None, None, [3.0, 1.0])()
    assert [event["n"][0] for event in drained(sink[1])] == [3.0, 1.0]
    assert np.isscalar(3.0)
