"""What is in no bin of a histogram of mimoCoRB2 is counted as well, over a restart."""

from __future__ import annotations

import numpy as np

from mimocorb.compat.mimocorb2.prebuilt.exporters import _Histograms

EVENT = np.zeros(1, [("height", float)])


def fill(histograms, *values):
    for value in values:
        EVENT["height"] = value
        histograms.add(EVENT)
    histograms.save()


def test_values_outside_of_the_bins_are_counted_and_told(tmp_path):
    fill(_Histograms(tmp_path, {"height": (0.0, 10.0, 11)}), 5.0, -1.0, 10.0, 11.0, np.nan)
    again = _Histograms(tmp_path, {"height": (0.0, 10.0, 11)})
    fill(again, 3.0, 12.0)
    assert np.load(tmp_path / "height.npy").sum() == 3
    assert (tmp_path / "outside.csv").read_text().splitlines() == [
        "Channel,below,above,no number",
        "height,1,2,1",
    ]
    assert again.outside() == [
        "height: 1 value below, 2 values above, 1 value no number of 0 to 10 in no bin"
    ]
    inside = _Histograms(tmp_path / "other", {"height": (0.0, 10.0, 11)})
    assert inside.outside() == []
