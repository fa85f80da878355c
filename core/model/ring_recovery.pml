/* ring_recovery.pml: what recovery.cpp does, by whoever finds a dead process or an orphaned lock. */

/* Ring::take_over and Ring::reap. A promise is owed only while the lock is orphaned. */
inline repair() {
  for (h : 0 .. PROCESSES - 1) {
    if
    :: handle_active[h] ->
#ifndef MUTANT_PROMISE_FORGOTTEN
       if
       :: owes_promise[h] ->
          MAY_DIE; promised[0] = promise_target[h];
          MAY_DIE; d_step { owes_promise[h] = 0; promise_target[h] = 0 }
       :: else
       fi;
#endif
       if
#ifdef MUTANT_SUSPECTS_ARE_DEAD
       :: life[h] == DEAD || h == WRITERS -> reclaim()
#else
       :: life[h] == DEAD -> reclaim()
#endif
       :: else
       fi
    :: else
    fi
  }
  h = 0;
  rebuild()
}

/* model: RECLAIM */
inline reclaim() {
#ifndef MUTANT_SUSPECTS_ARE_DEAD
  assert(life[h] != ALIVE);
#endif
#ifdef MUTANT_HANDLE_FREED_FIRST
  MAY_DIE; handle_active[h] = 0;
#endif
  for (s : 0 .. SLOTS - 1) {
    if
    :: slot_word[s] == CLAIMED(h) ->
#ifdef MUTANT_TORN_COUNTED_TWICE
       MAY_DIE; sum_torn++;
#else
       if
       :: !torn_mark[s] -> MAY_DIE; d_step { torn_mark[s] = 1; sum_torn++ }
       :: else
       fi;
#endif
#ifndef MUTANT_TORN_KEEPS_NUMBER
       MAY_DIE; sequence[s] = 0;
#endif
       MAY_DIE; slot_word[s] = FREE
    :: slot_word[s] == READY && h >= WRITERS &&
       STATE(GROUP_WORD(s, GROUP_OF(h))) == HELD(h) ->
#ifdef MUTANT_HELD_BY_THE_DEAD
       skip
#else
       MAY_DIE; d_step {
         GROUP_WORD(s, GROUP_OF(h)) = WORD(PENDING, DELIVERY(GROUP_WORD(s, GROUP_OF(h))));
#ifndef MUTANT_FAILURE_NOT_COUNTED
         HAS_FAILED(s, GROUP_OF(h), FAILED(s, GROUP_OF(h)) + 1)
#endif
       }
#endif
    :: else
    fi
  }
  s = 0;
#ifndef MUTANT_HANDLE_FREED_FIRST
  MAY_DIE; handle_active[h] = 0
#endif
}

/* Ring::rebuild_caches. The words first: they may be one store behind. */
inline rebuild() {
  d_step {
    active_groups = 0;
    for (i : 0 .. GROUPS - 1) { active_groups = active_groups + (group_state[i] == ACTIVE) }
  }
  n = next_sequence;
  for (s : 0 .. SLOTS - 1) {
    if
    :: slot_word[s] == READY ->
       d_step {
#ifndef MUTANT_NUMBER_NOT_REPAIRED
         n = (sequence[s] >= n -> sequence[s] + 1 : n);
#endif
         due[s] = 0;
         for (i : 0 .. GROUPS - 1) {
           due[s] = due[s] + (group_state[i] == ACTIVE && IS_DUE(GROUP_WORD(s, i)))
         }
       }
#ifndef MUTANT_FINISHED_NOT_FREED
       if
       :: due[s] == 0 && active_groups > 0 ->
          MAY_DIE; d_step { nothing_is_lost_by_freeing(s); slot_word[s] = FREE }
       :: else
       fi
#endif
#ifndef MUTANT_RESERVED_FOR_EVER
    :: IS_RESERVED(slot_word[s]) ->
       MAY_DIE; d_step { slot_word[s] = (IS_RESERVED(slot_word[s]) -> FREE : slot_word[s]) }
#endif
    :: else
    fi
  }
  s = 0;
  MAY_DIE; next_sequence = n;
  n = 0;
  MAY_DIE; d_step { rebuild_caches() }
#if END_AFTER && !defined(MUTANT_LIMIT_NOT_REPAIRED)
  ; end_at_limit() /* killed between the last publish and its consequence */
#endif
}

/* Nothing here reads a cache, so it does not matter which of these stores a kill leaves out. */
inline rebuild_caches() {
  in_hand_count = 0;
  for (i : 0 .. SLOTS - 1) { in_hand_count = in_hand_count + IS_CLAIMED(slot_word[i]) }
#ifndef MUTANT_COUNTS_TRUSTED
  torn = sum_torn;
#endif
#ifndef MUTANT_FREE_MARKS_TRUSTED
  free_count = 0; next_claim = 0;
  for (i : 0 .. SLOTS - 1) {
    free_mark[i] = (slot_word[i] == FREE || (slot_word[i] == READY && due[i] == 0));
    free_count = free_count + free_mark[i]
  }
#endif
  for (x : 0 .. GROUPS - 1) {
    if
    :: group_state[x] == ACTIVE -> rebuild_group()
    :: else
    fi
  }
  for (i : 0 .. PROCESSES - 1) { reservation[i] = 0 }
  open_writers = 0;
  for (i : 0 .. WRITERS - 1) { open_writers = open_writers + handle_active[i] }
  for (x : 0 .. GROUPS - 1) { readers[x] = 0 }
  for (i : WRITERS .. PROCESSES - 1) {
    readers[GROUP_OF(i)] = readers[GROUP_OF(i)] + handle_active[i]
  }
  update_ended()
}

inline rebuild_group() {
#ifndef MUTANT_GROUP_QUEUE_TRUSTED
  queue_count[x] = 0;
#ifdef MUTANT_QUEUE_NOT_SORTED
#define IN_ORDER (j == 0)
#else
#define IN_ORDER (sequence[i] == j)
#endif
  for (j : 0 .. CLAIMS) {
    for (i : 0 .. SLOTS - 1) {
      if
      :: slot_word[i] == READY && STATE(GROUP_WORD(i, x)) == PENDING && IN_ORDER ->
         QUEUE(x, queue_count[x]) = i; queue_count[x]++
      :: else
      fi
    }
  }
  for (i : queue_count[x] .. SLOTS - 1) { QUEUE(x, i) = 0 }
#endif
  held[x] = 0;
  for (i : 0 .. SLOTS - 1) {
    held[x] = held[x] + (slot_word[i] == READY && IS_HELD(GROUP_WORD(i, x)))
  }
}
