"""Small files of every format, ours and those of others, to be damaged."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.jagged import Jagged
from mimocorb.recording.formats import formats

WAVES = np.dtype([("chA", "<i2"), ("chB", "<f4")])
NUMBERS = np.dtype([("height", "<f8"), ("n", "<i8")])
EVENTS = 60


def events(dtype: np.dtype, samples: int) -> tuple[np.ndarray, BatchMetadata]:
    random = np.random.default_rng(1)
    data = np.zeros((EVENTS, samples), dtype)
    for name in dtype.names:
        data[name] = random.integers(-1000, 1000, (EVENTS, samples))
    numbers = np.arange(EVENTS)
    metadata = BatchMetadata(10 + 3 * numbers, 1.7e9 + numbers / 8, numbers / 64)
    metadata.time_ns = 10**18 + numbers
    return data, metadata


def jagged(dtype: np.dtype, most: int) -> tuple[Jagged, BatchMetadata]:
    """Return events of which each is as long as it is."""
    data, metadata = events(dtype, most)
    lengths = np.random.default_rng(3).integers(0, most + 1, EVENTS)
    cut = [row[:length] for row, length in zip(data, lengths, strict=True)]
    return Jagged.of(cut, dtype), metadata


def ours(name: str, *, variable: bool = False) -> Callable[[Path], Path]:
    """Return what writes a file of one of our formats, in six batches."""

    def write(directory: Path) -> Path:
        dtype, samples = (NUMBERS, 1) if name in ("csv", "text") else (WAVES, 40)
        data, metadata = jagged(dtype, samples) if variable else events(dtype, samples)
        about = {"units": {dtype.names[0]: "mV"}}
        buffer = {
            "name": "raw",
            "dtype": dtype,
            "values_per_slot": samples,
            "variable": variable,
        }
        writer = formats()[name].create(directory, "some", buffer, about)
        for first in range(0, EVENTS, 10):
            part = slice(first, first + 10)
            writer.append(data[part], metadata.at(part))
        writer.close()
        (path,) = directory.iterdir()
        return path

    return write


def drs4(directory: Path) -> Path:
    random = np.random.default_rng(2)
    content = b"DRS2TIMEB#" + struct.pack("<H", 7) + b"C001"
    content += np.full(1024, 0.5, "<f4").tobytes() + b"C002" + np.full(1024, 0.5, "<f4").tobytes()
    for number in range(5):
        content += b"EHDR" + struct.pack("<I8H", number, 2020, 1, 2, 3, 4, 5, 6 + number, 0)
        content += b"B#" + struct.pack("<H", 7) + b"T#" + struct.pack("<H", number)
        for channel in (b"C001", b"C002"):
            samples = random.integers(0, 1 << 16, 1024).astype("<u2")
            content += channel + struct.pack("<I", 9) + samples.tobytes()
    return _written(directory / "some.dat", content)


def compass(directory: Path) -> Path:
    content = struct.pack("<H", 0xCAE0 | 1 | 4 | 8)
    for number in range(30):
        head = (0, number % 4, 10**12 * number + 7, 100 + number, 50, 0x4000, 1, 20)
        content += struct.pack("<HHQHHIBI", *head) + np.arange(20, dtype="<u2").tobytes()
    return _written(directory / "some.bin", content)


def mimo(directory: Path) -> Path:
    metadata = np.dtype([("counter", "<i8"), ("timestamp", "<f8"), ("deadtime", "<f8")])
    description = {
        "version": 1,
        "header": "This is a mimoCoRB file",
        "data_dtype": WAVES,
        "data_length": 20,
        "metadata_dtype": metadata,
        "metadata_length": 1,
    }
    content = pickle.dumps(description)
    for number in range(20):
        content += np.full(20, number, "<i2").astype(WAVES).tobytes()
        content += np.array([(number, 1.7e9 + number, 0.5)], metadata).tobytes()
    return _written(directory / "some.mimo", content)


def picocosmo(directory: Path) -> Path:
    text = (
        "--- #raw waveforms\nOscConf:\n  ChanOffsets: [0.4, 0.45]\n  Channels: [A, B]\n"
        "  NSamples: 20\n  TSampling: 4.0e-09\n  pretrig: 0.05\npFConf:\n  mode: 0\ndata: \n"
    )
    for number in range(20):
        rows = [[round(0.001 * (number + sample), 5) for sample in range(20)] for _ in "AB"]
        text += f" - {rows}".replace(", -", ",\n    -") + "\n\n"
    return _written(directory / "some.dat", text.encode())


def spe(directory: Path) -> Path:
    counts = "\n".join(f"{each:8d}" for each in range(200))
    text = "$SPEC_ID:\nsome\n$DATE_MEA:\n02/09/2018 10:03:36\n$MEAS_TIM:\n296 300\n$DATA:\n0 199\n"
    text += f"{counts}\n$MCA_CAL:\n3\n0.1 2.5 0.0 keV\n$ROI:\n0\n"
    return _written(directory / "some.spe", text.encode())


def oscilloscope(directory: Path) -> Path:
    text = "Model,MSO2024\nSample Interval,2e-09\nVertical Units,V,V\n\nTIME,CH1,CH2\n"
    text += "".join(f"{(n - 20) * 2e-9:.5e},{n / 10},{n / 7:.4f}\n" for n in range(200))
    return _written(directory / "some.csv", text.encode())


def table(directory: Path) -> Path:
    text = "# EvNr,  EvT,   V(1),  T(1), ..., V(NC), T(NC) \n"
    text += "".join(f"{3 * n}, {n / 8:.3f}, 0.{n + 100}, 0.000\n" for n in range(100))
    return _written(directory / "table.dat", text.encode())


def npz_of_others(directory: Path) -> Path:
    path = directory / "some.npz"
    np.savez(path, volts=np.arange(600.0).reshape(20, 30), number=np.arange(20), step=4e-9)
    return path


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


ANY_LENGTH = ", of any length"
OURS: Mapping[str, Callable[[Path], Path]] = {
    name: ours(name)
    for name in (
        "record",
        "parquet",
        "hdf5",
        "root",
        "rntuple",
        "npz",
        "csv",
        "parquet_tar",
        "text",
    )
} | {
    f"{name}{ANY_LENGTH}": ours(name, variable=True)
    for name in ("record", "parquet", "hdf5", "root", "npz", "parquet_tar")
}
OF_OTHERS: Mapping[str, Callable[[Path], Path]] = {
    "drs4": drs4,
    "compass": compass,
    "mimo": mimo,
    "picocosmo": picocosmo,
    "spe": spe,
    "oscilloscope": oscilloscope,
    "table": table,
    "npz of others": npz_of_others,
}
