from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

def find_pulses(
    traces: NDArray[np.generic],
    height: tuple[float, float],
    prominence: tuple[float, float],
    width: tuple[float, float],
    distance: float,
    scale: Sequence[float],
    baseline: float,
    baseline_samples: int,
    integral_before: int,
    integral_after: int,
) -> bytearray: ...
def crc32c(data: bytes | bytearray | memoryview | NDArray[Any], before: int = 0) -> int: ...
def crc32c_paths() -> list[str]: ...
def crc32c_by(
    path: str, data: bytes | bytearray | memoryview | NDArray[Any], before: int = 0
) -> int: ...
def part_fields(
    records: NDArray[Any], targets: Sequence[tuple[int, int, NDArray[Any]]]
) -> None: ...
