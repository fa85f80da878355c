"""pulseSimulator, parquetReader and activity_logger of release 1.0.2."""

from __future__ import annotations

import gzip
import io
import logging
import shutil
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mimocorb.activity_logger import Gen_logger, Logging_manager
from mimocorb.errors import SetupError
from mimocorb.parquetReader import parquetReader
from mimocorb.pulseSimulator import pulseSimulator

CONFIG = {
    "sample_time_ns": 10,
    "number_of_samples": 1000,
    "pre_trigger_samples": 100,
    "analogue_offset": 0.0,
    "sleeptime": 0.0,
}


def events(number: int, channels: int = 4, **config) -> np.ndarray:
    np.random.seed(1)
    source = pulseSimulator({**CONFIG, **config})
    source.init(channels, 1000, ["chA", "chB", "chC", "chD"][:channels])
    return np.array([source() for _ in range(number)])


def test_an_event_is_an_array_of_channels_and_values():
    waves = events(3)
    assert (waves.shape, waves.dtype) == ((3, 4, 1000), np.float32)
    np.testing.assert_array_equal(events(3), waves)


def test_a_passing_muon_gives_a_pulse_at_the_trigger_in_every_layer():
    waves = events(200, prb2ndPulse=0.0, prbInteraction=1.0, pulseSpread=0.0, pulseHeight=240.0)
    heights = waves[:, :, 100]
    assert heights.min() > 240.0 - 4.0 - 1e-3  # half of the noise
    assert heights.max() < 240.0 + 4.0 + 1e-3
    decayed = waves[:, :, 125]
    np.testing.assert_allclose(decayed, 240.0 / np.e, atol=4.1)
    assert np.abs(waves[:, :, :100]).max() <= 4.0
    assert np.abs(waves[:, :, 200:]).max() <= 4.0 + 240.0 * np.exp(-4.0)


def test_a_stopped_muon_gives_two_pulses_upwards_or_downwards():
    waves = events(400, prb2ndPulse=1.0, prbInteraction=1.0, pulseSpread=0.0, pulseHeight=240.0)
    assert (waves[:, 2:, 100] < 10.0)[:, 0].mean() > 0.9
    assert (waves[:, 0, 100] > 200.0).all()
    later = waves[:, :, 220:].max(axis=2) > 200.0
    assert not (later[:, 0] & later[:, 2]).any()
    np.testing.assert_array_equal(later[:, 0], later[:, 1])
    np.testing.assert_array_equal(later[:, 2], later[:, 3])
    upward, downward = later[:, 0].mean(), later[:, 2].mean()
    # of the decays, exp(-1.2 µs / 2.197 µs) come after sample 220, and most before 900
    assert 0.18 < upward < 0.38
    assert 0.18 < downward < 0.38


def test_a_layer_misses_some_particles():
    waves = events(400, prb2ndPulse=0.0, prbInteraction=0.5)
    assert 0.4 < (waves[:, 0, 100] > 30.0).mean() < 0.6


def test_heights_and_offset_are_as_configured():
    waves = events(300, pulseHeight=[100.0, 400.0], pulseSpread=0.0, prb2ndPulse=0.0)
    heights = waves[:, 0, 100][waves[:, 0, 100] > 30.0]
    assert {round(height / 100) for height in heights} == {1, 4}
    shifted = events(10, analogue_offset=-0.4)
    assert abs(shifted[:, :, :90].mean() + 400.0) < 1.0


def test_the_first_layer_has_the_trigger():
    waves = events(200, trigger_level=260.0, prbInteraction=1.0, prb2ndPulse=0.0, pulseSpread=75.0)
    assert waves[:, 0, 100].min() > 250.0
    assert waves[:, 1, 100].min() < 200.0


def test_one_channel_is_enough():
    assert events(20, channels=1, prb2ndPulse=1.0).shape == (20, 1, 1000)


def test_times_between_events_are_fixed_or_random(monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    events(50, sleeptime=0.5)
    assert slept == [0.5] * 50
    slept.clear()
    events(400, sleeptime=0.5, random=True)
    assert len(set(slept)) == 400
    assert 0.4 < np.mean(slept) < 0.6


def test_defaults_are_kept_as_attributes():
    source = pulseSimulator(CONFIG)
    assert (source.events_required, source.detector_efficiency) == (1000, 0.95)
    assert (source.stopping_probability, source.plen, source.random) == (0.1, 100, False)
    assert source.pulse_spread == pytest.approx(75.0)


def test_what_is_missing_is_told():
    with pytest.raises(SetupError, match="needs number_of_samples, analogue_offset in its config"):
        pulseSimulator({"sample_time_ns": 4, "pre_trigger_samples": 100})
    with pytest.raises(SetupError, match=r"init\(\) needs the numbers of channels"):
        pulseSimulator(CONFIG).init()
    with pytest.raises(SetupError, match=r"call init\(\) before the first event"):
        pulseSimulator(CONFIG)()


# --- archives


def archive(path, first: int, number: int, mode: str = "w") -> None:
    """Write an archive as rb_toParquetfile of release 1.0.2 does."""
    with tarfile.open(path, mode) as tar:
        for counter in range(first, first + number):
            table = pa.table({"chA": np.full(5, counter, "f4"), "chB": np.arange(5.0)})
            content = io.BytesIO()
            pq.write_table(table, content)
            member = tarfile.TarInfo(f"pulses_{counter}.parquet")
            member.size = content.tell()
            content.seek(0)
            tar.addfile(member, content)


@pytest.fixture
def recorded(tmp_path):
    archive(tmp_path / "b.tar.gz", 4, 2, "w:gz")
    archive(tmp_path / "a.tar", 1, 3)
    (tmp_path / "notes.txt").write_text("no archive")
    (tmp_path / "directory.tar").mkdir()
    return {"path": str(tmp_path), "number_of_samples": 5, "sleeptime": 0.0}


def test_all_archives_of_a_directory_are_read(recorded):
    source = parquetReader(recorded)
    source.init(2, 5, ["chB", "chA"])
    first = source()
    assert [channel.tolist() for channel in first] == [[0, 1, 2, 3, 4], [1, 1, 1, 1, 1]]
    assert [source()[1][0] for _ in range(4)] == [2, 3, 4, 5]
    assert source() is None
    assert source() is None


def test_only_the_channels_of_the_buffer_are_delivered(recorded):
    source = parquetReader(recorded)
    source.init(1, 5, ["chA"])
    assert len(source()) == 1
    source.init(2, 5, ["chA", "chX"])
    with pytest.raises(SetupError, match=r"pulses_2\.parquet has no chX, only chA, chB"):
        source()


def test_a_wrong_place_is_told(tmp_path):
    with pytest.raises(SetupError, match="needs path, number_of_samples"):
        parquetReader({})
    with pytest.raises(SetupError, match="which is no directory"):
        parquetReader({"path": str(tmp_path / "none"), "number_of_samples": 5})
    with pytest.raises(SetupError, match="has no file that ends in"):
        parquetReader({"path": str(tmp_path), "number_of_samples": 5})


def test_a_file_that_is_no_archive_is_told(recorded, tmp_path):
    shutil.rmtree(tmp_path / "directory.tar")
    for name in ("a.tar", "b.tar.gz"):
        (tmp_path / name).unlink()
    with gzip.open(tmp_path / "a.gz", "w") as file:
        file.write(b"text")
    source = parquetReader(recorded)
    source.init(1, 5, ["chA"])
    with pytest.raises(SetupError, match=r"a\.gz cannot be read"):
        source()


# --- loggers


def test_the_level_of_all_loggers_is_set_at_once():
    make = Logging_manager()
    early = make("releases.early")
    assert early is logging.getLogger("releases.early")
    assert early.level == logging.WARNING
    make.set_level(logging.DEBUG)
    assert early.level == make("releases.late").level == logging.DEBUG
    assert [logger.name for logger in make.logger_pool] == ["releases.early", "releases.late"]
    assert isinstance(Gen_logger, Logging_manager)
