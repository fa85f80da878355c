"""What the tests of the examples share: their modules, their configuration, the recorded data."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from mimocorb.devices import kamiokanne
from mimocorb.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
sys.path += [str(EXAMPLES), str(EXAMPLES / "modules")]


@pytest.fixture
def example_config():
    """The configuration that a function of an example gets: its section over ``general``."""

    def read(file, function):
        sections = yaml.safe_load((EXAMPLES / "config" / file).read_text())
        return {**sections["general"], **sections[function]}

    return read


@pytest.fixture
def record_fields():
    """The field names of a buffer in a set-up of the examples."""

    def read(setup, buffer):
        table = yaml.safe_load((EXAMPLES / setup).read_text())
        (found,) = (entry[buffer] for entry in table["RingBuffer"] if buffer in entry)
        return np.dtype([tuple(field) for field in found["data_type"].values()])

    return read


@pytest.fixture
def recorded_data():
    """The folder with the recorded muon data: from MIMOCORB_DATA, or beside the repository."""
    for place in (None, ROOT.parent / "shared" / "data"):
        try:
            return kamiokanne.find_file("reference", place).parent
        except SetupError as problem:
            reason = str(problem)
    return pytest.skip(f"no recorded data: {reason}")


@pytest.fixture
def recorded_sets(recorded_data):
    """The folder that has one folder for each recorded set."""
    return recorded_data.parent
