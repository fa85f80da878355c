"""CSV: what stands in the file, and that its checksums are looked at."""

from __future__ import annotations

import numpy as np
import pytest

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.csv_format import CSV, CsvTable
from mimocorb.recording.csv_sink import Csv

DTYPE = np.dtype([("height, peak", "f4"), ("n", "i8"), ("ok", "?")])


def write(directory, count=3, **options):
    data = np.zeros((count, 1), DTYPE)
    data["height, peak"][:, 0] = 0.1 + np.arange(count)
    data["n"][:, 0] = (1 << 62) + np.arange(count)
    data["ok"][:, 0] = np.arange(count) % 2
    numbers = np.arange(count)
    metadata = BatchMetadata(numbers, 1.5 + numbers, np.full(count, 0.25))
    buffer = {"name": "pulses", "dtype": DTYPE, "values_per_slot": 1}
    with CsvTable("csv", directory, "t.csv", buffer, {"units": {"n": "mV"}}, **options) as table:
        table.append(data, metadata)
    return directory / "t.csv", data


def test_a_heading_that_needs_it_is_quoted_and_spreadsheets_read_it(tmp_path):
    path, _ = write(tmp_path)
    lines = path.read_text().splitlines()
    assert lines[1] == 'counter,timestamp,deadtime,time_ns,may_repeat,"height, peak",n,ok'
    assert lines[2] == "0,1.5,0.25,,0,0.1,4611686018427387904,0"
    table = np.genfromtxt(path, delimiter=",", comments="#", skip_header=2)
    assert table[:, 5] == pytest.approx([0.1, 1.1, 2.1])


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(tmp_path, separator):
    path, data = write(tmp_path, separator=separator, decimal_comma=True)
    assert path.read_text().splitlines()[2].split(separator)[1] == "1,5"
    with mimocorb.open(path) as events:
        np.testing.assert_array_equal(events[:].data, data)
        assert events.dtype == DTYPE
        assert events.units == {"n": "mV"}
        assert events.damage() == []


def test_a_wrong_digit_is_found_and_takes_its_block_only(tmp_path):
    path, _ = write(tmp_path, 3000)
    text = path.read_text().replace("\n1500,", "\n1600,", 1)
    path.write_text(text)
    with mimocorb.open(path) as events:
        assert events.damage() == ["rows 1024 to 2047 are not what was written"]
        assert events[2999].metadata.counter == 2999
        with pytest.raises(DamagedFile, match="rows 1024 to 2047"):
            events[1500]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("at", [0, 4, 12])
def test_a_table_whose_first_line_has_changed_is_not_taken_for_one_of_others(
    tmp_path, separator, at
):
    path, _ = write(tmp_path, separator=separator)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="its first line is not what was written"):
        mimocorb.open(path)


def test_decimal_commas_need_another_separator(tmp_path):
    buffer = {"name": "pulses", "dtype": DTYPE, "values_per_slot": 1}
    with pytest.raises(SetupError, match="another separator than a comma"):
        Csv(filename="t", separator="comma", decimal_comma=True, buffer=buffer, directory=tmp_path)
    with pytest.raises(SetupError, match="separator is 'pipe'; choose one of comma"):
        Csv(filename="t", separator="pipe", buffer=buffer, directory=tmp_path)


@pytest.mark.parametrize(
    ("dtype", "values"), [("c16", 1), ("U3", 1), ("f8", 5), ([("a", "f4", (3,))], 1)]
)
def test_what_is_no_number_is_refused_with_what_to_do(tmp_path, dtype, values):
    buffer = {"name": "raw", "dtype": np.dtype(dtype), "values_per_slot": values}
    with pytest.raises(SetupError, match=r"raw.*record or parquet"):
        CSV.create(tmp_path, "t", buffer, {})
