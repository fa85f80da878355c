from functools import partial

import pytest
from rings import BACKENDS, Ring

pytest.register_assert_rewrite("mimocorb.testing")


@pytest.fixture(params=BACKENDS)
def make(request):
    """Make rings at the level of the port, on each backend in turn."""
    made = []

    def make_ring(number_of_slots, slot_bytes=8, max_deliveries=3):
        backend = partial(BACKENDS[request.param], max_deliveries=max_deliveries)
        made.append(Ring(backend, number_of_slots, slot_bytes))
        return made[-1]

    yield make_ring
    for ring in made:
        ring.close()
