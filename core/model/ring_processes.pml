/* ring_processes.pml: who uses the ring, and how they are killed. */

#define FORGET_ALL in_hand[me] = 0; reserved[me] = 0; FORGET_TURN

/* The kernel hands the lock over slightly before the process counts as ended, see `dead:`. */
inline die_with_the_lock() {
  d_step {
    crashes_left > 0 -> crashes_left--;
    life[me] = DYING; FORGET_ALL; lock = ORPHANED;
    s = 0; g = 0; h = 0; n = 0; left = 0; pushed = 0
  }
}

#define KILLED_OUTSIDE(and_then) \
  d_step { \
    (crashes_left > 0 && (life[me] == ALIVE || (life[me] == ABSENT && me < WRITERS))) -> \
    crashes_left--; life[me] = DEAD; FORGET_ALL; and_then }

/* Whoever locks after a holder has died repairs; and who waits in vain, at the latest after 50 ms. */
#define REPAIRS \
  d_step { (lock == ORPHANED || \
            (lock == UNLOCKED && (in_hand[me] == 0 || IS_WAITING) && SOMEBODY_DEAD)) -> \
           lock = LOCKED }; \
  repair()

#define WANTS_MORE (life[me] == ALIVE && in_hand[me] == 0 && WRITES_ON)
#define HAS_ROOM (free_count > 0 && WITHIN_LIMIT(0))
#define MAY_CLAIM (WANTS_MORE && CLAIMS_LEFT && !paused && (HAS_ROOM || HAS_RESERVATION))
#define WANTS_WHAT_IS_RESERVED \
  (life[me] == ALIVE && in_hand[me] == 0 && reserved[me] != 0 && CLAIMS_LEFT)
#define HAS_RESERVATION (reserved[me] != 0 && slot_word[(reserved[me] + SLOTS - 1) % SLOTS] == RESERVED(me))
#define WANTS_AN_EVENT (life[me] == ALIVE && in_hand[me] == 0 && !AT_END)

/* model: CLAIM_RESERVED. Without the lock: one exchange, which fails if it was withdrawn. */
inline claim_reserved() {
  d_step {
    WANTS_WHAT_IS_RESERVED -> s = reserved[me] - 1; reserved[me] = 0;
    if
#ifdef MUTANT_CLAIMS_WITHOUT_LOOKING
    :: true ->
#else
    :: slot_word[s] == RESERVED(me) ->
#endif
       nobody_holds(s);
       slot_word[s] = CLAIMED(me); note_claimed(s);
       in_hand[me] = BIT(s)
    :: else
    fi
  }
  if
  :: in_hand[me] == 0
  :: in_hand[me] != 0 -> sequence[s] = 0
  :: KILLED_OUTSIDE(s = 0; note_gone()) -> goto gone
  fi;
  s = 0
}

#if OBSERVERS
#define MY_CLAIM claim[FIRST_IN_HAND]
#define LEFT_HALF left_half[FIRST_IN_HAND]
#define RIGHT_HALF right_half[FIRST_IN_HAND]
#ifdef MUTANT_READY_BEFORE_CONTENT
#define IS_FILLED true
#else
#define IS_FILLED (RIGHT_HALF == MY_CLAIM)
#endif
#else
#define IS_FILLED true
#endif

proctype Writer() {
  byte s, g, h, n, left, pushed;
  do
  :: SECTION {
       if
       :: ENTER(MAY_CLAIM);
          withdraw(me); reserved[me] = 0;
#if END_AFTER
          assert(HAS_ROOM);
#endif
          claim_run()
       :: ENTER(in_hand[me] != 0 && IS_FILLED);
          withdraw(me); publish_all();
          if
#ifdef MUTANT_RESERVES_DURING_A_PAUSE
          :: open_writers == 1 && HAS_ROOM && !ending -> reserve_one()
#else
          :: open_writers == 1 && HAS_ROOM && !ending && !paused -> reserve_one()
#endif
          :: true
          fi
#if ABORTS
       :: ENTER(in_hand[me] != 0 && aborted < ABORTS); withdraw(me); abort_all()
#endif
#if ATTACH
       :: ENTER(life[me] == ABSENT); life[me] = ALIVE; open_handle()
#endif
       :: REPAIRS
       fi;
       LEAVE
     }
  :: SECTION {
       ENTER(life[me] == ALIVE && in_hand[me] == 0 && !WANTS_MORE);
       withdraw(me); reserved[me] = 0;
#if END_AFTER && !ENDING
       assert(published >= END_AFTER); /* told of the end: there are as many as were asked for */
#endif
       leave(); LEAVE_FOR_GOOD
     }; break
  :: claim_reserved()
#if OBSERVERS
  :: in_hand[me] != 0 && LEFT_HALF != MY_CLAIM -> LEFT_HALF = MY_CLAIM
  :: in_hand[me] != 0 && LEFT_HALF == MY_CLAIM && RIGHT_HALF != MY_CLAIM -> RIGHT_HALF = MY_CLAIM
#endif
  :: KILLED_OUTSIDE(note_gone()) -> break
#if POLL
  :: d_step { lock == UNLOCKED && WANTS_MORE && !MAY_CLAIM && !SOMEBODY_DEAD -> skip }
#endif
  od;
  goto gone;
dead:
  atomic { life[me] = DEAD; note_gone() }
gone:
  skip
}

/* A killed reader is replaced by a new process. Opening reaps first, so the old place is free. */
#define CAN_START (life[me] >= DEAD && !handle_active[me])

/* Who comes to a poisonous event raises an error or is killed, in spite of what was before it. */
#define IS_POISONED(s) (HAS(me, s) && POISONOUS(s))
#define FAILS (ANY_SLOT(IS_POISONED) && !IS_TOLD_TO_QUARANTINE)
#define HAS_COME_THROUGH (in_hand[me] != 0 && !POISONOUS(FIRST_IN_HAND) && !IS_TOLD_TO_QUARANTINE)

proctype Reader() {
  byte s, g, h, n, left, pushed;
next:
  do
  :: SECTION {
       if
       :: ENTER(WANTS_AN_EVENT && queue_count[MY_GROUP] > 0); take_run()
       :: ENTER(HAS_COME_THROUGH && MAY_FINISH); acknowledge_first()
#if TURNS
       :: ENTER(IS_WAITING && EARLIER_IS_DUE); turn[me] = EARLIER
       :: ENTER(IS_WAITING && !EARLIER_IS_DUE && !EARLIER_IS_HELD); turn[me] = OURS
#ifdef MUTANT_STEPPING_ASIDE_COUNTS
       :: ENTER(turn[me] == EARLIER); give_back_all(1)
#else
       :: ENTER(turn[me] == EARLIER); give_back_all(0)
#endif
#endif
#if MAX_DELIVERIES
       :: ENTER(IS_TOLD_TO_QUARANTINE); finish_all(QUARANTINED)
       :: ENTER(FAILS); give_back_all(1)
#endif
#if QUARANTINES
       :: ENTER(in_hand[me] != 0 && sum_quarantined[MY_GROUP] < QUARANTINES);
          finish_all(QUARANTINED)
#endif
#if GIVE_BACKS
       :: ENTER(in_hand[me] != 0 && give_backs_left > 0);
          give_backs_left--; give_back_all(0)
#endif
       :: ENTER(CAN_START && group_state[MY_GROUP] == ACTIVE); life[me] = ALIVE; open_handle()
       :: REPAIRS
       fi;
       LEAVE
     }
  :: SECTION {
       ENTER(life[me] == ALIVE && in_hand[me] == 0 && AT_END);
       note_end(); leave(); LEAVE_FOR_GOOD
     }; break
#if REMOVALS
  :: d_step { (lock == UNLOCKED && CAN_START && group_state[MY_GROUP] == REMOVED) ->
              note_gone() }; break
#endif
#if TURNS
  :: d_step { HAS_COME_THROUGH && turn[me] == NOT_ASKED -> turn[me] = WAITING }
#endif
  :: KILLED_OUTSIDE(skip)
#if MAX_DELIVERIES
  :: d_step { FAILS -> life[me] = DEAD; FORGET_ALL }
#endif
#if POLL
  :: d_step { lock == UNLOCKED && WANTS_AN_EVENT && queue_count[MY_GROUP] == 0 && !SOMEBODY_DEAD ->
              skip }
#if TURNS
  :: d_step { lock == UNLOCKED && IS_WAITING && EARLIER_IS_HELD && !SOMEBODY_DEAD -> skip }
#endif
#endif
  od;
  goto gone;
dead:
  life[me] = DEAD;
  goto next;
gone:
  skip
}

#if WITH_CONTROL

/* model: ADD_GROUP */
inline add_group() {
  g = (group_state[0] == UNUSED -> 0 : GROUPS - 1);
  MAY_DIE; d_step {
    first_sequence[g] = next_sequence; backlog[g] = 0; published_before[g] = next_sequence - 1
  }
  for (s : 0 .. SLOTS - 1) {
    if
    :: slot_word[s] == READY ->
       MAY_DIE; GROUP_WORD(s, g) = WORD(PENDING, 0);
       MAY_DIE; d_step {
         first_sequence[g] = (sequence[s] < first_sequence[g] -> sequence[s] : first_sequence[g]);
         backlog[g]++
       }
    :: else
    fi
  }
  s = 0;
  MAY_DIE; d_step { group_state[g] = ACTIVE; last_first[g] = first_sequence[g] - 1 }
  MAY_DIE; active_groups++;
  own_what_was_nobodys();
  for (s : 0 .. SLOTS - 1) {
    if
    :: slot_word[s] == READY -> MAY_DIE; due[s]++
    :: else
    fi
  }
  MAY_DIE; d_step { x = g; rebuild_group() }
  s = 0; g = 0
}

/* The slots of events published while there was no group were free; now these are due to one. */
inline own_what_was_nobodys() {
  MAY_DIE; d_step {
    n = 0;
    for (i : 0 .. SLOTS - 1) {
      free_mark[i] = free_mark[i] && slot_word[i] != READY;
      n = n + free_mark[i]
    }
  }
  MAY_DIE; free_count = n;
  n = 0
}

/* model: REMOVE_GROUP */
inline remove_group(which) {
  g = which;
  MAY_DIE; abandoned[g] = queue_count[g] + held[g];
  MAY_DIE; d_step {
    group_state[g] = REMOVED; removals_left--;
    assert(OFFERED(g) == acknowledged[g] + sum_quarantined[g] + abandoned[g])
  }
  MAY_DIE; active_groups--;
  for (s : 0 .. SLOTS - 1) {
    if
    :: slot_word[s] == READY && IS_DUE(GROUP_WORD(s, g)) ->
       MAY_DIE; due[s]--;
       if
       :: due[s] == 0 -> free_one()
       :: else
       fi
    :: else
    fi
  }
  keep_free_count();
  s = 0; g = 0
}

#if ENDING
/* model: END_WRITERS */
inline end_writers() {
#ifndef MUTANT_END_DESPITE_RESERVATIONS
  withdraw_all();
#endif
  MAY_DIE; ending = 1;
  MAY_DIE; update_ended()
}
#endif

#if END_AFTER
/* model: END_AFTER */
inline end_after() {
#ifndef MUTANT_LIMIT_DESPITE_RESERVATIONS
  withdraw_all();
#endif
  MAY_DIE; d_step { event_limit = END_AFTER; note_limit() }
  end_at_limit()
}
#endif

#if PAUSES
/* model: PAUSE */
inline pause(how) {
#ifndef MUTANT_PAUSE_DESPITE_RESERVATIONS
  withdraw_all();
#endif
  MAY_DIE; paused = how
}
#endif

proctype Control() {
  byte s, g, h, n, left, pushed;
end:
  do
  :: SECTION {
       if
#if LATE_GROUPS
       :: ENTER(group_state[0] == UNUSED || group_state[GROUPS - 1] == UNUSED); add_group()
#endif
#if REMOVALS
       :: ENTER(removals_left > 0 && group_state[0] == ACTIVE); remove_group(0)
       :: ENTER(removals_left > 0 && group_state[GROUPS - 1] == ACTIVE); remove_group(GROUPS - 1)
#endif
#if ENDING
       :: ENTER(!ending); end_writers()
#endif
#if END_AFTER
       :: ENTER(event_limit == 0); end_after()
#endif
#if END_READERS
       :: ENTER(ending && !READERS_ENDED); MAY_DIE; readers_ended = 1 /* model: END_READERS */
#endif
#if PAUSES
       :: ENTER(!paused && pauses_left > 0);
          pauses_left--;
          pause(1)
       :: ENTER(paused); pause(0)
#endif
#if ATTACH
       :: ENTER(writers_gone == WRITERS && promised[0] > 0);
          MAY_DIE; d_step { promised[0] = 0; promises_left = 0 }
          MAY_DIE; update_ended()
       :: ENTER(writers_gone == WRITERS && promised[0] == 0 && promised[1] > 0);
          MAY_DIE; promised[1] = 0;
          MAY_DIE; update_ended()
#endif
       :: REPAIRS
       fi;
       LEAVE
     }
  od;
dead:
  life[me] = ALIVE;
  goto end
}
#endif

#if OBSERVERS
/* model: COPY. Without the lock, and without a trace; of any slot, in place of the newest. */
proctype Observer() {
  byte s, word, before, number, left, right;
  bit is_whole;
end:
  do
  :: atomic {
       select(s : 0 .. SLOTS - 1);
       word = slot_word[s]; before = generation[s]
     }
     number = sequence[s];
     if
     :: !IS_CLAIMED(word) && number != 0 ->
        left = left_half[s];
        right = right_half[s];
#ifdef MUTANT_COPY_NOT_CHECKED
        is_whole = 1;
#else
        is_whole = (generation[s] == before);
        is_whole = is_whole && sequence[s] == number;
#endif
        assert(!is_whole || (left == claim_of[number] && right == claim_of[number]))
     :: else
     fi;
     d_step { s = 0; word = 0; before = 0; number = 0; left = 0; right = 0; is_whole = 0 }
  od
}
#endif

init {
  byte p;
  atomic {
    d_step {
      for (i : 0 .. SLOTS - 1) { free_mark[i] = 1 }
      free_count = SLOTS;
      for (i : 0 .. GROUPS - 1) {
        if
        :: i < GROUPS - LATE_GROUPS -> group_state[i] = ACTIVE; active_groups++
        :: else
        fi
      }
      for (i : WRITERS .. PROCESSES - 1) {
        if
        :: group_state[GROUP_OF(i)] == ACTIVE ->
           handle_active[i] = 1; readers[GROUP_OF(i)] = readers[GROUP_OF(i)] + 1
        :: else -> life[i] = ABSENT
        fi
      }
#if ATTACH
      promised[0] = WRITERS; promised[1] = 1;
      for (i : 0 .. WRITERS - 1) { life[i] = ABSENT }
#else
      promises_left = 0; open_writers = WRITERS;
      for (i : 0 .. WRITERS - 1) { handle_active[i] = 1 }
#endif
    }
    for (p : 1 .. WRITERS) { run Writer() }
    for (p : 1 .. READERS_A + READERS_B) { run Reader() }
    p = 0;
#if WITH_CONTROL
    run Control();
#endif
#if OBSERVERS
    run Observer();
#endif
    skip
  }
}

#if POLL
ltl stream_ends { <> (ended == PROCESSES) }
#endif
