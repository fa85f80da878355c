"""Copies of observers while writers run at full speed (row F19 of the fault matrix)."""

import pytest
from observer_campaign import run_observation


@pytest.mark.parametrize(
    ("slots", "slot_bytes", "copies"), [(2, 8 << 20, 25), (2, 64, 2000), (3, 4096, 2000)]
)
def test_a_copy_is_never_torn(slots, slot_bytes, copies):
    """F19: every event is constant in itself; longer by ``tests/faults/observer_campaign.py``."""
    observation = run_observation(slots, slot_bytes, copies)
    assert observation.torn == 0
    assert observation.copies == copies
    assert observation.published > 0
