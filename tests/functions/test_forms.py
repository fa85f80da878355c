"""How decorators mark functions, and how functions without a decorator are called."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mimocorb
from mimocorb import filter
from mimocorb.buffer_control import BufferToTxtfile
from mimocorb.compat.forms import bind_function, form_of, has_preview
from mimocorb.components.form import is_batch, kind_of
from mimocorb.components.worker import Worker
from mimocorb.errors import SetupError
from mimocorb.mimo_buffer import NewBuffer, Writer
from mimocorb.model import FunctionReference, WorkerSpec
from mimocorb.setup.user_code.user_functions import load_function, locate


def worker(**config: Any) -> WorkerSpec:
    return WorkerSpec("w", FunctionReference("own", "f"), config=config)


@pytest.mark.parametrize("name", ["source", "filter", "sink", "observer"])
def test_a_decorated_function_stays_what_it_is(name: str) -> None:
    def f(event, *, factor=2):
        """Multiply."""
        return event * factor

    decorated = getattr(mimocorb, name)(f)
    assert decorated is f
    assert decorated(3, factor=4) == 12


def test_a_decorator_loads_next_to_nothing() -> None:
    code = "import sys, mimocorb; mimocorb.filter; print('numpy' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


@pytest.mark.parametrize("name", ["source", "filter"])
def test_a_decorator_with_batch_marks_a_batch_function(name: str) -> None:
    decorate = getattr(mimocorb, name)

    @decorate(batch=True)
    def f(events, *, factor=2):
        return events * factor

    assert (kind_of(f), is_batch(f), f(3, factor=4)) == (name, True, 12)
    assert not is_batch(decorate(lambda event: event))
    assert not is_batch(decorate(batch=False)(lambda event: event))


@pytest.mark.parametrize(
    ("name", "arguments", "options", "message"),
    [
        ("filter", (5.0,), {}, r"write @filter or @filter\(batch=True\) above .* Found 5\.0"),
        ("filter", (), {}, r"Found @filter\(\)"),
        ("filter", (), {"threshold": 3}, r"parameters of the function .* @filter\(threshold=3\)"),
        ("source", (), {"batch": 1}, r"Found @source\(batch=1\)"),
        ("source", (), {"batch": True, "rate": 2}, r"Found @source\(batch=True, rate=2\)"),
        ("sink", (5.0,), {}, "write @sink, without brackets, above"),
    ],
)
def test_anything_else_in_brackets_is_refused(name, arguments, options, message) -> None:
    with pytest.raises(TypeError, match=message):
        getattr(mimocorb, name)(*arguments, **options)


def test_what_follows_a_decorator_with_batch_is_a_function() -> None:
    with pytest.raises(TypeError, match=r"Found 5\.0"):
        filter(batch=True)(5.0)


@pytest.mark.parametrize("name", ["sink", "observer"])
def test_sinks_and_observers_have_no_options(name: str) -> None:
    with pytest.raises(TypeError):
        getattr(mimocorb, name)(batch=True)


def test_each_function_has_one_form() -> None:
    def manual(source_list, sink_list, observe_list, config_dict, **rb_info):
        pass

    def theirs(buffer_io):
        pass

    plain = filter(lambda event: event)
    assert [form_of(each).name for each in (plain, theirs, manual, BufferToTxtfile)] == [
        "plain",
        "buffer_io",
        "manual",
        "manual",
    ]


@pytest.mark.parametrize(
    ("function", "remedy"),
    [
        ("def f(event): return True", "put @filter, @sink or @observer above it"),
        ("def f(event, metadata): return True", "put @filter, @sink or @observer above it"),
        ("def f(): yield 1.0", "put @source above it"),
        ("def f(one, two, three): pass", "change the function"),
    ],
)
def test_a_forgotten_decorator_is_noticed_before_the_start(
    tmp_path: Path, function: str, remedy: str
) -> None:
    (tmp_path / "own.py").write_text(function)
    reference = locate("own", "f", tmp_path)
    call = Worker(WorkerSpec("w", reference))
    with pytest.raises(SetupError, match=re.escape(remedy)):
        bind_function(load_function(reference), call)


def test_a_function_that_cannot_be_called_says_what_may_be_missing() -> None:
    def f(event):
        return event

    with pytest.raises(SetupError, match=r"called as f\(source_list.*found \(event\).*@filter"):
        bind_function(f, Worker(worker()))


def test_a_class_is_made_and_called(tmp_path: Path) -> None:
    with NewBuffer(8, 1, [("height", "f8")], name="heights") as heights:
        call = Worker(worker(filename="table"), [heights.new_reader_group()], directory=tmp_path)
        with Writer(heights.new_writer()) as writer:
            writer.write(np.zeros(1, heights.dtype))
        bind_function(BufferToTxtfile, call)()
    assert len((tmp_path / "table.txt").read_text().splitlines()) == 2


def test_a_class_that_cannot_take_what_a_buffer_holds_says_so_before_data_are_taken() -> None:
    with NewBuffer(8, 4, [("height", "f8")], name="heights") as heights:
        call = Worker(worker(filename="table"), [heights.new_reader_group()])
        with pytest.raises(SetupError, match="one row per event, but heights has 4 values"):
            bind_function(BufferToTxtfile, call)


def test_a_class_of_ones_own_may_have_a_preview_of_another_kind() -> None:
    class Show:
        def preview(self) -> None: ...

    class Table(BufferToTxtfile): ...

    assert not has_preview(Show)
    assert has_preview(BufferToTxtfile)
    assert has_preview(Table)


def test_a_class_that_does_everything_in_its_constructor_is_not_called() -> None:
    class Old:
        made = 0

        def __init__(self, *_lists, **_roles):
            Old.made += 1

    bind_function(Old, Worker(worker()))()
    assert Old.made == 1
