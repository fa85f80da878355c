from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.float64]
_Places = NDArray[np.int64]

def find_pulses(
    traces: NDArray[np.generic],
    height: tuple[float, float],
    prominence: tuple[float, float],
    width: tuple[float, float],
    distance: float,
    scale: Sequence[float],
    baseline: Sequence[float],
    integral_before: float,
    integral_after: float,
    times: _Numbers,
) -> bytearray: ...
def pairs(first: _Places, second: _Places, window: int, delay: int) -> bytearray: ...
def groups(event: _Places, time: _Numbers, window: float, out: _Places) -> int: ...
def levels(
    traces: NDArray[Any], begin: _Places, end: _Places, kind: int, out: _Numbers
) -> None: ...
def heights(
    traces: NDArray[Any],
    baseline: _Numbers,
    scale: _Numbers,
    begin: _Places,
    end: _Places,
    out: _Numbers,
) -> None: ...
def leading_edges(
    traces: NDArray[Any],
    baseline: _Numbers,
    scale: _Numbers,
    begin: _Places,
    end: _Places,
    threshold: float,
    out: _Numbers,
) -> None: ...
def constant_fractions(
    traces: NDArray[Any],
    baseline: _Numbers,
    scale: _Numbers,
    begin: _Places,
    end: _Places,
    fraction: float,
    out: _Numbers,
) -> None: ...
def integrals(
    traces: NDArray[Any],
    baseline: _Numbers,
    scale: _Numbers,
    begin: _Places,
    end: _Places,
    out: _Numbers,
) -> None: ...
def smooth(
    traces: NDArray[Any], baseline: _Numbers, scale: _Numbers, width: int, out: _Numbers
) -> None: ...
def trapezoid(
    traces: NDArray[Any],
    baseline: _Numbers,
    scale: _Numbers,
    rise: int,
    flat: int,
    decay: float,
    out: _Numbers,
) -> None: ...
def correlate(
    traces: NDArray[Any], baseline: _Numbers, scale: _Numbers, pattern: _Numbers, out: _Numbers
) -> None: ...
def crc32c(data: bytes | bytearray | memoryview | NDArray[Any], before: int = 0) -> int: ...
def crc32c_paths() -> list[str]: ...
def crc32c_by(
    path: str, data: bytes | bytearray | memoryview | NDArray[Any], before: int = 0
) -> int: ...
def join_slots(
    slots: NDArray[np.uint8], places: _Places, values: NDArray[Any] | memoryview
) -> None: ...
def fill_slots(
    values: NDArray[Any], offsets: _Places, record_bytes: int, slots: NDArray[np.uint8]
) -> None: ...
def part_fields(
    records: NDArray[Any], targets: Sequence[tuple[int, int, NDArray[Any]]]
) -> None: ...
