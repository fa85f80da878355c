"""Events as they are in spill files."""

import numpy as np

from mimocorb.recording.spilled_rows import event_dtype

FLOAT = np.dtype("float64")


def some_events(*sequences: int) -> np.ndarray:
    rows = np.zeros(len(sequences), event_dtype(FLOAT, 2))
    rows["sequence"] = sequences
    rows["counter"] = np.array(sequences) - 1
    rows["data"] = np.array(sequences)[:, None]
    return rows
