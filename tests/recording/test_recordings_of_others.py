"""Recordings of other programs, in the variants in which they are met."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import mimocorb
from mimocorb.errors import DamagedFile, MimocorbError, SetupError

N = 100
TIME = (np.arange(N) - 20) * 2e-9
A = np.round(np.sin(TIME * 1e8), 4)
B = np.round(np.cos(TIME * 1e8), 4)


def _rows(form: str) -> str:
    return "".join(
        form.format(i=i, t=t, us=t * 1e6, ns=t * 1e9, a=a, b=b)
        for i, (t, a, b) in enumerate(zip(TIME, A, B, strict=True))
    )


def _tds() -> str:
    heading = [
        ("Record Length", "1.0e+02"),
        ("Sample Interval", "2.0e-09"),
        ("", ""),
        ("Source", "CH1"),
        ("Vertical Units", "V"),
        ("Horizontal Units", "s"),
    ]
    lines = []
    for i in range(N):
        key, value = heading[i] if i < len(heading) else ("", "")
        lines.append(f"{key},{value},,{TIME[i]:.12f},  {A[i]:.5f},\r\n")
    return "".join(lines)


SCOPES: dict[str, tuple[str, list[str]]] = {
    "Tektronix TDS": (_tds(), ["CH1"]),
    "Tektronix MSO": (
        "Model,MSO2024\nSample Interval,2e-09\nVertical Units,V,V\nLabel,,\nTIME,CH1,CH2\n"
        + _rows("{t:.5e},{a},{b}\n"),
        ["CH1", "CH2"],
    ),
    "Tektronix, names only": ("TIME,CH1\n" + _rows("{t:.5e},{a}\n"), ["CH1"]),
    "Rigol DS1000Z": (
        "X,CH1,CH2,Start,Increment,\nSequence,Volt,Volt,-4.0e-08,2.0e-09\n"
        + _rows("{i},{a:.4e},{b:.4e},,\n"),
        ["ch1", "ch2"],
    ),
    "Rigol DS1000E": (
        "X,CH1,CH2,\nSecond,Volt,Volt,\n" + _rows("{t:.5e},{a:.4e},{b:.4e},\n"),
        ["CH1", "CH2"],
    ),
    "Rigol MSO5000": (
        "CH1V,CH2V,t0 =-4.0e-08s, tInc = 2e-09,\n" + _rows("{a:.5e},{b:.5e},,\n"),
        ["CH1V", "CH2V"],
    ),
    "Keysight": (
        "x-axis,1,2\nsecond,Volt,Volt\n" + _rows("{t:+.8E},{a:+.3E},{b:+.3E}\n"),
        ["ch1", "ch2"],
    ),
    "Siglent": (
        "Record Length,Analog:100\nSample Interval,Analog:2e-09\nVertical Units,V,V\n"
        "Source,CH1,CH2\nSecond,Volt,Volt\n" + _rows("{t:.11f},{a},{b}\n"),
        ["CH1", "CH2"],
    ),
    "LeCroy": (
        "LECROYHDO4054,12345,Waveform\nSegments,1,SegmentSize,100\n"
        "Segment,TrigTime,TimeSinceSegment1\n#1,10-Feb-2010 13:43:01,0                 \n"
        "Time,Ampl\n" + _rows("{t:.5e},{a}\n"),
        ["ch1"],
    ),
    "PicoScope": (
        "Time,Channel A,Channel B\n(us),(mV),(V)\n\n" + _rows("{us:.8f},{a},{b}\n"),
        ["Channel A", "Channel B"],
    ),
    "PicoScope, decimal commas": (
        "Zeit;Kanal A;Kanal B\n(ns);(mV);(V)\n\n" + _rows("{ns:.4f};{a};{b}\n").replace(".", ","),
        ["Kanal A", "Kanal B"],
    ),
    "Rohde & Schwarz": (
        "in s,C1 in V,C2 in V\n" + _rows("{t:.6E},{a:.4E},{b:.4E}\n"),
        ["C1", "C2"],
    ),
    "Digilent": (
        "#Digilent WaveForms Oscilloscope Acquisition\n#Sample rate: 500000000Hz\n\n"
        "Time (s),Channel 1 (V),Channel 2 (V)\n" + _rows("{t},{a},{b}\n"),
        ["Channel 1", "Channel 2"],
    ),
    "Hantek": ("#CHANNEL:CH1\n#CLOCK=500.0MHz\n#UNITS:V\n\n" + _rows("{ns:.3f},{a}\n"), ["CH1"]),
    "Yokogawa": (
        '"Model Name","DLM2054"\n"TraceName","CH1","CH2"\n"VUnit","V","V"\n'
        '"HResolution",2.0e-09,2.0e-09\n"HOffset",-4.0e-08,-4.0e-08\n"HUnit","s","s"\n\n'
        + _rows("{a:.4E},{b:.4E}\n"),
        ["CH1", "CH2"],
    ),
}


@pytest.mark.parametrize("maker", SCOPES)
def test_a_waveform_of_an_oscilloscope_is_one_event(tmp_path, maker):
    text, channels = SCOPES[maker]
    path = tmp_path / "scope.csv"
    path.write_bytes(text.encode())
    with mimocorb.open(path) as events:
        assert len(events) == 1
        assert list(events.dtype.names) == channels
        assert events.about["sample_time_ns"] == 2.0
        assert events.about["pre_trigger_samples"] == 20
        for name, expected in zip(channels, (A, B), strict=False):
            assert events[0].data[name] == pytest.approx(expected, abs=6e-4)
        assert events.damage() == []


def test_the_segments_of_lecroy_are_events_with_their_times(tmp_path):
    half = "".join(f"{TIME[i % 50]:.5e},{A[i]}\n" for i in range(N))
    (tmp_path / "s.csv").write_text(
        "LECROYWS454,1,Waveform\nSegments,2,SegmentSize,50\nSegment,TrigTime,TimeSinceSegment1\n"
        "#1,10-Feb-2010 13:43:01,0\n#2,10-Feb-2010 13:43:02,1.25\nTime,Ampl\n" + half
    )
    with mimocorb.open(tmp_path / "s.csv") as events:
        assert (len(events), events.values_per_slot) == (2, 50)
        assert np.diff(events.metadata.time_ns).tolist() == [1_250_000_000]
        assert events[1].data["ch1"].tolist() == A[50:].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "t;height\n1;2,5\n2;3,5\n",
        "t\theight\r\n1\t2.5\r\n2\t3.5\r\n",
        "# t   height\n 1   2.5\n\n 2   3.5\n# end\n",
        't,"height"\n1,"2.5"\n2,"3.5"\n',
        "% t height\n1 2,5\n2 3,5\n",
        "\ufefft,height\n1,2.5\n2,3.5\n",
        "some words in front, and more\nt,height\n1,2.5\n2,3.5\n",
    ],
)
def test_tables_however_they_are_written(tmp_path, text):
    (tmp_path / "t.txt").write_text(text, newline="")
    with mimocorb.open(tmp_path / "t.txt") as events:
        assert events.dtype.names == ("t", "height")
        assert events[:].data["height"].reshape(-1).tolist() == [2.5, 3.5]
        assert events[:].data["t"].reshape(-1).tolist() == [1, 2]
        assert events.dtype["t"] == np.int64


def test_dates_are_seconds_utc(tmp_path):
    text = "when,height\n1970-01-01 00:00:10,2.5\n1970-01-01T00:01:00.5Z,3.5\n"
    (tmp_path / "t.csv").write_text(text)
    with mimocorb.open(tmp_path / "t.csv") as events:
        assert events[:].data["when"].reshape(-1).tolist() == [10.0, 60.5]


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_packed_tables(tmp_path, ending):
    text = b"t,height\n1,2.5\n2,3.5\n"
    path = tmp_path / f"t.csv.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t.csv", text)
    else:
        packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[ending](text)
        path.write_bytes(packed)
    with mimocorb.open(path) as events:
        assert events[:].data["height"].reshape(-1).tolist() == [2.5, 3.5]


@pytest.mark.parametrize("decimal_comma", [False, True])
@pytest.mark.parametrize("end", ["", "stopped here\n"])
def test_a_long_table_is_read_as_a_short_one(tmp_path, decimal_comma, end):
    rows = [(n, n / 7, (1 << 60) + n) for n in range(6000)]
    text = "".join(f"{a};{b!r};{c};\n" for a, b, c in rows)
    text = text.replace(".", ",") if decimal_comma else text
    (tmp_path / "t.csv").write_text("# by some program\nEvent;height (mV);n\n" + text + end)
    with mimocorb.open(tmp_path / "t.csv") as events:
        assert events.metadata.counter.tolist() == list(range(6000))
        assert events[:].data["height"][:, 0].tolist() == [n / 7 for n in range(6000)]
        assert events[:].data["n"][:, 0].tolist() == [(1 << 60) + n for n in range(6000)]
        assert events.units == {"height": "mV"}
        assert len(events.damage()) == bool(end)


def test_a_channel_called_as_a_unit_beside_another_has_none(tmp_path):
    rows = "".join(f"{n / 2};{n};{2 * n}\n" for n in range(50))
    (tmp_path / "t.csv").write_text(f"Time;A;B\n{rows}")
    with mimocorb.open(tmp_path / "t.csv") as events:
        assert events.dtype.names == ("A", "B")
        assert events.units == {}


def test_a_row_that_is_none_is_told(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\nstopped here\n5,6\n7\n")
    with mimocorb.open(tmp_path / "t.csv") as events:
        assert len(events) == 4
        assert events.damage() == [
            "line 4 is no row of numbers: 'stopped here'",
            "1 of 4 rows have other than 2 columns",
        ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.txt", b"only words\nand more\n", "without columns of numbers"),
        ("t.bin", b"\x99" * 64, "of no format that is known: it begins with"),
        ("t.csv", b"", "t.csv is empty"),
        ("t.txt.gz", b"\x1f\x8bnot packed", "t.txt.gz cannot be read: Unknown comp"),
        ("t.hst", b"# 99999999-999999\n1\n2x\n", "something else than counts"),
        ("w.000.arrows", bytes(5000), "no batch is whole in its 5 000 bytes"),
        ("t.spe", b"$SPEC_ID:\nx\n", "no block \\$DATA"),
        ("t.mimo", b"nothing", "not a file that mimoCoRB2 has recorded"),
    ],
)
def test_what_is_not_understood_is_said(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MimocorbError, match=told):
        mimocorb.open(tmp_path / name)


# --- picoCosmo


def _pulses(header: str, rows: str, directory: Path):
    (directory / "p.dat").write_text(
        f"# {header}\n{rows}# \n#      active time 2240.7 s (from x)\n"
    )
    return mimocorb.open(directory / "p.dat")


def test_a_table_of_pulses_of_two_channels_with_second_pulses(tmp_path):
    header = "EvNr,  EvT,   V(1),  T(1), ..., V(NC), T(NC) "
    rows = (
        "1, 0.242, 0.142, 0.000, 0.1, -0.001\n4, 0.644, 0.256, 0.000, 0.2, 0.001\n"
        "5, 0.7, 0.1, 0.0, 0.2, 0.0, 0.3, 2.5, 0.4, 2.6\n"
    )
    with _pulses(header, rows, tmp_path) as events:
        first = ("EvNr", "EvT", "V1", "T1", "V2", "T2")
        assert events.dtype.names == (*first, "V1_2", "T1_2", "V2_2", "T2_2")
        assert events.metadata.counter.tolist() == [1, 4, 5]
        assert events.metadata.time_ns.tolist() == [242_000_000, 644_000_000, 700_000_000]
        assert events[2].data["T2_2"].tolist() == [2.6]
        assert np.isnan(events[0].data["V1_2"][0])
        assert events.about["active_time_s"] == 2240.7
        assert events.damage() == []


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ("115, 1, 2.5,   2.5, 0.14\n", ("delT1", "V1")),
        ("115, 1, 0.83,   0.832, 0.828,   0.121, 0.0741\n", ("delT1", "delT2", "V1", "V2")),
    ],
)
def test_a_table_of_double_pulses_is_read_by_its_header(tmp_path, row, names):
    with _pulses("Nacc, Ndble, Tau, delT(iChan), ... V(iChan)", row, tmp_path) as events:
        assert events.dtype.names == ("Nacc", "Ndble", "Tau", *names)


@pytest.mark.parametrize("channels", ["A", "AB"])
def test_raw_waveforms_of_picocosmo(tmp_path, channels):
    text = (
        f"--- #raw waveforms\nOscConf:\n  Channels: [{', '.join(channels)}]\n  NSamples: 3\n"
        "  TSampling: 4.0e-09\n  pretrig: 0.34\ndata: \n"
    )
    for event in range(2):
        lists = [f"[{event}.25, -0.5,\n    {at}e-3]" for at, _ in enumerate(channels)]
        text += " - [" + ",\n   ".join(lists) + "]\n\n"
    (tmp_path / "raw.dat").write_text(text + "--- \n")
    with mimocorb.open(tmp_path / "raw.dat") as events:
        assert events.dtype.names == tuple(channels)
        assert events.about["sample_time_ns"] == 4.0
        assert events.about["pre_trigger_samples"] == 1
        assert events[1].data["A"].tolist() == [1.25, -0.5, 0.0]
        assert events.damage() == []
    (tmp_path / "raw.dat").write_text(text[:-8])
    with mimocorb.open(tmp_path / "raw.dat") as events:
        assert (len(events), events.damage()) == (1, ["it ends inside event 1"])


# --- binary files


def test_compass_keeps_picoseconds_exactly(tmp_path):
    stamps = [3, 123_456_789_012_345_678, 10**17 + 1]
    content = struct.pack("<H", 0xCAE5)
    for stamp in stamps:
        content += struct.pack("<HHQHHI", 0, 2, stamp, 100, 50, 0x4000)
    (tmp_path / "list.bin").write_bytes(content)
    with mimocorb.open(tmp_path / "list.bin") as events:
        assert events[:].data["timestamp_ps"].reshape(-1).tolist() == stamps
        assert events.metadata.time_ns.tolist() == [stamp // 1000 for stamp in stamps]
        assert events.dtype.names[3:] == ("energy", "energy_short", "flags")
    (tmp_path / "list.bin").write_bytes(content[:-3])
    with mimocorb.open(tmp_path / "list.bin") as events:
        assert len(events) == 2
        assert events.damage() == ["it ends with 17 bytes of an event"]


@pytest.mark.parametrize(
    ("flags", "with_header"),
    [
        (1 | 4 | 8, True),
        (1 | 8, True),
        (2 | 8, True),
        (1 | 2 | 4 | 8, True),
        (1 | 4 | 8, False),  # as older versions write it
        (1 | 8, False),
    ],
)
@pytest.mark.parametrize("lengths", [(5, 5), (5, 7)])
def test_compass_with_waveforms(tmp_path, flags, with_header, lengths):
    content = struct.pack("<H", 0xCAE0 | flags) if with_header else b""
    for number, samples in enumerate(lengths):
        content += struct.pack("<HHQ", 1, 3, 1000 * number)
        content += struct.pack("<H", 100) if flags & 1 else b""
        content += struct.pack("<d", 0.5) if flags & 2 else b""
        content += struct.pack("<H", 50) if flags & 4 else b""
        content += struct.pack("<IBI", 0x4000, 1, samples)
        content += np.arange(samples, dtype="<u2").tobytes()
    (tmp_path / "wave.BIN").write_bytes(content)
    with mimocorb.open(tmp_path / "wave.BIN") as events:
        assert len(events) == 2
        samples = events[1].data["samples"].reshape(-1)
        assert samples.tolist() == list(range(lengths[1]))
        assert events[1].data["channel"].tolist() == [3]
        assert events.damage() == []


@pytest.mark.parametrize("boards", [1, 2])
@pytest.mark.parametrize("scaler", [True, False])
def test_drs4(tmp_path, boards, scaler):
    content = b"DRS2TIME" if scaler else b"TIME"
    for board in range(boards):
        content += b"B#" + struct.pack("<H", 20 + board)
        content += b"C001" + np.full(1024, 0.5, "<f4").tobytes()
    for number in range(3):
        content += b"EHDR" + struct.pack("<I8H", number, 2020, 1, 2, 3, 4, 5, 6, 50)
        for board in range(boards):
            content += b"B#" + struct.pack("<H", 20 + board) + b"T#" + struct.pack("<H", 7)
            content += b"C001" + (struct.pack("<I", 9) if scaler else b"")
            content += np.full(1024, 100 * board + number, "<u2").tobytes()
    (tmp_path / "drs.dat").write_bytes(content)
    with mimocorb.open(tmp_path / "drs.dat") as events:
        assert len(events) == 3
        names = ("ch1", "ch1_2")[:boards]
        assert [events[2].data[name][0, 5] for name in names] == [2, 102][:boards]
        assert events.about["offset"]["ch1"] == pytest.approx(0.05 - 0.5)
        assert events.metadata.time_ns[0] == 1_577_934_245_006_000_000
        assert events.damage() == []


def test_drs4_with_a_year_that_no_whole_nanoseconds_reach_is_damaged(tmp_path):
    content = b"DRS2TIMEB#" + struct.pack("<H", 7) + b"C001" + np.full(1024, 0.5, "<f4").tobytes()
    for number, year in enumerate((2020, 9999)):
        content += b"EHDR" + struct.pack("<I8H", number, year, 1, 2, 3, 4, 5, 6, 50)
        content += b"B#" + struct.pack("<H", 7) + b"T#" + struct.pack("<H", 7)
        content += b"C001" + struct.pack("<I", 9) + bytes(2048)
    (tmp_path / "drs.dat").write_bytes(content)
    with mimocorb.open(tmp_path / "drs.dat") as events:
        assert events.damage() == ["event 1 is said to be of the year 9999"]


def test_a_description_of_mimocorb2_that_names_a_program_is_not_followed(tmp_path):
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    (tmp_path / "evil.mimo").write_bytes(pickle.dumps({"data_dtype": Evil()}) + bytes(100))
    with pytest.raises(DamagedFile, match=r"names (io|_io)\.open"):
        mimocorb.open(tmp_path / "evil.mimo")
    assert not marker.exists()


# --- spectra


def test_spe_with_its_calibration(tmp_path):
    (tmp_path / "s.Spe").write_text(
        "$SPEC_ID:\r\nsome\r\n$DATE_MEA:\r\n02/09/2018 10:03:36\r\n$MEAS_TIM:\r\n296 300\r\n"
        "$DATA:\r\n0 3\r\n 1 2\r\n 3\r\n 4\r\n$MCA_CAL:\r\n3\r\n0.1 2.5 0.0 keV\r\n"
    )
    with mimocorb.open(tmp_path / "s.Spe") as events:
        assert events[0].data["counts"].tolist() == [1, 2, 3, 4]
        assert events.about["live_time_s"] == 296
        assert events.about["energy_calibration"] == [0.1, 2.5, 0.0]
        assert events[0].metadata.deadtime == pytest.approx(1 - 296 / 300)
        assert events.damage() == []


def test_others_are_not_looked_for_in_the_directory_of_a_run(tmp_path):
    (tmp_path / "notes.txt").write_text("1 2\n3 4\n")
    assert list(mimocorb.open(tmp_path)) == []
    assert len(mimocorb.open(tmp_path / "notes.txt")) == 2


def test_they_are_not_written(tmp_path):
    from mimocorb.recording.formats import formats

    with pytest.raises(SetupError, match="read only: write record, parquet or csv"):
        formats()["drs4"].create(tmp_path, "x", {}, {})


def test_the_command_lists_formats_with_what_they_cannot(capsys):
    from mimocorb.cli import main

    assert main(["files", "formats"]) == 0
    told = capsys.readouterr().out
    assert "parquet: is read and written" in told
    assert "drs4: is read\n  not prove      it has no checksums" in told


def test_verify_says_that_nothing_proves_a_file_without_checksums(tmp_path, capsys):
    from mimocorb.cli import main

    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    assert main(["files", "verify", str(tmp_path / "t.csv")]) == 0
    assert "nothing wrong was found in 2 events" in capsys.readouterr().out
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\nnot a row\n")
    assert main(["files", "verify", str(tmp_path / "t.csv")]) == 1
    assert "line 4 is no row of numbers" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["parquet", "hdf5", "root", "npz", "record"])
def test_recordings_of_others_are_exported(tmp_path, capsys, name):
    from mimocorb.cli import main

    (tmp_path / "scope.csv").write_text(SCOPES["Keysight"][0])
    arguments = ["--format", name, "--to", str(tmp_path / "out"), str(tmp_path / "scope.csv")]
    assert main(["files", "export", *arguments]) == 0
    assert "1 event written to" in capsys.readouterr().out
    (path,) = (tmp_path / "out").iterdir()
    with mimocorb.open(path) as events:
        assert events.units == {"ch1": "V", "ch2": "V"}
        assert events[0].data["ch1"] == pytest.approx(A, abs=6e-4)
