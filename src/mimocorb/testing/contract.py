"""The buffer contract as tests: subclass, name the backend, run.

Every backend of the buffer classes runs the same tests::

    from mimocorb.buffers.new_buffer import NewBuffer
    from mimocorb.testing.contract import BufferContract

    class TestSharedMemory(BufferContract):
        buffer_class = NewBuffer

A test name is the sentence it proves; S1 to S12 are the clauses of the contract
(``docs/explanation/buffer-contract.md``). Let pytest explain failing assertions in here by
``pytest.register_assert_rewrite("mimocorb.testing")`` in ``conftest.py``. Needs pytest.
"""

from __future__ import annotations

from mimocorb.testing.contract_batches import BatchContract, QuarantineContract
from mimocorb.testing.contract_delivery import DeliveryContract
from mimocorb.testing.contract_lengths import LengthsContract
from mimocorb.testing.contract_lifecycle import EndOfStreamContract, StatisticsContract
from mimocorb.testing.contract_observing import ObservingContract
from mimocorb.testing.contract_order import OrderContract
from mimocorb.testing.contract_records import RecordsContract
from mimocorb.testing.contract_scattered import QuickWritingContract, ScatteredContract
from mimocorb.testing.contract_writing import MetadataContract, WritingContract

__all__ = ["BufferContract"]


class BufferContract(
    RecordsContract,
    LengthsContract,
    WritingContract,
    MetadataContract,
    DeliveryContract,
    OrderContract,
    BatchContract,
    QuickWritingContract,
    ScatteredContract,
    QuarantineContract,
    ObservingContract,
    EndOfStreamContract,
    StatisticsContract,
):
    """What a user of NewBuffer, Writer, Reader and Observer may rely on."""
