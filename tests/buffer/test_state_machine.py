"""Random sequences of calls on every backend at once: same answers, same books, after each step.

A failure prints the calls as a program and how to replay it. Search longer, with new seeds, by
``MIMOCORB_HYPOTHESIS_PROFILE=long pytest tests/buffer/test_state_machine.py``.
"""

import os

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from rings import BACKENDS, check_books

from mimocorb._buffer.contract import Status

SLOT_BYTES = 8
# What is measured rather than decided differs between backends.
TIMES_OF_RING = {"full_ns": 0, "paused_ns": 0, "created_monotonic_ns": 0}


class Port:
    """The same port on every backend; `in_hand` are the slots it holds, by its own account."""

    def __init__(self, sides, kind, of):
        self.sides = sides
        self.kind = kind
        self.of = of
        self.in_hand = []

    def __repr__(self):
        return f"<{self.kind} of {self.of} holding {self.in_hand}>"

    def call(self, method, *args):
        """Call a method on every backend; returns the answer, which must be the same."""
        return same([getattr(side, method)(*args) for side in self.sides])

    def got(self, first, count=1):
        if first >= 0:
            self.in_hand += range(first, first + count)
        if first == Status.POISONOUS:
            self.in_hand.append(self.sides[0].poisonous())
            if len(self.in_hand) == 1:
                self.call("poisonous")


def one_of(collection):
    """Draw from what the machine has of this collection at the moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine, collection)))


def holding(collection):
    """Draw from those writers or readers that hold something."""
    return st.runner().flatmap(
        lambda machine: st.sampled_from(
            [port for port in getattr(machine, collection) if port.in_hand]
        )
    )


def anybody_holds(collection):
    return precondition(lambda machine: any(port.in_hand for port in getattr(machine, collection)))


def same(answers):
    assert all(answer == answers[0] for answer in answers), dict(
        zip(BACKENDS, answers, strict=True)
    )
    return answers[0]


def without_times(books):
    groups = tuple(group._replace(waiting_ns=0) for group in books.groups)
    return books._replace(groups=groups, **TIMES_OF_RING)


class RingsAgree(RuleBasedStateMachine):
    @initialize(
        number_of_slots=st.integers(1, 7),
        max_deliveries=st.integers(1, 4),
        writers=st.integers(0, 2),
        readers=st.integers(0, 3),
    )
    def make(self, number_of_slots, max_deliveries, writers, readers):
        self.backends = [
            backend(number_of_slots, SLOT_BYTES, max_deliveries) for backend in BACKENDS.values()
        ]
        self.observers = [backend.observer() for backend in self.backends]
        self.tokens, self.groups, self.writers, self.readers = [], [], [], []
        self.written = 0
        self.add_writer()
        for _ in range(writers):
            self.open_writer(self.tokens[0])
        if readers:
            self.add_group()
        for _ in range(readers):
            self.open_reader(self.groups[0])

    def ring(self, method, *args):
        return same([getattr(backend.ring, method)(*args) for backend in self.backends])

    # --- set up and tear down

    @precondition(lambda self: len(self.tokens) < 4)
    @rule()
    def add_writer(self):
        self.tokens.append(self.ring("add_writer"))

    @rule(token=one_of("tokens"), count=st.integers(-2, 2))
    def promise_writer(self, token, count):
        self.ring("promise_writer", token, count)

    @precondition(lambda self: len(self.ring_books().groups) < 8)
    @rule()
    def add_group(self):
        self.groups.append(self.ring("add_group"))

    @precondition(lambda self: self.groups)
    @rule(group=one_of("groups"))
    def remove_group(self, group):
        for reader in [reader for reader in self.readers if reader.of == group]:
            self.close_reader(reader)
        self.groups.remove(group)
        self.ring("remove_group", group)

    @precondition(lambda self: len(self.writers) < 8)
    @rule(token=one_of("tokens"))
    def open_writer(self, token):
        sides = [backend.writer(token) for backend in self.backends]
        self.writers.append(Port(sides, "writer", token))

    @precondition(lambda self: self.groups and len(self.readers) < 8)
    @rule(group=one_of("groups"))
    def open_reader(self, group):
        sides = [backend.reader(group) for backend in self.backends]
        self.readers.append(Port(sides, "reader", group))

    @precondition(lambda self: self.writers)
    @rule(writer=one_of("writers"))
    def close_writer(self, writer):
        writer.call("close")
        self.writers.remove(writer)

    @precondition(lambda self: self.readers)
    @rule(reader=one_of("readers"))
    def close_reader(self, reader):
        reader.call("close")
        self.readers.remove(reader)

    # --- writing

    def fill(self, writer, new):
        """Write a running number into slots just claimed, by each of the two kinds of view."""
        for slot in new:
            self.written += 1
            data = np.frombuffer(self.written.to_bytes(SLOT_BYTES, "little"), np.uint8)
            for side in writer.sides:
                view = side.slot(slot) if self.written % 2 else side.slots(slot, 1)[0]
                view[:] = data

    @precondition(lambda self: self.writers)
    @rule(writer=one_of("writers"))
    def advance_writer(self, writer):
        writer.in_hand.clear()
        writer.got(writer.call("advance"))
        self.fill(writer, writer.in_hand)

    @precondition(lambda self: self.writers)
    @rule(writer=one_of("writers"), count=st.integers(1, 5))
    def claim(self, writer, count):
        first, claimed = writer.call("claim", count)
        writer.got(first, claimed)
        self.fill(writer, range(first, first + claimed) if first >= 0 else [])

    @anybody_holds("writers")
    @rule(writer=holding("writers"))
    def publish(self, writer):
        assert writer.call("publish") == len(writer.in_hand)
        writer.in_hand.clear()

    @anybody_holds("writers")
    @rule(writer=holding("writers"))
    def abort(self, writer):
        assert writer.call("abort") == len(writer.in_hand)
        writer.in_hand.clear()

    @anybody_holds("writers")
    @rule(writer=holding("writers"), counter=st.integers(0, 2**63 - 1), deadtime=st.floats(0, 1))
    def set_metadata(self, writer, counter, deadtime):
        for slot in writer.in_hand:
            writer.call("set_metadata", slot, counter, 1.5, deadtime)

    # --- reading

    def look(self, reader):
        """Everything there is to see of the events in hand is the same."""
        for slot in reader.in_hand:
            reader.call("sequence", slot)
            reader.call("delivery", slot)
            metadata = [side.metadata(slot) for side in reader.sides]
            same([(counter, deadtime) for counter, _, deadtime in metadata])
            same([timestamp_s == 1.5 for _, timestamp_s, _ in metadata])
            same([bytes(side.slot(slot)) for side in reader.sides])
            same([bytes(side.slots(slot, 1)) for side in reader.sides])

    @precondition(lambda self: self.readers)
    @rule(reader=one_of("readers"))
    def advance_reader(self, reader):
        reader.in_hand.clear()
        reader.got(reader.call("advance"))
        self.look(reader)

    @precondition(lambda self: self.readers)
    @rule(reader=one_of("readers"), count=st.integers(1, 5))
    def take(self, reader, count):
        reader.got(*reader.call("take", count))
        self.look(reader)

    @anybody_holds("readers")
    @rule(reader=holding("readers"))
    def acknowledge(self, reader):
        assert reader.call("acknowledge") == len(reader.in_hand)
        reader.in_hand.clear()

    @anybody_holds("readers")
    @rule(reader=holding("readers"))
    def give_back(self, reader):
        assert reader.call("give_back") == len(reader.in_hand)
        reader.in_hand.clear()

    @anybody_holds("readers")
    @rule(reader=holding("readers"))
    def quarantine(self, reader):
        assert reader.call("quarantine") == len(reader.in_hand)
        reader.in_hand.clear()

    # --- steering

    @rule(paused=st.booleans())
    def pause(self, paused):
        self.ring("pause", paused)

    @precondition(lambda self: self.written > 8)
    @rule()
    def end_writers(self):
        self.ring("end_writers")

    @precondition(lambda self: self.written > 16)
    @rule()
    def end_readers(self):
        self.ring("end_readers")

    @rule()
    def observe(self):
        targets = [np.zeros(SLOT_BYTES, np.uint8) for _ in self.observers]
        snapshots = [
            observer.snapshot(target)
            for observer, target in zip(self.observers, targets, strict=True)
        ]
        same([snapshot and (*snapshot[:2], snapshot[3]) for snapshot in snapshots])
        same([bytes(target) for target in targets])
        same([observer.newest() for observer in self.observers])

    @rule()
    def wait_without_time(self):
        for port in [*self.writers, *self.readers]:
            # Whether there is room, an event, or the end: in each case there is no need to wait.
            same([side.wait(0.0, 0.0) == Status.NOT_NOW for side in port.sides])
        self.ring("wait_drained", 0.0)
        assert self.ring("reap") == 0

    # --- always

    def ring_books(self):
        return same([without_times(backend.ring.books()) for backend in self.backends])

    @invariant()
    def books_are_the_same_and_balance(self):
        if not hasattr(self, "backends"):
            return
        books = check_books(self.ring_books())
        assert books.in_hand == sum(len(writer.in_hand) for writer in self.writers)
        assert books.writers == len(self.writers)

    def teardown(self):
        if not hasattr(self, "backends"):
            return
        for port in [*self.writers, *self.readers]:
            port.call("close")
        for observer in self.observers:
            observer.close()
        for backend in self.backends:
            backend.close()


COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
PROFILES = {
    # The same examples each time, so that a change that did not touch the ring cannot fail here.
    "default": settings(derandomize=True, max_examples=60, stateful_step_count=40, **COMMON),
    "long": settings(max_examples=5000, stateful_step_count=200, **COMMON),
}
TestRingsAgree = RingsAgree.TestCase
TestRingsAgree.settings = PROFILES[os.environ.get("MIMOCORB_HYPOTHESIS_PROFILE", "default")]
