import os

import pytest
from hypothesis import HealthCheck, settings
from rings import BACKENDS, Ring

pytest.register_assert_rewrite("mimocorb.testing")

# "default" repeats the same examples each time; "long" searches anew and prints how to replay.
settings.register_profile(
    "default",
    derandomize=True,
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "long",
    max_examples=5000,
    stateful_step_count=200,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("MIMOCORB_HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(params=BACKENDS)
def make(request):
    """Make rings at the level of the port, on each backend in turn."""
    made = []

    def make_ring(number_of_slots, slot_bytes=8):
        made.append(Ring(BACKENDS[request.param], number_of_slots, slot_bytes))
        return made[-1]

    yield make_ring
    for ring in made:
        ring.close()
