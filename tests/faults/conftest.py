
import pytest

from mimocorb.buffers.new_buffer import NewBuffer


@pytest.fixture
def make_buffer():
    """Make buffers that are let go of at the end."""
    made = []

    def make(*args, **keywords):
        made.append(NewBuffer(*args, **keywords))
        return made[-1]

    yield make
    for buffer in made:
        buffer.close()
