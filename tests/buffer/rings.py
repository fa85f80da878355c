"""Rings at the level of the port, one way for every backend."""

import os
import signal
import traceback

from mimocorb.buffers import shared_memory
from mimocorb.buffers.contract import Status
from mimocorb.buffers.in_process.ring import InProcessRing


class InProcess:
    """The oracle."""

    def __init__(self, number_of_slots, slot_bytes=8, max_deliveries=3):
        self.ring = InProcessRing(number_of_slots, slot_bytes, max_deliveries=max_deliveries)

    def writer(self, token):
        return self.ring.open_writer(token)

    def reader(self, group):
        return self.ring.open_reader(group)

    def observer(self):
        return self.ring.open_observer()

    def die(self, act):
        """Call `act` with this backend and leave behind, as a dead process would, what it opens."""
        self.ring.kill(act(self))

    def close(self):
        self.ring.close()


class SharedMemory:
    """The backend of every real run."""

    def __init__(self, number_of_slots, slot_bytes=8, max_deliveries=3):
        self.ring = shared_memory.SharedMemoryRing(
            number_of_slots, slot_bytes, max_deliveries=max_deliveries
        )
        self.address = self.ring.address()

    def writer(self, token):
        return shared_memory.open_writer(self.address, token)

    def reader(self, group):
        return shared_memory.open_reader(self.address, group)

    def observer(self):
        return shared_memory.open_observer(self.address)

    def die(self, act):
        """Call `act` with this backend in a process that is killed then, as it stands."""
        pid = os.fork()
        if pid == 0:
            try:
                port = act(self)  # noqa: F841 - not closed
                os.kill(os.getpid(), signal.SIGKILL)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status)

    def close(self):
        self.ring.close()


BACKENDS = {"in process": InProcess, "shared memory": SharedMemory}


def check_ledger(ledger):
    """The identities that hold at every moment (contract, clause S8)."""
    assert ledger.claimed == ledger.published + ledger.aborted + ledger.torn + ledger.in_hand, (
        ledger
    )
    for group in ledger.groups:
        assert group.offered == (
            group.acknowledged + group.quarantined + group.pending + group.held + group.abandoned
        ), group
    return ledger


class Ring:
    """A ring under test with its ledger checked at every look."""

    def __init__(self, backend, number_of_slots, slot_bytes=8):
        self.backend = backend(number_of_slots, slot_bytes)
        self.ring = self.backend.ring
        self.token = self.ring.add_writer()
        self.ports = []

    def writer(self, token=None):
        self.ports.append(self.backend.writer(self.token if token is None else token))
        return self.ports[-1]

    def reader(self, group):
        self.ports.append(self.backend.reader(group))
        return self.ports[-1]

    def observer(self):
        self.ports.append(self.backend.observer())
        return self.ports[-1]

    def ledger(self):
        return check_ledger(self.ring.ledger())

    def group_ledger(self, group):
        return next(ledger for ledger in self.ledger().groups if ledger.group == group)

    def close(self):
        for port in self.ports:
            port.close()
        self.ledger()
        self.backend.close()


def put(writer, count=1):
    """Publish `count` events one by one; returns their slots."""
    slots = []
    for _ in range(count):
        slot = writer.advance()
        assert slot >= 0, Status(slot)
        slots.append(slot)
        writer.publish()
    return slots


def get(reader):
    """Take one event, acknowledging the previous; returns its sequence number."""
    slot = reader.advance()
    assert slot >= 0, Status(slot)
    return reader.sequence(slot)
