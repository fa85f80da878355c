"""BufferToTxtfile: what stands in the file, and what is refused before anything is written."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from mimocorb.buffer_control import BufferToTxtfile, rb_toTxtfile
from mimocorb.errors import OutputError, SetupError
from mimocorb.mimo_buffer import Reader
from mimocorb.recording.text import TextTable

PULSE = [("decay_time", "i4"), ("1st_chA_h", "f8")]


def save(group, directory, **config):
    config = {"filename": "pulses", "directory_prefix": str(directory), **config}
    sink = BufferToTxtfile(source_list=[group], config_dict=config, RB_3="read")
    sink.start()
    return sink


def table(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_writes_a_header_and_one_tab_separated_row_per_event(bench, tmp_path):
    _, group = bench.filled(
        [
            (np.array([(2197, 0.5)], PULSE), (0, 1.5e9, 0.25)),
            (np.array([(-3, 1e-300)], PULSE), (1, 1.5e9 + 0.1, 0.0)),
        ],
        dtype=PULSE,
    )
    sink = save(group, tmp_path)
    assert (tmp_path / "pulses.txt").read_text() == (
        "counter\ttimestamp\tdeadtime\tdecay_time\t1st_chA_h\n"
        "0\t1500000000.0\t0.25\t2197\t0.5\n"
        "1\t1500000000.1\t0.0\t-3\t1e-300\n"
    )
    assert sink.event_count == 2


def test_numbers_read_back_equal_to_the_last_bit(bench, tmp_path):
    rng = np.random.default_rng(7)
    dtype = [("f8", "f8"), ("f4", "f4"), ("i8", "i8"), ("u8", "u8"), ("b", "?"), ("big", ">f8")]
    extremes = [math.pi, 5e-324, -1.7976931348623157e308, math.nan, math.inf, -0.0]
    values = extremes + list(np.frombuffer(rng.bytes(8 * 200), "f8"))
    events = [
        np.array([(x, np.float32(n) / 3, -(2**63) + n, 2**64 - 1 - n, n % 2, x)], dtype)
        for n, x in enumerate(values)
    ]
    _, group = bench.filled(events, dtype=dtype)
    save(group, tmp_path)
    rows = table(tmp_path / "pulses.txt")[1:]
    for event, row in zip(events, rows, strict=True):
        f8, f4, i8, u8, b, big = row[3:]
        read = np.array([(float(f8), float(f4), int(i8), int(u8), b == "1", float(big))], dtype)
        for field in read.dtype.names:
            np.testing.assert_array_equal(read[field], event[field])


@pytest.mark.parametrize("dtype", ["f8", "f4", [("f4", "f4"), ("i2", "i2")], PULSE])
def test_rows_of_many_events_are_complete_and_in_order(bench, tmp_path, dtype):
    dtype = np.dtype(dtype)
    events = [np.array([(n, n / 3) if dtype.names else n / 3], dtype) for n in range(1000)]
    _, group = bench.filled(events, dtype=dtype)
    assert save(group, tmp_path).event_count == 1000
    rows = table(tmp_path / "pulses.txt")[1:]
    assert [row[:3] for row in rows] == [[str(n), "1.5", "0.25"] for n in range(1000)]
    read = [tuple(map(float, row[3:])) for row in rows]
    assert np.array(read if dtype.names else [x for (x,) in read], dtype).tobytes() == (
        np.concatenate(events).tobytes()
    )


def test_numpy_reads_the_file_by_column_name(bench, tmp_path):
    _, group = bench.filled([np.array([(n, n / 3)], PULSE) for n in range(5)], dtype=PULSE)
    save(group, tmp_path)
    read = np.genfromtxt(tmp_path / "pulses.txt", names=True, delimiter="\t", deletechars="")
    assert read["counter"].tolist() == [0, 1, 2, 3, 4]
    assert read["1st_chA_h"].tolist() == [n / 3 for n in range(5)]


def test_headings_can_be_replaced(bench, tmp_path):
    _, group = bench.filled([np.array([(1, 2)], PULSE)], dtype=PULSE)
    save(group, tmp_path, header_alias={"decay_time": "tau / ns", "deadtime": "dead"})
    assert table(tmp_path / "pulses.txt")[0] == [
        "counter",
        "timestamp",
        "dead",
        "tau / ns",
        "1st_chA_h",
    ]


def test_a_plain_dtype_gives_one_column_called_value(bench, tmp_path):
    _, group = bench.filled([np.array([0.1])], dtype="f8")
    save(group, tmp_path)
    assert table(tmp_path / "pulses.txt")[0][-1] == "value"
    assert table(tmp_path / "pulses.txt")[1][-1] == "0.1"


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_a_given_extension_is_kept(bench, tmp_path, name):
    _, group = bench.filled([], dtype="f8")
    assert save(group, tmp_path, filename=name).filename == str(tmp_path / name)
    assert len(table(tmp_path / name)) == 1


def test_the_later_name_is_the_same_class():
    assert rb_toTxtfile is BufferToTxtfile


def test_rows_are_in_the_file_while_the_run_goes_on(bench, tmp_path, in_background):
    from mimocorb.mimo_buffer import Writer

    buffer = bench.buffer(dtype=PULSE)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        config = {"filename": "pulses", "directory_prefix": str(tmp_path)}
        running = in_background(BufferToTxtfile([group], config_dict=config))
        writer.write(np.array([(1, 2)], PULSE))
        while len(table(tmp_path / "pulses.txt")) < 2:
            assert running.alive
        assert (tmp_path / "pulses.txt").read_text().endswith("\n")
    running.finish()


def test_an_existing_file_is_never_overwritten(bench, tmp_path):
    (tmp_path / "pulses.txt").write_text("years of work")
    _, group = bench.filled([np.array([(1, 2)], PULSE)], dtype=PULSE)
    with pytest.raises(OutputError, match=r"pulses\.txt exists already and is not overwritten"):
        save(group, tmp_path)
    assert (tmp_path / "pulses.txt").read_text() == "years of work"
    with Reader(group) as reader:
        reader.get(timeout_s=30)
        assert reader.delivery == 1


def test_a_link_is_not_followed(bench, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "pulses.txt").symlink_to(tmp_path / "outside" / "target.txt")
    _, group = bench.filled([], dtype=PULSE)
    with pytest.raises(OutputError, match="exists already"):
        save(group, tmp_path / "run")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["../escaped", "/tmp/escaped", "a/b", "", ".", "..", "a b", "a\0b", "x" * 65, "ä", 7, "a\n"],
)
def test_names_that_could_leave_the_run_directory_are_refused(bench, tmp_path, name):
    _, group = bench.filled([], dtype=PULSE)
    with pytest.raises(SetupError, match="1 to 64 letters"):
        save(group, tmp_path, filename=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("form", "config", "words"),
    [
        ({"values": 2, "dtype": PULSE}, {}, "RB_1 has 2 values per slot.*as Parquet files"),
        (
            {"dtype": [("x", "f8", (3,))]},
            {},
            "fields of RB_1 are whole channels of 3 samples. Save whole events, as Parquet files",
        ),
        ({"dtype": [("x", "f8", (3,)), ("n", "i4")]}, {}, "field 'x' of RB_1"),
        ({"dtype": [("x", "S8")]}, {}, "field 'x' of RB_1"),
        ({"dtype": PULSE}, {"header_alias": {"height": "h"}}, "header_alias names height"),
        ({"dtype": PULSE}, {"header_alias": 3}, "header_alias is 3. Write a mapping of columns"),
        ({"dtype": PULSE}, {"header_alias": {"decay_time": "a\tb"}}, "contains a tab"),
        ({"dtype": PULSE}, {"header_alias": {"decay_time": "counter"}}, "same heading"),
        ({"dtype": PULSE}, {"filename": None}, "needs the configuration key 'filename'"),
    ],
)
def test_refuses_before_it_creates_a_file(bench, tmp_path, form, config, words):
    _, group = bench.filled([], **form)
    with pytest.raises(SetupError, match=words):
        save(group, tmp_path, **config)
    assert list(tmp_path.iterdir()) == []


def test_refuses_other_assignments(bench):
    buffer = bench.buffer()
    with pytest.raises(SetupError, match="BufferToTxtfile needs one source, no sinks and no obs"):
        BufferToTxtfile(config_dict={"filename": "x"})
    with pytest.raises(SetupError, match="1 sink"):
        BufferToTxtfile([buffer.new_reader_group()], [buffer.new_writer()])


def test_a_missing_directory_is_named(bench, tmp_path):
    _, group = bench.filled([], dtype=PULSE)
    with pytest.raises(OutputError, match=r"cannot create .*gone.*No such file or directory"):
        save(group, tmp_path / "gone")


def test_headings_with_commas_and_quotes_are_those_of_a_csv_file(bench, tmp_path):
    dtype = [("x,y", "f8"), ('a "b"', "i4"), ("höhe", "f8")]
    _, group = bench.filled([np.array([(1.5, 2, 3.5)], dtype)], dtype=dtype)
    written = TextTable("test", group, tmp_path, "table.csv", separator=",")
    with written, Reader(group) as reader:
        written.append(reader.get_batch(1), reader.get_metadata_batch())
    with (tmp_path / "table.csv").open(newline="") as file:
        heading, row = csv.reader(file)
    assert heading == ["counter", "timestamp", "deadtime", "x,y", 'a "b"', "höhe"]
    assert row[3:] == ["1.5", "2", "3.5"]


def test_a_short_float_is_written_with_the_digits_that_it_has(bench, tmp_path):
    _, group = bench.filled([np.array([x], "f2") for x in (65504, 0.1, np.nan)], dtype="f2")
    save(group, tmp_path)
    read = [float(row[3]) for row in table(tmp_path / "pulses.txt")[1:]]
    np.testing.assert_array_equal(np.float32(read), np.float32(np.float16([65504, 0.1, np.nan])))
