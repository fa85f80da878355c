"""The experiments of `mimocorb new` find the truth of their simulation: the short form.

Ten seeds of each are a campaign: ``python tests/physics/experiment_campaign.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from experiment_campaign import coincidence, faults, gamma, geiger, muon, pulls_of, sound

from mimocorb.cli.new import EXPERIMENTS, TEMPLATES
from mimocorb.devices import simulated


@pytest.mark.parametrize(
    ("experiment", "seeds"), [(geiger, 10), (coincidence, 3), (gamma, 1), (sound, 1), (muon, 2)]
)
def test_results_agree_with_the_truth_within_their_uncertainties(experiment, seeds):
    assert faults(pulls_of(experiment, range(1, seeds + 1))) == []


def test_the_list_names_every_project_and_nothing_else():
    assert set(EXPERIMENTS) == {path.name for path in TEMPLATES.iterdir()}


def of_the_source(name: str, **config) -> Iterator:
    return getattr(simulated, name)(pause_s=0.0, **config)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("simulated_geiger", {"duration_s": 5.0}),
        ("simulated_gammas", {"nuclides": ["Co-60", "background"], "events": 2000}),
        ("simulated_detectors", {"duration_s": 5.0}),
        ("simulated_sound", {"number_of_samples": 480, "duration_s": 0.5}),
    ],
)
def test_the_same_seed_gives_the_same_events_and_another_one_others(name, config):
    def events(seed):
        return np.concatenate([np.ravel(e) for e in of_the_source(name, seed=seed, **config)])

    first = events(1)
    assert len(first) > 100
    assert (first == events(1)).all()
    other = events(2)
    assert len(other) != len(first) or (other != first).any()
