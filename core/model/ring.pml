/* ring.pml: the protocol of the ring, for the model checker Spin (https://spinroot.com).
 *
 * One assignment here is one store of a word or of a cache in core/src, in the same order, and a
 * process may be killed before each of them. Comments `model: NAME` mark the same steps there.
 * What is checked, and how the model is kept small, is said in
 * docs/explanation/protocol-model.md. `run.py` beside this file runs it.
 *
 *   Writer    idle ⇄ slot in hand → gone          killed: stays dead
 *   Reader    idle ⇄ event in hand → gone         killed: a new process opens its place again
 *   Control   whoever made the ring: groups, promises, pause, end; never ends, its calls may be killed
 *   Observer  copies, again and again, and leaves no trace
 *
 * Parameters, by -D:
 *   WRITERS READERS_A READERS_B SLOTS    numbers of each; group B has readers 0 or more
 *   CLAIMS                               slots claimed in the whole run; at most as many events
 *   CRASHES                              kills, of anyone at any place
 *   ABORTS GIVE_BACKS QUARANTINES        how many of each may happen; 0: none
 *   ATTACH                               writers open their ports first, with promises
 *   ENDING                               Control may end the writers at any time
 *   END_AFTER=n                          Control asks for n events at any time: writers go on until
 *                                        then; CLAIMS, n or more, is for the time before it asks
 *   END_READERS                          Control may end the readers after the writers
 *   LATE_GROUPS=n                        the last n groups are added while the ring runs
 *   REMOVALS=n                           Control may remove n groups
 *   POLL                                 who waits looks again and again, instead of being blocked
 *   BATCHES                              writers and readers have several neighbouring slots in hand;
 *                                        readers may acknowledge the first of them
 *   MAX_DELIVERIES=n POISON=bits         event k of bit k makes readers of group A fail; after n
 *                                        failures an event is set aside
 *   PAUSES=n                             Control may pause n times, and resumes
 *   TURNS                                some events have a result, and readers with one wait for their
 *                                        turn before they acknowledge
 *   OBSERVERS                            one copies without the lock; use with FINE
 *   FINE                                 each store is a transition of its own, also under the lock
 *   LEDGER=0                              do not check the invariants, only what users see
 *   MUTANT_…                             one deliberate error, see run.py
 */
#include "ring_parameters.pml"

/* --- the words: what is true ---------------------------------------------------------------- */

byte slot_word[SLOTS];           /* FREE, READY, CLAIMED(by whom) or RESERVED(for whom): one store */
byte group_word[SLOTS * GROUPS]; /* WORD(state with owner, delivery): one store */
byte sequence[SLOTS];
bit torn_mark[SLOTS];            /* 1: names the slot's present generation */
bit handle_active[PROCESSES];
bit owes_promise[PROCESSES];
byte promise_target[PROCESSES];
byte promised[2];                /* of the writers' token, and of the supervisor's own */
byte group_state[GROUPS], abandoned[GROUPS];
byte first_sequence[GROUPS], backlog[GROUPS], published_before[GROUPS];
byte next_sequence = 1;
bit ending, paused;
#if END_AFTER
byte event_limit;
#endif
#if END_READERS
bit readers_ended;
#endif
#if MAX_DELIVERIES
byte failed[SLOTS * GROUPS];     /* in the group word: one store with it */
#endif
byte sum_generations;            /* Σ of the slots' generations: each claim's store adds one */
byte sum_torn;                   /* Σ of the counts in the torn marks */
byte sum_quarantined[GROUPS];    /* Σ of the counts in the group words */

/* --- the caches: what can be computed from the words ----------------------------------------- */

bit free_mark[SLOTS];                                /* 1: free */
byte free_count, next_claim;
byte group_queue[SLOTS * GROUPS], queue_count[GROUPS];
byte held[GROUPS], readers[GROUPS], due[SLOTS];
byte active_groups, open_writers, in_hand_count, torn;
byte reservation[PROCESSES];                         /* of a writer: slot + 1, until it is settled */
bit stream_ended;

/* --- the world around the ring --------------------------------------------------------------- */

byte lock = UNLOCKED;            /* ORPHANED: the next who locks is told EOWNERDEAD */
byte life[PROCESSES + 1];        /* ALIVE; DYING: killed, still to be seen as a process; DEAD */
byte in_hand[PROCESSES + 1];     /* in the memory of each process: a bit for each slot */
byte reserved[PROCESSES + 1];    /* the same, a slot that was reserved for it: slot + 1, or 0 */
#if TURNS
byte turn[PROCESSES + 1];        /* the same, of what is in hand: NOT_ASKED, WAITING, OURS, EARLIER */
#endif
byte crashes_left = CRASHES;
byte give_backs_left = GIVE_BACKS, removals_left = REMOVALS, pauses_left = PAUSES;
byte ended, writers_gone;        /* how many have left in order, or are dead for good */

#include "ring_checks.pml"

/* --- writing ---------------------------------------------------------------------------------- */

/* model: CLAIM */
inline claim_one() {
  assert(slot_word[s] == FREE || (slot_word[s] == READY && active_groups == 0));
  nobody_holds(s);
#ifdef MUTANT_CONTENT_BEFORE_CLAIM
  left_half[s] = sum_generations + 1;
#endif
  MAY_DIE; d_step { slot_word[s] = CLAIMED(me); note_claimed(s) }
  MAY_DIE; sequence[s] = 0;
  in_hand[me] = in_hand[me] | BIT(s); n++
}

inline claim_run() {
  s = NEXT_FREE;
  claim_one();
  MAY_DIE; free_mark[s] = 0;
#if BATCHES
  do
  :: s + 1 < SLOTS && free_mark[s + 1] && CLAIMS_LEFT && WITHIN_LIMIT(n) ->
     s++;
     claim_one();
     MAY_DIE; free_mark[s] = 0
  :: true -> break
  od;
#endif
  MAY_DIE; next_claim = (s + 1) % SLOTS;
  MAY_DIE; free_count = free_count - n;
  MAY_DIE; in_hand_count = in_hand_count + n;
#ifdef MUTANT_ENDS_WITH_THE_LAST_CLAIM
  ending = (event_limit != 0 && next_sequence + in_hand_count > event_limit);
  update_ended();
#endif
  s = 0; n = 0
}

/* model: RESERVE */
inline reserve_one() {
  s = next_claim;
  if
  :: free_mark[s] && slot_word[s] == FREE ->
     MAY_DIE; slot_word[s] = RESERVED(me);
     MAY_DIE; free_mark[s] = 0;
     MAY_DIE; next_claim = (s + 1) % SLOTS;
     MAY_DIE; free_count--;
     MAY_DIE; reservation[me] = s + 1;
     reserved[me] = s + 1
  :: else
  fi;
  s = 0
}

/* model: WITHDRAW. Of writer w, who may claim at the same moment: one of the two is first. */
inline withdraw(w) {
  if
  :: reservation[w] != 0 ->
     s = reservation[w] - 1;
     MAY_DIE; d_step {
       n = (slot_word[s] == RESERVED(w));
       slot_word[s] = (n -> FREE : slot_word[s])
     }
     if
     :: n ->
        MAY_DIE; free_mark[s] = 1;
        MAY_DIE; next_claim = s;
        MAY_DIE; free_count++
     :: else -> MAY_DIE; in_hand_count++
     fi;
     MAY_DIE; reservation[w] = 0;
     s = 0; n = 0
  :: else
  fi
}

inline withdraw_all() {
  for (h : 0 .. WRITERS - 1) { withdraw(h) }
  h = 0
}

inline write_group_words() {
  left = active_groups;
  do
  :: left > 0 ->
     assert(g < GROUPS);
     if
     :: group_state[g] == ACTIVE ->
        MAY_DIE; d_step { GROUP_WORD(s, g) = WORD(PENDING, 0); HAS_FAILED(s, g, 0) }
        left--
     :: else
     fi;
     g++
  :: else -> break
  od;
  g = 0
}

/* model: PUBLISH */
inline publish_one() {
  assert(slot_word[s] == CLAIMED(me));
#ifdef MUTANT_READY_BEFORE_GROUP_WORDS
  sequence[s] = next_sequence;
  MAY_DIE; d_step { slot_word[s] = READY; note_published(s) }
#endif
  write_group_words();
  MAY_DIE; sequence[s] = next_sequence;
#ifdef MUTANT_NUMBER_BEFORE_COMMIT
  MAY_DIE; next_sequence++;
#endif
#ifndef MUTANT_READY_BEFORE_GROUP_WORDS
  MAY_DIE; d_step { slot_word[s] = READY; note_published(s) }
#endif
#ifndef MUTANT_NUMBER_BEFORE_COMMIT
  MAY_DIE; next_sequence++;
#endif
  MAY_DIE; due[s] = active_groups;
  n++
}

#define EACH_IN_HAND(step) \
  for (s : 0 .. SLOTS - 1) { \
    if \
    :: HAS(me, s) -> step \
    :: else \
    fi \
  }

inline publish_all() {
  EACH_IN_HAND(publish_one());
  MAY_DIE; in_hand_count = in_hand_count - n;
  n = 0;
  if
  :: active_groups == 0 -> EACH_IN_HAND(mark_free()); keep_free_count()
  :: else
  fi;
  for (g : 0 .. GROUPS - 1) {
    if
    :: group_state[g] == ACTIVE ->
       EACH_IN_HAND(push_group_queue());
       MAY_DIE; queue_count[g] = queue_count[g] + n;
       n = 0
    :: else
    fi
  }
#if END_AFTER
  end_at_limit();
#endif
  in_hand[me] = 0; s = 0; g = 0
}

inline push_group_queue() { MAY_DIE; QUEUE(g, queue_count[g] + n) = s; n++ }

/* model: ABORT */
inline abort_one() {
  assert(slot_word[s] == CLAIMED(me));
  MAY_DIE; d_step { slot_word[s] = FREE; aborted++ }
  mark_free(); n++
}

inline abort_all() {
  EACH_IN_HAND(abort_one());
  keep_free_count();
  MAY_DIE; in_hand_count = in_hand_count - n;
  in_hand[me] = 0; s = 0; n = 0
}

inline mark_free() { MAY_DIE; free_mark[s] = 1; pushed++ }
inline keep_free_count() { MAY_DIE; free_count = free_count + pushed; pushed = 0 }

/* --- reading ---------------------------------------------------------------------------------- */

/* model: TAKE */
inline take_one() {
  assert(slot_word[s] == READY && STATE(GROUP_WORD(s, MY_GROUP)) == PENDING);
  nobody_in_group_holds(s);
  MAY_DIE; d_step {
    note_taken(s, MY_GROUP);
    GROUP_WORD(s, MY_GROUP) = WORD(HELD(me), DELIVERY(GROUP_WORD(s, MY_GROUP)) + 1)
  }
  in_hand[me] = in_hand[me] | BIT(s); n++
}

/* An event that has failed comes alone: nothing joins it, and it joins nothing. Nor does an event
 * join over another that is in a colleague's hands: whose turn it is has the turn of all. */
#if defined(MUTANT_JOINS_OVER_A_GAP)
#define IS_NEXT(next) true
#else
#define IS_NEXT(next) (sequence[next] == sequence[s] + 1)
#endif
#ifdef MUTANT_JOINS_A_BATCH
#define JOINS(next) !COMES_ALONE(s)
#elif defined(MUTANT_IS_JOINED)
#define JOINS(next) !COMES_ALONE(next)
#else
#define JOINS(next) (!COMES_ALONE(s) && !COMES_ALONE(next))
#endif

inline take_run() {
  s = QUEUE(MY_GROUP, 0);
  take_one();
#if BATCHES
  do
  :: n < queue_count[MY_GROUP] && QUEUE(MY_GROUP, n) == s + 1 && IS_NEXT(s + 1) && JOINS(s + 1) ->
     s++; take_one()
  :: true -> break
  od;
#endif
  MAY_DIE; pop_group_queue(MY_GROUP, n);
  MAY_DIE; queue_count[MY_GROUP] = queue_count[MY_GROUP] - n;
  MAY_DIE; held[MY_GROUP] = held[MY_GROUP] + n;
  s = 0; n = 0
}

/* model: ACK (how = DONE); model: QUARANTINE (how = QUARANTINED) */
inline finish_one(how) {
  s = FIRST_IN_HAND;
  assert(STATE(GROUP_WORD(s, MY_GROUP)) == HELD(me));
  MAY_DIE; d_step {
    GROUP_WORD(s, MY_GROUP) = WORD(how, DELIVERY(GROUP_WORD(s, MY_GROUP)));
    note_finished(s, MY_GROUP, how)
  }
  MAY_DIE; due[s]--;
  if
  :: due[s] == 0 -> free_one()
  :: else
  fi;
  in_hand[me] = in_hand[me] - BIT(s); n++
}

/* One after the other while `goes_on`, and one at least if `may_stop`. */
inline finish_while(goes_on, may_stop, how) {
  if
  :: group_state[MY_GROUP] == ACTIVE ->
     do
     :: goes_on -> finish_one(how)
     :: n > 0 && (may_stop || in_hand[me] == 0) -> break
     od;
     keep_free_count();
     MAY_DIE; held[MY_GROUP] = held[MY_GROUP] - n
  :: else -> in_hand[me] = 0 /* settled with */
  fi;
#if TURNS
  turn[me] = (in_hand[me] == 0 -> NOT_ASKED : turn[me]);
#endif
  s = 0; n = 0
}

inline finish_all(how) { finish_while(in_hand[me] != 0, false, how) }

/* As far as its reader has come, which may be all. */
inline acknowledge_first() {
#ifdef MUTANT_ACKNOWLEDGES_THE_REST
  finish_while(in_hand[me] != 0, false, DONE)
#else
  finish_while(in_hand[me] != 0 && !POISONOUS(FIRST_IN_HAND), BATCHES, DONE)
#endif
#ifdef MUTANT_FORGETS_THE_REST
  ; in_hand[me] = 0
#endif
}

/* model: FREE */
inline free_one() {
  MAY_DIE; d_step { nothing_is_lost_by_freeing(s); slot_word[s] = FREE }
  mark_free()
}

/* model: GIVE_BACK. It has failed, or it only lets an earlier one go first. */
inline give_back_one(fails) {
  s = FIRST_IN_HAND;
  MAY_DIE; d_step {
    GROUP_WORD(s, MY_GROUP) = WORD(PENDING, DELIVERY(GROUP_WORD(s, MY_GROUP)));
    HAS_FAILED(s, MY_GROUP, FAILED(s, MY_GROUP) + fails)
  }
#ifdef MUTANT_GIVEN_BACK_LAST
  MAY_DIE; QUEUE(MY_GROUP, queue_count[MY_GROUP] + n) = s;
#else
  MAY_DIE; insert_by_sequence(s, MY_GROUP, queue_count[MY_GROUP] + n);
#endif
  in_hand[me] = in_hand[me] - BIT(s); n++
}

inline give_back_all(fails) {
  if
  :: group_state[MY_GROUP] == ACTIVE ->
     do
     :: in_hand[me] != 0 -> give_back_one(fails)
     :: else -> break
     od;
     MAY_DIE; queue_count[MY_GROUP] = queue_count[MY_GROUP] + n;
     MAY_DIE; held[MY_GROUP] = held[MY_GROUP] - n
  :: else -> in_hand[me] = 0
  fi;
#if TURNS
  turn[me] = NOT_ASKED;
#endif
  s = 0; n = 0
}

/* --- coming and going ------------------------------------------------------------------------- */

inline update_ended() { stream_ended = STREAM_ENDED }

#if END_AFTER
inline end_at_limit() {
  if
  :: event_limit != 0 && next_sequence > event_limit ->
     MAY_DIE; ending = 1;
     MAY_DIE; update_ended()
  :: else
  fi
}
#endif

/* model: ATTACH */
inline open_handle() {
  if
  :: me < WRITERS ->
     MAY_DIE; d_step {
       owes_promise[me] = 1; promise_target[me] = (promised[0] > 0 -> promised[0] - 1 : 0)
     }
#ifdef MUTANT_PROMISE_BEFORE_HANDLE
     MAY_DIE; promised[0] = promise_target[me];
#endif
     MAY_DIE; d_step { handle_active[me] = 1; promises_left-- }
     MAY_DIE; promised[0] = promise_target[me];
     MAY_DIE; d_step { owes_promise[me] = 0; promise_target[me] = 0 }
     MAY_DIE; open_writers++;
     withdraw_all();
     MAY_DIE; update_ended()
  :: else ->
     MAY_DIE; handle_active[me] = 1;
     MAY_DIE; readers[MY_GROUP]++
  fi
}

/* model: DETACH */
inline leave() {
  MAY_DIE; handle_active[me] = 0;
  if
  :: me < WRITERS ->
     MAY_DIE; open_writers--;
     MAY_DIE; update_ended()
  :: else ->
     MAY_DIE; readers[MY_GROUP]--
  fi
}

inline note_gone() { ended++; writers_gone = writers_gone + (me < WRITERS) }

#include "ring_recovery.pml"
#include "ring_processes.pml"
