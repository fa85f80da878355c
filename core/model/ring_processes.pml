/* ring_processes.pml: who uses the ring, and how they are killed. */

/* The kernel hands the lock over slightly before the process counts as ended, see `dead:`. */
inline die_with_the_lock() {
  d_step {
    crashes_left > 0 -> crashes_left--;
    life[me] = DYING; in_hand[me] = 0; reserved[me] = 0; lock = ORPHANED;
    s = 0; g = 0; h = 0; n = 0; left = 0
  }
}

#define KILLED_OUTSIDE(and_then) \
  d_step { \
    (crashes_left > 0 && (life[me] == ALIVE || (life[me] == ABSENT && me < WRITERS))) -> \
    crashes_left--; life[me] = DEAD; in_hand[me] = 0; reserved[me] = 0; and_then }

/* Whoever locks after a holder has died repairs; and who waits in vain, at the latest after 50 ms. */
#define REPAIRS \
  d_step { (lock == ORPHANED || \
            (lock == UNLOCKED && in_hand[me] == 0 && SOMEBODY_DEAD)) -> lock = LOCKED }; \
  repair()

#define WANTS_A_SLOT (life[me] == ALIVE && in_hand[me] == 0 && !ending && sum_generations < CLAIMS)
#define WANTS_WHAT_IS_RESERVED (life[me] == ALIVE && in_hand[me] == 0 && reserved[me] != 0 && \
  sum_generations < CLAIMS)
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
       slot_word[s] = CLAIMED(me); sum_generations++; torn_mark[s] = 0; content[s] = 0;
       in_hand[me] = s + 1
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

proctype Writer() {
  byte s, g, h, n, left;
  do
  :: SECTION {
       if
       :: ENTER(WANTS_A_SLOT && (free_count > 0 || HAS_RESERVATION));
          withdraw(me); reserved[me] = 0; claim_one()
       :: ENTER(in_hand[me] != 0);
          withdraw(me); publish_one();
          if
          :: open_writers == 1 && free_count > 0 && !ending -> reserve_one()
          :: true
          fi
#if ABORTS
       :: ENTER(in_hand[me] != 0 && aborted < ABORTS); withdraw(me); abort_one()
#endif
#if ATTACH
       :: ENTER(life[me] == ABSENT); life[me] = ALIVE; open_handle()
#endif
       :: REPAIRS
       fi;
       LEAVE
     }
  :: SECTION {
       ENTER(life[me] == ALIVE && in_hand[me] == 0 && !WANTS_A_SLOT);
       withdraw(me); reserved[me] = 0; leave(); LEAVE_FOR_GOOD
     }; break
  :: claim_reserved()
  :: KILLED_OUTSIDE(note_gone()) -> break
#if POLL
  :: d_step { lock == UNLOCKED && WANTS_A_SLOT && free_count == 0 && !HAS_RESERVATION && !SOMEBODY_DEAD -> skip }
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

proctype Reader() {
  byte s, g, h, n, left;
next:
  do
  :: SECTION {
       if
       :: ENTER(WANTS_AN_EVENT && queue_count[MY_GROUP] > 0); take_one()
       :: ENTER(in_hand[me] != 0); finish_one(DONE)
#if QUARANTINES
       :: ENTER(in_hand[me] != 0 && sum_quarantined[MY_GROUP] < QUARANTINES);
          finish_one(QUARANTINED)
#endif
#if GIVE_BACKS
       :: ENTER(in_hand[me] != 0 && give_backs_left > 0); give_backs_left--; give_back_one()
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
  :: KILLED_OUTSIDE(skip)
#if POLL
  :: d_step { lock == UNLOCKED && WANTS_AN_EVENT && queue_count[MY_GROUP] == 0 && !SOMEBODY_DEAD ->
              skip }
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
  g = 0;
  rebuild()
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
  for (n : 0 .. SLOTS - 1) {
    if
    :: slot_word[n] == READY && IS_DUE(GROUP_WORD(n, g)) ->
       MAY_DIE; due[n]--;
       if
       :: due[n] == 0 -> s = n; free_one(); s = 0
       :: else
       fi
    :: else
    fi
  }
  n = 0; g = 0
}

proctype Control() {
  byte s, g, h, n, left;
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
       :: ENTER(!ending);
#ifndef MUTANT_END_DESPITE_RESERVATIONS
          withdraw_all();
#endif
          MAY_DIE; ending = 1; MAY_DIE; update_ended()
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

init {
  byte p;
  atomic {
    d_step {
      for (i : 0 .. SLOTS - 1) { free_queue[i] = i }
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
    run Control()
#endif
  }
}

#if POLL
ltl stream_ends { <> (ended == PROCESSES) }
#endif
