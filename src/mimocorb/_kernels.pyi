from collections.abc import Sequence

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
