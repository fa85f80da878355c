"""The buffer contract on the in-process ring, the oracle."""

from mimocorb.testing.contract import BufferContract
from mimocorb.testing.in_process_buffer import InProcessBuffer


class TestInProcess(BufferContract):
    buffer_class = InProcessBuffer
