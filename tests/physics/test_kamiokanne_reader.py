"""Recorded waveforms are read event by event, the same from both file forms."""

from __future__ import annotations

import tracemalloc
import zipfile

import numpy as np
import pytest

from mimocorb.devices.kamiokanne import (
    DATA_VARIABLE,
    KamiokanneHeader,
    find_file,
    read_events,
    read_header,
    read_reference,
)
from mimocorb.errors import SetupError

HEADER = """--- #raw waveforms
OscConf:
  Channels: [A, B]
  NSamples: 8
  TSampling: 4.0e-09
  pretrig: 0.25
  trgThr: -0.045
pFConf:
  pheight: -0.035
data:
"""


def rows_of(channel):
    """One channel as the original software wrote it: four voltages to a line."""
    numbers = [repr(float(voltage)) for voltage in channel]
    lines = [", ".join(numbers[i : i + 4]) for i in range(0, len(numbers), 4)]
    return "[" + ",\n    ".join(lines) + "]"


def text_of(events):
    return HEADER + "".join(
        " - [" + ",\n   ".join(rows_of(channel) for channel in event) + "]\n\n" for event in events
    )


@pytest.fixture
def volts():
    return np.random.default_rng(1).normal(-0.002, 0.1, (3, 2, 8))


def write_zip(path, text):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("raw.dat", text)
    return path


def write_npz(path, volts):
    np.savez(
        path,
        volts=volts.astype(np.float32),
        sample_time_s=4e-9,
        pretrigger_samples=2,
        trigger_threshold_V=-0.045,
    )
    return path


def test_text_in_a_zip_file_gives_events_in_millivolt_and_their_header(tmp_path, volts):
    file = write_zip(tmp_path / "raw.dat.zip", text_of(volts))
    assert read_header(file) == KamiokanneHeader(("A", "B"), 8, 4.0, 2, -45.0)
    events = list(read_events(file))
    assert [event.shape for event in events] == [(2, 8)] * 3
    np.testing.assert_allclose(events, 1e3 * volts, rtol=1e-6)


def test_unpacked_text_and_numpy_file_give_the_same_as_the_zip_file(tmp_path, volts):
    packed = write_zip(tmp_path / "raw.dat.zip", text_of(volts))
    unpacked = tmp_path / "raw.dat"
    unpacked.write_text(text_of(volts))
    array = write_npz(tmp_path / "waveforms.npz", volts)
    assert read_header(unpacked) == read_header(packed) == read_header(array)
    np.testing.assert_array_equal(list(read_events(unpacked)), list(read_events(packed)))
    np.testing.assert_allclose(list(read_events(array)), list(read_events(packed)), rtol=1e-6)


def test_text_that_ends_inside_an_event_names_the_event(tmp_path, volts):
    text = text_of(volts)
    file = write_zip(tmp_path / "raw.dat.zip", text[: text.rindex("[") + 20])
    events = read_events(file)
    assert len([next(events), next(events)]) == 2
    with pytest.raises(SetupError, match="ends inside event 2"):
        next(events)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("OscConf", "Nothing"), "no header"),
        (lambda text: text.replace("NSamples: 8", "NSamples: 9"), "event 0 should have 2 x 9"),
        (lambda text: text.replace("]]", "] ]"), "event 0 does not end"),
        (lambda text: text.replace("[[", "[[lost, ", 1), "event 0 should have"),
        (lambda _: "\x00\xff" * 100, "no header"),
    ],
)
def test_damaged_text_is_refused_with_its_place(tmp_path, volts, damage, message):
    file = write_zip(tmp_path / "raw.dat.zip", damage(text_of(volts)))
    with pytest.raises(SetupError, match=message):
        list(read_events(file))


def test_files_that_are_something_else_are_refused(tmp_path):
    for name in ("raw.dat.zip", "waveforms.npz"):
        (tmp_path / name).write_bytes(b"this is no archive")
        with pytest.raises(SetupError, match="cannot be read"):
            list(read_events(tmp_path / name))


def test_an_array_file_with_python_objects_is_not_unpickled(tmp_path):
    np.savez(tmp_path / "waveforms.npz", volts=np.array([[[{}]]], dtype=object))
    with pytest.raises(SetupError, match="cannot be read"):
        list(read_events(tmp_path / "waveforms.npz"))


def test_missing_data_are_explained_with_their_origin_and_how_to_name_them(tmp_path, monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(SetupError, match=r"picoCosmo.*Kanne_180403.*MIMOCORB_DATA"):
        find_file()
    with pytest.raises(SetupError, match=str(tmp_path)):
        find_file(data=tmp_path)


def test_the_folder_the_one_above_and_the_file_all_name_the_data(tmp_path, monkeypatch, volts):
    folder = tmp_path / "muon-kamiokanne"
    folder.mkdir()
    file = write_npz(folder / "kamiokanne_waveforms.npz", volts)
    (folder / "dpKanne2_180403.dat").write_text("# comment\n   7,  1,  2.5,   2.5,   0.25\n")
    for place in (tmp_path, folder, file):
        assert find_file(data=place) == file
        monkeypatch.setenv(DATA_VARIABLE, str(place))
        assert find_file() == file
        assert read_reference(find_file("reference")).tolist() == [(7, 2500.0, 250.0)]


def test_the_table_of_several_channels_has_their_times_before_their_heights(tmp_path):
    table = tmp_path / "two.dat"
    table.write_text(
        "# Nacc, ...\n7, 1, 2.5,   2.5, 0,   0.25, 0\n9, 2, 3,   3.1, 2.9,   0.2, 0.4\n"
    )
    assert read_reference(table).tolist() == [(7, 2500.0, 250.0), (9, 3000.0, 400.0)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1, 2, 3, 4\n", "it has 4"),
        ("1, 2, 3\n", "it has 3"),
        ("1, 2, 3, 4, 5\n1, 2\n", "columns"),
        ("1, 2, 3, 4, x\n", "string"),
    ],
)
def test_what_is_no_table_of_double_pulses_is_refused(tmp_path, text, found):
    (tmp_path / "other.dat").write_text(text)
    with pytest.raises(SetupError, match=f"no table of double pulses.*{found}"):
        read_reference(tmp_path / "other.dat")


def test_recorded_waveforms_agree_in_both_forms(recorded_data):
    """The same 1081 events; one step of the digitiser is 3.9 mV."""
    packed = recorded_data / "rawDP_180403.dat.zip"
    array = recorded_data / "kamiokanne_waveforms.npz"
    assert read_header(packed) == read_header(array)
    count = 0
    for from_text, from_array in zip(read_events(packed), read_events(array), strict=True):
        assert from_text.shape == (1, 4000)
        assert np.abs(from_text - from_array).max() < 0.01
        count += 1
    assert count == 1081 == len(read_reference(find_file("reference", recorded_data)))


def test_the_text_is_never_in_memory_as_a_whole(recorded_data):
    events = read_events(recorded_data / "rawDP_180403.dat.zip")
    tracemalloc.start()
    try:
        for _ in range(50):
            next(events)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5_000_000
