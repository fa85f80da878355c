"""What run.py checks: the parameters of each run, and the mutants with what must find them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FULL", "MUTANTS", "PROPERTIES", "QUICK", "Run"]

LOST = "no event lost"
HELD_TWICE = "no event held twice"
ORDER = "order of first delivery"
NUMBERS = "numbers without a gap"
SET_ASIDE = "what fails is set aside, and nothing else"
PAUSED = "no claim during a pause"
TORN = "no copy torn"
ASKED_FOR = "as many as asked for"
READERS_OVER = "nothing after the end of the readers"
IN_TURN = "results in order"
DEADLOCK = "no deadlock"
END = "end of the stream"
LEDGER = "ledger"

# How the checker's message, without blanks, tells the properties apart; the rest are the ledger.
PROPERTIES: Mapping[str, str] = {
    "finished[i]&": LOST,
    "slot_word[s]==0)||": LOST,  # a slot is claimed while its event is still due
    "saw_end": LOST,  # an event comes after a reader was told of the end
    "in_hand[i]&": HELD_TWICE,
    "last_first": ORDER,
    "sequence[s]==published": NUMBERS,
    "failed[": SET_ASIDE,
    "!(paused)": PAUSED,
    "claim_of[number]": TORN,
    "published<=most_events": ASKED_FOR,
    "published>=": ASKED_FOR,  # a writer was told of the end
    "!(readers_ended)": READERS_OVER,
    "sequence[s])-2)": IN_TURN,
    "&(1<<sequence[s])": LOST,  # acknowledged, but its reader has not come through with it
    "invalidendstate": DEADLOCK,
    "acceptancecycle": END,
}


@dataclass(frozen=True)
class Run:
    """One search: the model's parameters and how it is done.

    `large` searches are built optimised, which takes longer. `liveness` looks for the end of the
    stream under weak fairness. `expected` is the property that a mutant must violate.
    """

    name: str
    parameters: str
    large: bool = False
    liveness: bool = False
    expected: str = ""

    @property
    def definitions(self) -> list[str]:
        """The parameters as options of Spin."""
        every = self.parameters.split() + (["POLL=1"] if self.liveness else [])
        return [f"-D{parameter}" for parameter in every]


FEWER = "READERS_A=1 READERS_B=1"
ONE_GROUP = "READERS_A=2 READERS_B=0"
TO_ONE = "WRITERS=1 READERS_A=1 READERS_B=0"
ONE_READER = "READERS_A=1 READERS_B=0"
BATCHES = f"WRITERS=1 {ONE_GROUP} BATCHES=1 MAX_DELIVERIES=2"
ASKED = "END_AFTER=2"
TURNS_OF_BATCHES = f"{ONE_GROUP} TURNS=1 BATCHES=1 MAX_DELIVERIES=2 GIVE_BACKS=1"

QUICK = (
    Run("two-crashes", "SLOTS=2 CLAIMS=3 CRASHES=2", large=True),
    Run("one-crash", "SLOTS=3 CLAIMS=4 CRASHES=1"),
    Run("no-crash", "SLOTS=3 CLAIMS=5 CRASHES=0"),
    Run(
        "other-ways-back",
        f"SLOTS=2 CLAIMS=3 CRASHES=1 {ONE_GROUP} ABORTS=1 GIVE_BACKS=1 QUARANTINES=1",
    ),
    Run("writer-alone", f"SLOTS=2 CLAIMS=3 CRASHES=2 WRITERS=1 {FEWER} ENDING=1"),
    Run("opening-ending", f"SLOTS=2 CLAIMS=2 CRASHES=1 {FEWER} ATTACH=1 ENDING=1"),
    Run(
        "late-and-removed",
        f"SLOTS=2 CLAIMS=3 CRASHES=1 WRITERS=1 {FEWER} LATE_GROUPS=1 REMOVALS=1",
    ),
    Run("each-store-alone", f"SLOTS=2 CLAIMS=2 CRASHES=1 {ONE_GROUP} FINE=1"),
    Run("batches", f"SLOTS=3 CLAIMS=4 CRASHES=1 {BATCHES} POISON=8"),
    Run("failing-again", f"SLOTS=3 CLAIMS=3 CRASHES=1 {BATCHES} POISON=4 GIVE_BACKS=1"),
    Run("paused", "SLOTS=2 CLAIMS=3 CRASHES=1 READERS_A=1 READERS_B=0 PAUSES=1 ENDING=1"),
    Run("observed", f"SLOTS=1 CLAIMS=2 CRASHES=1 {TO_ONE} FINE=1 OBSERVERS=1"),
    Run("observed-unread", f"SLOTS=2 CLAIMS=3 {TO_ONE} LATE_GROUPS=1 FINE=1 OBSERVERS=1"),
    Run("as-many-as-asked", f"SLOTS=2 CLAIMS=3 CRASHES=1 {ONE_READER} {ASKED} ABORTS=1 BATCHES=1"),
    Run("asked-while-opening", f"SLOTS=2 CLAIMS=2 CRASHES=1 {ONE_READER} {ASKED} ATTACH=1"),
    Run("readers-ended", f"SLOTS=2 CLAIMS=2 CRASHES=1 {ONE_GROUP} ENDING=1 END_READERS=1"),
    Run("turns", f"SLOTS=3 CLAIMS=3 CRASHES=1 WRITERS=1 {ONE_GROUP} TURNS=1"),
    Run("turns-of-batches", f"SLOTS=3 CLAIMS=3 CRASHES=0 {TURNS_OF_BATCHES}"),
    Run("end-no-crash", "SLOTS=2 CLAIMS=3 CRASHES=0", liveness=True),
    Run("end-one-crash", f"SLOTS=2 CLAIMS=2 CRASHES=1 {FEWER}", liveness=True),
    Run("end-failing", f"SLOTS=2 CLAIMS=3 CRASHES=0 {BATCHES} POISON=4", liveness=True),
    Run("end-as-asked", f"SLOTS=2 CLAIMS=2 CRASHES=1 {ONE_READER} {ASKED}", liveness=True),
    Run("end-in-turn", f"SLOTS=3 CLAIMS=3 CRASHES=1 WRITERS=1 {ONE_GROUP} TURNS=1", liveness=True),
)

FULL = (
    Run("full-two-crashes", "SLOTS=3 CLAIMS=4 CRASHES=2", large=True),
    Run(
        "full-other-ways-back",
        "SLOTS=2 CLAIMS=3 CRASHES=1 ABORTS=1 GIVE_BACKS=1 QUARANTINES=1",
        large=True,
    ),
    Run("full-opening-ending", "SLOTS=2 CLAIMS=3 CRASHES=1 ATTACH=1 ENDING=1", large=True),
    Run(
        "full-late-and-removed",
        f"SLOTS=2 CLAIMS=3 CRASHES=2 WRITERS=1 {FEWER} LATE_GROUPS=1 REMOVALS=1",
        large=True,
    ),
    Run("full-none-at-first", f"SLOTS=2 CLAIMS=3 CRASHES=1 {FEWER} LATE_GROUPS=2", large=True),
    Run("full-each-store-alone", f"SLOTS=2 CLAIMS=2 CRASHES=2 {ONE_GROUP} FINE=1", large=True),
    Run(
        "full-batches",
        "SLOTS=3 CLAIMS=4 CRASHES=1 READERS_B=0 BATCHES=1 MAX_DELIVERIES=2 POISON=4",
        large=True,
    ),
    Run(
        "full-failing-again",
        f"SLOTS=3 CLAIMS=4 CRASHES=1 {BATCHES} POISON=12 GIVE_BACKS=1",
        large=True,
    ),
    Run("full-paused", f"SLOTS=2 CLAIMS=3 CRASHES=2 {FEWER} ATTACH=1 PAUSES=1", large=True),
    Run("full-observed", f"SLOTS=2 CLAIMS=3 CRASHES=1 {TO_ONE} FINE=1 OBSERVERS=1", large=True),
    Run(
        "full-two-writers-observed",
        "SLOTS=2 CLAIMS=2 CRASHES=1 READERS_A=1 READERS_B=0 ABORTS=1 FINE=1 OBSERVERS=1",
        large=True,
    ),
    Run(
        "full-last-claims",
        f"SLOTS=3 CLAIMS=3 CRASHES=2 WRITERS=3 {ONE_READER} {ASKED}",
        large=True,
    ),
    Run(
        "full-as-many-as-asked",
        f"SLOTS=2 CLAIMS=3 CRASHES=2 {ONE_READER} {ASKED} ABORTS=1 BATCHES=1",
        large=True,
    ),
    Run("full-turns", f"SLOTS=3 CLAIMS=4 CRASHES=2 WRITERS=1 {ONE_GROUP} TURNS=1", large=True),
    Run(
        "full-turns-of-three",
        "SLOTS=4 CLAIMS=4 CRASHES=1 READERS_A=3 READERS_B=0 TURNS=1 BATCHES=1 MAX_DELIVERIES=2",
        large=True,
    ),
    Run("full-turns-of-batches", f"SLOTS=3 CLAIMS=3 CRASHES=1 {TURNS_OF_BATCHES}", large=True),
    Run("full-end-no-crash", "SLOTS=3 CLAIMS=4 CRASHES=0", large=True, liveness=True),
    Run("full-end-two-crashes", f"SLOTS=2 CLAIMS=2 CRASHES=2 {FEWER}", large=True, liveness=True),
)

# Without the ledger where possible: what goes wrong must show where users would see it.
SEEN = f"SLOTS=2 CLAIMS=3 CRASHES=1 {ONE_GROUP} LEDGER=0"
COUNTED = f"SLOTS=2 CLAIMS=3 CRASHES=1 {ONE_GROUP}"
RECOVERER = f"SLOTS=2 CLAIMS=2 CRASHES=2 {ONE_GROUP}"
ALONE = f"SLOTS=2 CLAIMS=3 {TO_ONE}"
TWO_IN_BATCHES = f"SLOTS=2 CLAIMS=2 {BATCHES} LEDGER=0"
OBSERVED = f"{ALONE} FINE=1 OBSERVERS=1 LEDGER=0"
PEACE_FOR_TWO = "SLOTS=2 CLAIMS=3 READERS_A=1 READERS_B=0 ATTACH=1"
IN_PEACE = f"SLOTS=2 CLAIMS=3 CRASHES=0 {ONE_GROUP}"
TWO_ASKED = f"SLOTS=2 CLAIMS=2 {ONE_READER} {ASKED} LEDGER=0"
TWO_IN_TURN = f"SLOTS=3 CLAIMS=3 WRITERS=1 {ONE_GROUP} TURNS=1 GIVE_BACKS=1 LEDGER=0"


def _mutant(error: str, parameters: str, expected: str, *, liveness: bool = False) -> Run:
    name = error.lower().replace("_", "-") + ("-for-ever" if liveness else "")
    return Run(name, f"{parameters} MUTANT_{error}=1", expected=expected, liveness=liveness)


MUTANTS = (
    _mutant("READY_BEFORE_GROUP_WORDS", SEEN, LOST),
    _mutant("NUMBER_BEFORE_COMMIT", SEEN, NUMBERS),
    _mutant("NUMBER_NOT_REPAIRED", SEEN, NUMBERS),
    _mutant("GROUP_QUEUE_TRUSTED", SEEN, ORDER),
    _mutant("FREE_MARKS_TRUSTED", SEEN, LOST),
    _mutant("COUNTS_TRUSTED", COUNTED, LEDGER),
    _mutant("QUEUE_NOT_SORTED", SEEN, ORDER),
    _mutant("HELD_BY_THE_DEAD", SEEN, DEADLOCK),
    _mutant("FINISHED_NOT_FREED", SEEN, LOST),
    _mutant("SUSPECTS_ARE_DEAD", SEEN, HELD_TWICE),
    _mutant("NO_REAPING", SEEN, DEADLOCK),
    _mutant("NO_REAPING", SEEN, END, liveness=True),
    _mutant("HANDLE_FREED_FIRST", f"{RECOVERER} LEDGER=0", DEADLOCK),
    _mutant("TORN_COUNTED_TWICE", RECOVERER, LEDGER),
    _mutant("TORN_KEEPS_NUMBER", COUNTED, LEDGER),
    _mutant("GIVEN_BACK_LAST", f"{IN_PEACE} GIVE_BACKS=1", LEDGER),
    _mutant("END_DESPITE_CLAIMS", f"{IN_PEACE} LEDGER=0 ENDING=1", LOST),
    _mutant("RESERVED_FOR_EVER", f"{ALONE} CRASHES=1 LEDGER=0", DEADLOCK),
    _mutant("CLAIMS_WITHOUT_LOOKING", PEACE_FOR_TWO, LEDGER),
    _mutant("END_DESPITE_RESERVATIONS", f"{ALONE} ENDING=1 LEDGER=0", LOST),
    _mutant("PROMISE_BEFORE_HANDLE", f"{COUNTED} ATTACH=1", LEDGER),
    _mutant("PROMISE_FORGOTTEN", f"{COUNTED} ATTACH=1", LEDGER),
    _mutant("JOINS_A_BATCH", f"{TWO_IN_BATCHES} POISON=4 GIVE_BACKS=1", SET_ASIDE),
    _mutant("IS_JOINED", f"SLOTS=3 CLAIMS=3 {BATCHES} POISON=2 LEDGER=0", SET_ASIDE),
    _mutant("FAILURE_NOT_COUNTED", f"{TWO_IN_BATCHES} POISON=2", SET_ASIDE),
    _mutant("ACKNOWLEDGES_THE_REST", f"{TWO_IN_BATCHES} POISON=4", LOST),
    _mutant("FORGETS_THE_REST", f"{TWO_IN_BATCHES} POISON=4", DEADLOCK),
    _mutant("PAUSE_DESPITE_RESERVATIONS", f"{ALONE} PAUSES=1 LEDGER=0", PAUSED),
    _mutant("RESERVES_DURING_A_PAUSE", f"{ALONE} PAUSES=1 LEDGER=0", PAUSED),
    _mutant("LIMIT_WITHOUT_HANDS", TWO_ASKED, ASKED_FOR),
    _mutant("LIMIT_COUNTS_CLAIMS", f"{TWO_ASKED} ABORTS=1", DEADLOCK),
    _mutant("ENDS_WITH_THE_LAST_CLAIM", f"{TWO_ASKED} ABORTS=1", ASKED_FOR),
    _mutant("LIMIT_DESPITE_RESERVATIONS", f"{TWO_ASKED} WRITERS=1", ASKED_FOR),
    _mutant("LIMIT_NOT_REPAIRED", f"{TWO_ASKED} CRASHES=1", DEADLOCK),
    _mutant("END_OF_READERS_UNSEEN", f"{ALONE} ENDING=1 END_READERS=1 LEDGER=0", READERS_OVER),
    _mutant("TURN_DESPITE_HELD", TWO_IN_TURN, IN_TURN),
    _mutant("TURN_DESPITE_PENDING", TWO_IN_TURN, IN_TURN),
    _mutant("STEPPING_ASIDE_COUNTS", f"{TWO_IN_BATCHES} TURNS=1 POISON=2", SET_ASIDE),
    _mutant("JOINS_OVER_A_GAP", f"SLOTS=3 CLAIMS=3 {TURNS_OF_BATCHES} LEDGER=0", IN_TURN),
    _mutant("COPY_NOT_CHECKED", OBSERVED, TORN),
    _mutant("CONTENT_BEFORE_CLAIM", OBSERVED, TORN),
    _mutant("READY_BEFORE_CONTENT", OBSERVED, TORN),
)
