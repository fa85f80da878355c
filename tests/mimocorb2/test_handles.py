"""What a function of mimoCoRB2 gets: buffers, configuration, and names to import."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mimocorb import worker_templates
from mimocorb.compat.forms import form_of
from mimocorb.compat.mimocorb2.buffer_io import BufferIO
from mimocorb.compat.mimocorb2.names import OFFERED
from mimocorb.components.worker import Worker
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
from mimocorb.model import FunctionReference, WorkerSpec
from mimocorb.worker_templates import (
    BufferObserver,
    BufferReader,
    BufferWriter,
    Exporter,
    Filter,
    Importer,
    Processor,
)

DTYPE = [("chA", "f8"), ("chB", "i4")]


@pytest.fixture
def buffer() -> Iterator[NewBuffer]:
    made = NewBuffer(8, 2, DTYPE, name="RB_1")
    yield made
    made.close()


def filled(buffer: NewBuffer, events: int) -> Any:
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        for n in range(events):
            writer.write(np.full(2, n, DTYPE), n, 1.5e9 + n, 0.25)
    return group


def buffer_io(sources=None, sinks=None, observed=None, **config: Any) -> BufferIO:
    spec = WorkerSpec("worker", FunctionReference("own", "f"), config=config)
    return BufferIO(Worker(spec, sources or (), sinks or (), observed or ()))


def test_each_with_statement_is_one_event_with_a_record_of_metadata(buffer):
    reader = BufferReader(filled(buffer, 2))
    for n in range(2):
        with reader as (metadata, data):
            assert metadata.shape == (1,)
            assert metadata["counter"][0] == n
            assert metadata[0].item() == (n, 1.5e9 + n, 0.25)
            assert data["chA"].tolist() == [n, n]
            data["chA"] = -1.0
    assert reader.is_shutdown.value is False
    for _ in range(2):
        with reader as (metadata, data):
            assert metadata is None
            assert data is None
    assert reader.is_shutdown.value is True
    assert buffer.stats().groups[0].acknowledged == 2


def test_an_event_is_given_back_if_its_with_statement_fails(buffer):
    group = filled(buffer, 1)
    with pytest.raises(ZeroDivisionError), BufferReader(group):
        1 / 0  # noqa: B018
    with Reader(group) as reader:
        reader.get(timeout_s=30)
        assert reader.delivery == 2


def test_a_loop_that_is_left_gives_its_event_back(buffer):
    group = filled(buffer, 3)
    for _data, metadata in Exporter(buffer_io([group])):
        if metadata["counter"] == 1:
            break
    with Reader(group) as reader:
        assert reader.get(timeout_s=30)["chA"][0] == 1


def test_what_comes_of_an_event_that_was_delivered_before_is_marked(buffer):
    group = filled(buffer, 3)
    with (
        NewBuffer(8, 2, DTYPE, name="RB_2") as second,
        NewBuffer(8, 2, DTYPE, name="RB_3") as third,
    ):
        sinks = [second.new_writer(), third.new_writer()]
        groups = [second.new_reader_group(), third.new_reader_group()]
        with Reader(group) as reader:
            reader.get()
            reader.reject("it failed")
        io = buffer_io([group], sinks)
        for _data, _metadata in Exporter(io):
            pass
        for each in groups:
            with Reader(each) as reader:
                marks = [(reader.get_metadata()[0], reader.may_repeat) for _ in reader]
            assert marks == [(0, True), (1, False), (2, False)]


def test_an_exporter_publishes_nothing_before_there_is_room_in_all_sinks(buffer):
    group = filled(buffer, 2)
    with NewBuffer(8, 2, DTYPE, name="RB_2") as free, NewBuffer(1, 2, DTYPE, name="RB_3") as full:
        full.new_reader_group()
        io = buffer_io([group], [free.new_writer(), full.new_writer()])
        exporter = iter(Exporter(io))
        next(exporter)
        waiting = threading.Thread(target=ended, args=(exporter,))
        waiting.start()
        while not any(each.waited_ns > 10**7 for each in full.waited()):
            time.sleep(0.001)
        assert (free.stats().published, full.stats().published) == (1, 1)
        full.end_writers()
        waiting.join()
        assert free.stats().aborted == 1


def ended(exporter):
    """Go on until a sink takes no more."""
    with pytest.raises(SystemExit):
        next(exporter)


def test_what_is_written_gets_the_metadata_that_were_set_or_usual_ones(buffer):
    group = buffer.new_reader_group()
    writer = BufferWriter(buffer.new_writer())
    for n in range(2):
        with writer as (metadata, data):
            data["chA"], data["chB"] = n, 0
    with writer as (metadata, data):
        data["chA"] = 7.0
        metadata["counter"] = 70
        metadata["timestamp"] = 1.0
        metadata["deadtime"] = 0.5
    with pytest.raises(ZeroDivisionError), writer:
        1 / 0  # noqa: B018
    writer.shutdown_buffer()
    with Reader(group) as reader:
        found = [(event["chA"][0], reader.get_metadata()) for event in reader]
    assert [value for value, _ in found] == [0, 1, 7]
    assert [metadata[0] for _, metadata in found] == [0, 1, 70]
    assert found[0][1][1] > 1.6e9
    assert found[0][1][2] == -1.0
    assert found[2][1] == (70, 1.0, 0.5)


def test_an_observer_sees_the_newest_event_once_and_then_the_end(buffer):
    observer = BufferObserver(buffer.new_observer())
    filled(buffer, 3)
    with observer as (metadata, data):
        assert metadata["counter"][0] == 2
        data["chA"] = 0.0
    with observer as (metadata, data):
        assert data is None
    assert observer.is_shutdown.value


def test_configuration_and_examples_are_where_mimocorb2_has_them(buffer):
    io = buffer_io(None, [buffer.new_writer()], min_height=3)
    assert io["min_height"] == io.config["min_height"] == io.get("min_height") == 3
    assert io.get("max_height", 5) == 5
    with pytest.raises(KeyError, match=r"has no 'min_heigth'; did you mean 'min_height'\?"):
        io["min_heigth"]
    assert io.buffer_names_out == ["RB_1"]
    assert io.data_out_examples[0].dtype == np.dtype(DTYPE)
    assert io.data_out_examples[0].shape == (2,)
    assert str(io).startswith("BufferIO(sources=[], sinks=['RB_1']")


def test_an_importer_writes_by_assignment_as_mimocorb2_does(buffer):
    group = buffer.new_reader_group()
    importer = Importer(buffer_io(None, [buffer.new_writer()]))

    def ufunc():
        yield np.array([1.7, 2.7])  # one array for all fields, cut off for integers
        yield np.full(2, 5, DTYPE)
        yield None
        raise AssertionError("asked for more after None")

    importer(ufunc)
    with Reader(group) as reader:
        found = [event.tolist() for event in reader]
    assert found == [[(1.7, 1), (2.7, 2)], [(5.0, 5), (5.0, 5)]]


def test_a_template_tells_which_buffers_it_needs(buffer):
    with pytest.raises(SetupError, match="Importer needs 0 sources, 1 sink and 0 observed"):
        Importer(buffer_io([filled(buffer, 1)]))


def test_a_filter_copies_only_to_equal_sinks(buffer):
    other = NewBuffer(8, 1, "f8", name="RB_2")
    with pytest.raises(SetupError, match="which do not fit into RB_2"):
        Filter(buffer_io([filled(buffer, 1)], [other.new_writer()]))
    other.close()


@pytest.mark.parametrize(
    ("template", "result", "words"),
    [
        (Filter, [True, False], "one truth value, or one for each sink \\(RB_2\\)"),
        (Processor, [1.0, 2.0], "a list of 1 result, one for each sink"),
        (Processor, 1.0, "a list of 1 result, one for each sink"),
    ],
)
def test_a_wrong_number_of_results_is_told_with_them(buffer, template, result, words):
    group = filled(buffer, 1)
    other = NewBuffer(8, 2, DTYPE, name="RB_2")
    with pytest.raises(UserFunctionError, match=words):
        template(buffer_io([group], [other.new_writer()]))(lambda _data: result)
    other.close()


def test_a_function_is_of_this_form_by_the_name_or_the_type_of_its_parameter():
    def theirs(buffer_io):
        pass

    def with_its_type(io: BufferIO):
        pass

    def with_its_class(io):
        pass

    with_its_class.__annotations__ = {"io": BufferIO}

    def without_its_decorator(event):
        pass

    def manual(source_list, sink_list, observe_list, config_dict, **rb_info):
        pass

    def with_default(buffer_io=None):
        pass

    for function in (theirs, with_its_type, with_its_class):
        assert form_of(function).name == "buffer_io"
    for function in (manual, with_default, without_its_decorator, Reader):
        assert form_of(function).name == "manual"


IN_A_WORKER = "from mimocorb.compat.mimocorb2.names import offer_mimocorb2; offer_mimocorb2()\n"


def outcome(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_every_name_that_is_offered_is_there_and_the_same_everywhere():
    statements = [
        f"from {module} import {', '.join(names)}" for module, names in OFFERED.items() if names
    ]
    check = (
        "import mimocorb2, mimocorb.worker_templates as ours, mimocorb.functions.exporters as e\n"
        "assert mimocorb2.Filter is mimocorb2.worker_templates.Filter is ours.Filter\n"
        "assert mimocorb2.functions.exporters.csv is e.csv\n"
        "print('all there')"
    )
    assert outcome("\n".join([IN_A_WORKER, *statements, check])) == "all there\n"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("from mimocorb2 import Control", "'Control' of mimocorb2 is not offered"),
        ("import mimocorb2.control", "'control' of mimocorb2 is not offered"),
        (
            "from mimocorb2.functions.importers import picoscope",
            "mimocorb2.functions has analyzers, data, exporters, misc, observers",
        ),
    ],
)
def test_other_names_are_told_with_those_that_are_there(statement, words):
    assert words in outcome(IN_A_WORKER + statement)


def test_outside_of_workers_nothing_is_offered():
    assert "No module named 'mimocorb2'" in outcome("import mimocorb.cli, mimocorb2")


def test_the_face_has_what_it_says():
    assert all(hasattr(worker_templates, name) for name in worker_templates.__all__)
