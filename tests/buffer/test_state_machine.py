"""Random sequences of calls on every backend at once: same answers, same ledger, after each step.

A failure prints the calls as a program and how to replay it. Search longer, with new seeds, by
``MIMOCORB_HYPOTHESIS_PROFILE=long pytest tests/buffer/test_state_machine.py``.
"""

import os
from random import Random

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
from rings import BACKENDS, check_ledger

from mimocorb.buffers.contract import Status

SLOT_BYTES = 8
WRITING = ["advance", "advance", "claim", "publish", "publish", "abort", "set", "refuse"]
READING = [
    *("advance", "advance", "take", "take", "wait_and_take"),
    *("acknowledge", "acknowledge_first", "give_back", "step aside", "quarantine"),
]
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


def same(answers):
    assert all(answer == answers[0] for answer in answers), dict(
        zip(BACKENDS, answers, strict=True)
    )
    return answers[0]


def without_times(ledger):
    groups = tuple(group._replace(waiting_ns=0) for group in ledger.groups)
    return ledger._replace(groups=groups, **TIMES_OF_RING)


class RingsAgree(RuleBasedStateMachine):
    @initialize(
        number_of_slots=st.integers(1, 7),
        max_deliveries=st.integers(1, 4),
        writers=st.integers(1, 2),
        readers=st.integers(0, 3),
    )
    def make(self, number_of_slots, max_deliveries, writers, readers):
        self.backends = [
            backend(number_of_slots, SLOT_BYTES, max_deliveries) for backend in BACKENDS.values()
        ]
        self.observers = [backend.observer() for backend in self.backends]
        self.tokens, self.groups, self.writers, self.readers = [], [], [], []
        self.written = self.groups_made = 0
        self.add_writer()
        for _ in range(writers):
            self.open_writer(self.tokens[0])
        if readers:
            self.add_group()
        for _ in range(readers):
            self.open_reader(self.groups[0])

    def ring(self, method, *args):
        return same([getattr(backend.ring, method)(*args) for backend in self.backends])

    # --- coming, going and steering: one rule, so that most steps move events

    def possible_arrangements(self):
        yield from [("pause", True), ("pause", False), ("pause", False)]
        if len(self.tokens) < 4:
            yield ("add_writer",)
        if self.groups_made < 8:
            yield ("add_group",)
        for token in self.tokens:
            yield from [("promise_writer", token, count) for count in (-2, -1, 1, 2)]
            if len(self.writers) < 8:
                yield from 4 * [("open_writer", token)]
        for group in self.groups:
            yield ("remove_group", group)
            if len(self.readers) < 8:
                yield from 4 * [("open_reader", group)]
        yield from [("close_port", port) for port in [*self.writers, *self.readers]]
        yield from [
            ("die_writing", token, 3, whether) for token in self.tokens for whether in (0, 1)
        ]
        yield from [("die_reading", group, 3, count) for group in self.groups for count in (0, 1)]
        if self.written > 8:
            yield from [("end_writers",), ("end_writers",), ("end_readers",)]
            yield from [("end_after", self.written + more) for more in (0, 2, 5)]

    @rule(
        change=st.runner().flatmap(
            lambda machine: st.sampled_from(list(machine.possible_arrangements()))
        )
    )
    def arrange(self, change):
        name, *arguments = change
        getattr(self, name)(*arguments)

    def pause(self, paused):
        self.ring("pause", paused)

    def end_writers(self):
        self.ring("end_writers")

    def end_after(self, events):
        self.ring("end_after", events)

    def end_readers(self):
        self.ring("end_readers")

    def add_writer(self):
        self.tokens.append(self.ring("add_writer"))

    def promise_writer(self, token, count):
        self.ring("promise_writer", token, count)

    def add_group(self):
        self.groups_made += 1
        self.groups.append(self.ring("add_group"))

    def remove_group(self, group):
        for reader in [reader for reader in self.readers if reader.of == group]:
            self.close_port(reader)
        self.groups.remove(group)
        self.ring("remove_group", group)

    def open_writer(self, token):
        sides = [backend.writer(token) for backend in self.backends]
        self.writers.append(Port(sides, "writer", token))

    def open_reader(self, group):
        sides = [backend.reader(group) for backend in self.backends]
        self.readers.append(Port(sides, "reader", group))

    def die(self, act):
        """Let a process of its own open a port, do something, and be killed; then recover."""
        for backend in self.backends:
            backend.die(act)
        assert self.ring("reap") == 1

    def die_writing(self, token, count, publishes):
        def act(backend):
            writer = backend.writer(token)
            if publishes:
                first, claimed = writer.claim(count)
                for slot in range(first, first + claimed):
                    writer.fill(slot, np.full(SLOT_BYTES, count, np.uint8))
                writer.publish()
            writer.claim(count)
            return writer

        self.die(act)

    def die_reading(self, group, count, acknowledges):
        def act(backend):
            reader = backend.reader(group)
            reader.take(count)
            reader.acknowledge_first(acknowledges)
            return reader

        self.die(act)

    def close_port(self, port):
        port.call("close")
        (self.writers if port in self.writers else self.readers).remove(port)

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
    @rule(
        writer=one_of("writers"),
        what=st.sampled_from(WRITING),
        count=st.integers(1, 5),
    )
    def write(self, writer, what, count):
        if what == "advance":
            writer.in_hand.clear()
            writer.got(writer.call("advance"))
            self.fill(writer, writer.in_hand)
        elif what == "claim":
            first, claimed = writer.call("claim", count)
            writer.got(first, claimed)
            self.fill(writer, range(first, first + claimed) if first >= 0 else [])
        elif what == "refuse":
            writer.call("refuse")
        elif what == "set":
            for slot in writer.in_hand:
                writer.call(
                    "set_metadata", slot, 2**60 + self.written, 1.5, 1 / count, self.written
                )
        else:
            assert writer.call(what) == len(writer.in_hand)
            writer.in_hand.clear()

    # --- reading

    def look(self, reader):
        """Everything there is to see of the events in hand is the same."""
        for slot in reader.in_hand:
            reader.call("sequence", slot)
            reader.call("delivery", slot)
            metadata = [side.metadata(slot) for side in reader.sides]
            same([(counter, *others) for counter, _, *others in metadata])
            same([timestamp_s == 1.5 for _, timestamp_s, *_ in metadata])
            same([bytes(side.slot(slot)) for side in reader.sides])
            same([bytes(side.slots(slot, 1)) for side in reader.sides])

    @precondition(lambda self: self.readers)
    @rule(
        reader=one_of("readers"),
        what=st.sampled_from(READING),
        count=st.integers(1, 5),
    )
    def read(self, reader, what, count):
        if what == "advance":
            reader.in_hand.clear()
            reader.got(reader.call("advance"))
        elif what == "take":
            reader.got(*reader.call("take", count))
        elif what == "wait_and_take":
            reader.got(*reader.call("wait_and_take", count, 0.0, 0.0))
        elif what == "acknowledge_first":
            assert reader.call(what, count) == min(count, len(reader.in_hand))
            del reader.in_hand[:count]
        elif what == "step aside":
            assert reader.call("give_back", False) == len(reader.in_hand)
            reader.in_hand.clear()
        else:
            assert reader.call(what) == len(reader.in_hand)
            reader.in_hand.clear()
        self.look(reader)

    # --- looking on

    @rule()
    def look_on(self):
        self.observe()
        self.wait_without_time()

    def observe(self):
        targets = [np.zeros(SLOT_BYTES, np.uint8) for _ in self.observers]
        snapshots = [
            observer.snapshot(target)
            for observer, target in zip(self.observers, targets, strict=True)
        ]
        same([snapshot and (*snapshot[:2], snapshot[3]) for snapshot in snapshots])
        same([bytes(target) for target in targets])
        same([observer.newest() for observer in self.observers])

    def wait_without_time(self):
        for writer in self.writers:
            # Whether there is room, or the end: in each case there is no need to wait.
            same([side.wait(0.0, 0.0) == Status.NOT_NOW for side in writer.sides])
        for reader in self.readers:
            for slot in reader.in_hand:
                reader.call("wait_turn", slot, 0.0, 0.0)
        self.ring("wait_drained", 0.0)
        assert self.ring("reap") == 0

    # --- always

    def ring_ledger(self):
        return same([without_times(backend.ring.ledger()) for backend in self.backends])

    @invariant()
    def ledgers_are_the_same_and_balance(self):
        if not hasattr(self, "backends"):
            return
        ledger = check_ledger(self.ring_ledger())
        assert ledger.in_hand == sum(len(writer.in_hand) for writer in self.writers)
        assert ledger.writers == len(self.writers)
        held = self.ring("held")
        assert len(held) == ledger.in_hand + sum(group.held for group in ledger.groups)
        assert len(self.ring_waiters()) == len(self.writers) + len(self.readers)

    def ring_waiters(self):
        return same([[port.pid for port in backend.ring.waited()] for backend in self.backends])

    def teardown(self):
        if not hasattr(self, "backends"):
            return
        for port in [*self.writers, *self.readers]:
            port.call("close")
        for observer in self.observers:
            observer.close()
        for backend in self.backends:
            backend.close()


def run_at_random(seed, steps):
    """Run a program of `steps` steps that is all in the seed; mostly events move."""
    random = Random(seed)
    machine = RingsAgree()
    machine.make(random.randint(1, 7), random.randint(1, 4), random.randint(1, 3), 3)
    for _ in range(steps):
        kind = random.choices(["write", "read", "arrange", "look on"], [8, 10, 1, 1])[0]
        if kind == "write" and machine.writers:
            what, count = random.choice(WRITING), random.randint(1, 5)
            machine.write(random.choice(machine.writers), what, count)
        elif kind == "read" and machine.readers:
            what, count = random.choice(READING), random.randint(1, 5)
            machine.read(random.choice(machine.readers), what, count)
        elif kind == "arrange":
            machine.arrange(random.choice(list(machine.possible_arrangements())))
        else:
            machine.look_on()
        machine.ledgers_are_the_same_and_balance()
    machine.teardown()


def test_long_random_programs_agree():
    long = os.environ.get("MIMOCORB_HYPOTHESIS_PROFILE") == "long"
    for seed in range(10_000 if long else 150):
        try:
            run_at_random(seed, 120)
        except AssertionError as difference:
            difference.add_note(f"repeat by run_at_random({seed}, 120)")
            raise


COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
PROFILES = {
    # The same examples each time, so that a change that did not touch the ring cannot fail here.
    "default": settings(derandomize=True, max_examples=60, stateful_step_count=40, **COMMON),
    "long": settings(max_examples=5000, stateful_step_count=200, **COMMON),
}
TestRingsAgree = RingsAgree.TestCase
TestRingsAgree.settings = PROFILES[os.environ.get("MIMOCORB_HYPOTHESIS_PROFILE", "default")]
