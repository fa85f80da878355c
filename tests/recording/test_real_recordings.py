"""Real recordings, where they are present: the figures that are known of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import mimocorb

BESIDE = Path(__file__).parents[2].parent / "shared" / "data"
DATA = Path(os.environ.get("MIMOCORB_DATA") or BESIDE)
pytestmark = pytest.mark.skipif(
    not (DATA / "muon-kamiokanne").is_dir(), reason="MIMOCORB_DATA names no recorded data"
)


@pytest.mark.parametrize(
    ("path", "count", "samples"),
    [
        ("redpitaya-coincidence/coincidence_2024-07-01_1604.tar", 561, 1000),
        ("redpitaya-pulser/pulser_2024-07-01_1225.tar", 159, 1000),
        ("muon-kamiokanne/rawDP_180403.dat.zip", 1081, 4000),
        ("muon-kamiokanne/kamiokanne_waveforms.npz", 1081, 1),
        ("muon-kamiokanne/dpKanne2_180403.dat", 1081, 1),
        ("muon-kamiokanne/pFilt_Kanne.dat", 8579, 1),
        ("gamma-pulse-times/pFilt_gamma_Uranglas.dat", 14639, 1),
        ("drs4-evalboard/drs4_v2_1ch_1000ev.dat", 1000, 1),
        ("gamma-spectra/digibase_5min_30_1.spe", 1, 1024),
        ("gamma-spectra/SGM102432.spe", 1, 4094),
        ("redpitaya-coincidence/CS137_720V.hst", 1, 4096),
        ("redpitaya-coincidence/Co60.hst", 1, 4096),
    ],
)
def test_all_events_are_there(path, count, samples):
    with mimocorb.open(DATA / path) as events:
        assert (len(events), events.values_per_slot) == (count, samples)
        assert events.damage() == []


def test_the_text_and_the_converted_waveforms_of_kamiokanne_are_the_same():
    folder = DATA / "muon-kamiokanne"
    with (
        mimocorb.open(folder / "rawDP_180403.dat.zip") as text,
        mimocorb.open(folder / "kamiokanne_waveforms.npz") as converted,
        mimocorb.open(folder / "dpKanne2_180403.dat") as table,
    ):
        np.testing.assert_array_equal(
            text[:].data["A"], converted[:].data["volts"].reshape(1081, -1)
        )
        assert (text.about["sample_time_ns"], text.about["pre_trigger_samples"]) == (4.0, 200)
        taus = table[:].data["Tau"].reshape(-1)
        np.testing.assert_array_equal(converted[:].data["reference_tau_us"].reshape(-1), taus)
        assert np.count_nonzero((taus > 1.5) & (taus < 15)) == 664


def test_the_coincidences_have_the_heights_that_are_known():
    with mimocorb.open(DATA / "redpitaya-coincidence/coincidence_2024-07-01_1604.tar") as events:
        assert events.dtype == np.dtype([("ch1", "i2"), ("ch2", "i2")])
        counters = events.metadata.counter
        assert (counters[0], counters[-1]) == (158, 40654)
        data = events[:].data
        heights = {
            name: data[name].max(axis=1) - np.median(data[name][:, :100], axis=1)
            for name in ("ch1", "ch2")
        }
        assert np.median(heights["ch1"]) == 847
        assert np.median(heights["ch2"]) == 1599


def test_the_waiting_times_of_the_gamma_pulses():
    with mimocorb.open(DATA / "gamma-pulse-times/pFilt_gamma_Uranglas.dat") as events:
        times = events.metadata.timestamp
        assert np.diff(times).mean() == pytest.approx(1.90, abs=0.005)
        assert np.count_nonzero(np.diff(times) == 0) == 10
        assert events.about["active_time_s"] == 24361.0
        assert times[-1] == 27814.84


def test_the_pulses_of_the_drs4_board_are_small_and_negative():
    with mimocorb.open(DATA / "drs4-evalboard/drs4_v2_1ch_1000ev.dat") as events:
        block = events[:]
        volts = block.data["ch1"] * events.about["scale"]["ch1"] + events.about["offset"]["ch1"]
        assert -0.1 < np.median(volts.min(axis=-1)) < -0.01
        assert block.data["trigger_cell"][:3, 0].tolist() == [923, 268, 286]
        assert str(block.metadata.time_ns[0].astype("M8[ns]")).startswith("2017-01-26T15:47:02.616")
        assert sum(events.about["cell_width_ns"]["ch1"]) == pytest.approx(516.7, abs=1)


def test_the_live_times_of_the_spectra():
    with mimocorb.open(DATA / "gamma-spectra/digibase_5min_30_1.spe") as events:
        assert (events.about["live_time_s"], events.about["real_time_s"]) == (296, 300)
