"""The buffer contract on shared memory, the backend of every real run."""

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.testing.contract import BufferContract


class TestSharedMemory(BufferContract):
    buffer_class = NewBuffer
