/* ring_checks.pml: what the model remembers besides the ring, and what has to hold. */

byte content[SLOTS];                 /* whose bytes the slot holds whole; 0: nobody's */
byte published, aborted, acknowledged[GROUPS];
short finished[GROUPS];              /* bit n: this group is done with event n */
byte last_first[GROUPS];             /* newest event that was delivered at least once */
bit saw_end[GROUPS];                 /* a reader of the group has been told of the end */
#if OBSERVERS
byte generation[SLOTS];              /* in the slot word: one store with it */
byte claim[SLOTS];                   /* number of the claim; its writer fills both halves with it */
byte left_half[SLOTS], right_half[SLOTS];
byte claim_of[CLAIMS + 1];           /* by number of the event */
#endif
byte promises_left = WRITERS;
#if END_AFTER
byte most_events = 255;              /* that there may be: as many as were asked for, and no more */
#endif

hidden byte i, j, x, y;              /* used within one d_step each */
hidden byte in_hand_now, due_now, free_now, pending_now, held_now, writers_now, readers_now;
hidden byte unsettled_now;           /* claimed without the lock and not yet counted */

/* A slot is claimed only while nobody alive has it in hand. A group that is removed gives up what
 * its readers have in hand: they must not look at it any more. */
inline nobody_holds(s) {
  d_step {
    skip;
    for (i : 0 .. PROCESSES - 1) {
      assert(!HAS(i, s) || (i >= WRITERS && group_state[GROUP_OF(i)] == REMOVED))
    }
    skip
  }
}

/* No two live readers of one group hold the same event. */
inline nobody_in_group_holds(s) {
  d_step {
    skip;
    for (i : WRITERS .. PROCESSES - 1) {
      assert(!HAS(i, s) || GROUP_OF(i) != MY_GROUP)
    }
    skip
  }
}

/* No slot is claimed during a pause. */
inline note_claimed(s) {
  assert(!paused);
  sum_generations++;
  torn_mark[s] = 0;
  content[s] = 0;
#if OBSERVERS
  generation[s]++;
  claim[s] = sum_generations
#endif
}

/* Numbers run on without a gap, and no group has been told of the end. */
inline note_published(s) {
  published++;
#if END_AFTER
  assert(published <= most_events);
#endif
  content[s] = published;
  assert(sequence[s] == published);
#if OBSERVERS
  claim_of[published] = claim[s];
#endif
  for (i : 0 .. GROUPS - 1) { assert(group_state[i] != ACTIVE || !saw_end[i]) }
}

/* First deliveries come in the order of publishing, and leave none out, but for what had left the
 * ring when the group was added. What comes again is marked by its delivery and was never
 * finished. */
inline note_taken(s, g) {
  assert(!READERS_ENDED);
  assert(!(finished[g] & EVENT_BIT(s)));
  assert(content[s] == sequence[s]);
#if MAX_DELIVERIES && !TURNS
  assert(DELIVERY(GROUP_WORD(s, g)) <= FAILED(s, g) + GIVE_BACKS); /* handed out in vain: counted */
#endif
  if
  :: DELIVERY(GROUP_WORD(s, g)) == 0 ->
     assert(sequence[s] > last_first[g]);
     assert(sequence[s] == last_first[g] + 1 || sequence[s] <= published_before[g] + 1);
     last_first[g] = sequence[s]
  :: else -> assert(sequence[s] <= last_first[g])
  fi
}

/* What is set aside is poisonous: an innocent event has failed at most once in company, and else
 * only by kills. */
#if MAX_DELIVERIES
#define MAY_BE_SET_ASIDE(s) (POISONOUS(s) || \
  FAILED(s, MY_GROUP) <= 1 + CRASHES - crashes_left && FAILED(s, MY_GROUP) >= MAX_DELIVERIES)
#else
#define MAY_BE_SET_ASIDE(s) true
#endif

/* With a result: the group has finished with every event before it. */
#if TURNS
#define IS_IN_TURN(s, g) (turn[me] != OURS || (finished[g] & (EVENT_BIT(s) - 2)) == EVENT_BIT(s) - 2)
#else
#define IS_IN_TURN(s, g) true
#endif

inline note_finished(s, g, how) {
  assert(!(finished[g] & EVENT_BIT(s)));
  finished[g] = finished[g] | EVENT_BIT(s);
  if
  :: how == DONE -> assert(!POISONOUS(s)); assert(IS_IN_TURN(s, g)); acknowledged[g]++
  :: else -> sum_quarantined[g]++; assert(MAY_BE_SET_ASIDE(s))
  fi
}

inline nothing_is_lost_by_freeing(s) {
  for (i : 0 .. GROUPS - 1) {
    assert(group_state[i] != ACTIVE || (finished[i] & EVENT_BIT(s)))
  }
}

#define OFFERED(g) (backlog[g] + published - published_before[g])

/* At the call, writers may have more in hand already than is asked for: this still comes. */
#if END_AFTER
inline note_limit() {
  most_events = published;
  for (i : 0 .. SLOTS - 1) { most_events = most_events + IS_CLAIMED(slot_word[i]) }
  most_events = (most_events > END_AFTER -> most_events : END_AFTER)
}
#endif

/* A reader told of the end has nothing left to come: its group has finished all it was offered. */
inline note_end() {
  if
  :: group_state[MY_GROUP] == ACTIVE && !READERS_ENDED ->
     assert(acknowledged[MY_GROUP] + sum_quarantined[MY_GROUP] == OFFERED(MY_GROUP));
     saw_end[MY_GROUP] = 1
  :: else
  fi
}

/* The invariants I1 to I8 of layout.hpp, which hold whenever the lock is free. */
inline ledger_balances() {
  in_hand_now = 0; free_now = 0;
  for (i : 0 .. SLOTS - 1) {
    if
    :: IS_CLAIMED(slot_word[i]) ->                                           /* I1 */
       assert(slot_word[i] - 2 < WRITERS && handle_active[slot_word[i] - 2]);
       assert(!free_mark[i]);
       in_hand_now++
    :: else ->
       assert(sequence[i] == 0 || content[i] == sequence[i]);                /* I7 */
       if
       :: slot_word[i] == FREE -> assert(free_mark[i]); free_now++
       :: IS_RESERVED(slot_word[i]) ->
          assert(handle_active[slot_word[i] - 10] && reservation[slot_word[i] - 10] == i + 1);
          assert(!free_mark[i])
       :: else ->
          due_now = 0;
          for (j : 0 .. GROUPS - 1) {
            if
            :: group_state[j] == ACTIVE ->
               x = GROUP_WORD(i, j);
               assert(STATE(x) != NONE);
               assert(!IS_HELD(x) || (GROUP_OF(STATE(x) - 4) == j &&         /* I2 */
                                      handle_active[STATE(x) - 4]));
               due_now = due_now + IS_DUE(x)
            :: else
            fi
          }
          assert(due[i] == due_now);
          assert(due_now > 0 || active_groups == 0);
          assert(free_mark[i] == (due_now == 0));
          free_now = free_now + (due_now == 0)
       fi
    fi
  }
  unsettled_now = 0;
  for (i : 0 .. WRITERS - 1) {
    unsettled_now = unsettled_now +
      (reservation[i] != 0 && slot_word[(reservation[i] + SLOTS - 1) % SLOTS] == CLAIMED(i))
  }
  assert(free_count == free_now && in_hand_count + unsettled_now == in_hand_now);
  assert(next_sequence - 1 == published);                                    /* I4 */
  assert(torn == sum_torn);                                                  /* I5 */
  assert(sum_generations == published + aborted + torn + in_hand_now);       /* I3, I5 */
  x = 0; y = 0;
  for (j : 0 .. GROUPS - 1) {
    if
    :: group_state[j] == ACTIVE -> x++; group_balances(j)
    :: else
    fi
  }
  assert(active_groups == x);
  writers_now = 0;
  for (i : 0 .. WRITERS - 1) { writers_now = writers_now + handle_active[i] }
  assert(open_writers == writers_now && promised[0] == promises_left);
#if END_AFTER && !ENDING
  assert(ending == (event_limit != 0 && next_sequence > event_limit));
#endif
  assert(stream_ended == STREAM_ENDED)
}

inline group_balances(j) {
  pending_now = 0; held_now = 0; readers_now = 0;
  for (i : 0 .. SLOTS - 1) {
    if
    :: slot_word[i] == READY ->
       pending_now = pending_now + (STATE(GROUP_WORD(i, j)) == PENDING);
       held_now = held_now + IS_HELD(GROUP_WORD(i, j))
    :: else
    fi
  }
  assert(queue_count[j] == pending_now && held[j] == held_now);              /* I6 */
  assert(OFFERED(j) == acknowledged[j] + sum_quarantined[j] + pending_now + held_now);
  for (i : 1 .. SLOTS - 1) {
    assert(i >= queue_count[j] || sequence[QUEUE(j, i - 1)] < sequence[QUEUE(j, i)])
  }
  for (i : WRITERS .. PROCESSES - 1) {
    readers_now = readers_now + (GROUP_OF(i) == j && handle_active[i])
  }
  assert(readers[j] == readers_now)
}

/* --- queues, moved in one step ---------------------------------------------------------------- */

inline pop_group_queue(g, count) {
  d_step {
    skip;
    for (i : count .. SLOTS - 1) { QUEUE(g, i - count) = QUEUE(g, i) }
    for (i : SLOTS - count .. SLOTS - 1) { QUEUE(g, i) = 0 }
  }
}

inline insert_by_sequence(s, g, length) {
  d_step {
    i = length;
    do
    :: i > 0 && sequence[QUEUE(g, i - 1)] > sequence[s] -> QUEUE(g, i) = QUEUE(g, i - 1); i--
    :: else -> break
    od;
    QUEUE(g, i) = s
  }
}
