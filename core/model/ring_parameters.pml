/* ring_parameters.pml: sizes of a run, codes of the words, and how a process locks and is killed. */

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS_A
#define READERS_A 2
#endif
#ifndef READERS_B
#define READERS_B 1
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef CLAIMS
#define CLAIMS 4
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef ABORTS
#define ABORTS 0
#endif
#ifndef GIVE_BACKS
#define GIVE_BACKS 0
#endif
#ifndef QUARANTINES
#define QUARANTINES 0
#endif
#ifndef ATTACH
#define ATTACH 0
#endif
#ifndef ENDING
#define ENDING 0
#endif
#ifndef END_AFTER
#define END_AFTER 0
#endif
#ifndef END_READERS
#define END_READERS 0
#endif
#ifndef LATE_GROUPS
#define LATE_GROUPS 0
#endif
#ifndef REMOVALS
#define REMOVALS 0
#endif
#ifndef BATCHES
#define BATCHES 0
#endif
#ifndef MAX_DELIVERIES
#define MAX_DELIVERIES 0
#endif
#ifndef POISON
#define POISON 0
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef TURNS
#define TURNS 0
#endif
#ifndef OBSERVERS
#define OBSERVERS 0
#endif
#ifndef LEDGER
#define LEDGER 1
#endif
#ifndef POLL
#define POLL 0
#endif

#if READERS_B > 0
#define GROUPS 2
#else
#define GROUPS 1
#endif
#define PROCESSES (WRITERS + READERS_A + READERS_B)
#define CONTROL PROCESSES
#define WITH_CONTROL \
  (ATTACH + ENDING + END_AFTER + END_READERS + LATE_GROUPS + REMOVALS + PAUSES > 0)

#define me (_pid - 1) /* init runs the processes in the order of their numbers */
#define GROUP_OF(p) ((p) >= WRITERS + READERS_A)
#define MY_GROUP GROUP_OF(me)
#define GROUP_WORD(s, g) group_word[(s) * GROUPS + (g)]
#define QUEUE(g, i) group_queue[(g) * SLOTS + (i)]

/* what a process has in hand: one bit for each slot; a batch is a run of neighbours */
#define BIT(s) (1 << (s))
#define HAS(p, s) (in_hand[p] & BIT(s))
#define FIRST_IN_HAND (HAS(me, 0) -> 0 : (HAS(me, 1) -> 1 : (HAS(me, 2) -> 2 : 3)))

/* slot words */
#define FREE 0
#define READY 1
#define CLAIMED(p) (2 + (p))
#define RESERVED(p) (10 + (p))
#define IS_CLAIMED(word) ((word) >= 2 && (word) < 10)
#define IS_RESERVED(word) ((word) >= 10)

/* group words: state and owner below, number of deliveries above */
#define NONE 0
#define PENDING 1
#define DONE 2
#define QUARANTINED 3
#define HELD(p) (4 + (p))
#define WORD(state, delivery) ((state) + 16 * (delivery))
#define STATE(word) ((word) & 15)
#define DELIVERY(word) ((word) >> 4)
#define IS_HELD(word) (STATE(word) >= 4)
#define IS_DUE(word) (STATE(word) == PENDING || IS_HELD(word))

/* how often an event has failed, and what does so each time */
#if MAX_DELIVERIES
#define FAILED(s, g) failed[(s) * GROUPS + (g)]
#define HAS_FAILED(s, g, times) FAILED(s, g) = times
#else
#define FAILED(s, g) 0
#define HAS_FAILED(s, g, times) skip
#endif
#define EVENT_BIT(s) (1 << sequence[s])
#define POISONOUS(s) (MY_GROUP == 0 && (POISON & EVENT_BIT(s)))
#define COMES_ALONE(s) (MAX_DELIVERIES == 1 || FAILED(s, MY_GROUP) > 0)
#define ANY_SLOT(condition) (condition(0) || (SLOTS > 1 && condition(1)) || \
  (SLOTS > 2 && condition(2)) || (SLOTS > 3 && condition(3)))
#define FAILED_TOO_OFTEN(s) \
  (MAX_DELIVERIES > 0 && HAS(me, s) && FAILED(s, MY_GROUP) >= MAX_DELIVERIES)
#define IS_TOLD_TO_QUARANTINE ANY_SLOT(FAILED_TOO_OFTEN)

/* slots are claimed in turn; there is a free one */
#define IN_TURN(k) ((next_claim + (k)) % SLOTS)
#define NEXT_FREE (free_mark[IN_TURN(0)] -> IN_TURN(0) : (free_mark[IN_TURN(1)] -> IN_TURN(1) : \
  (free_mark[IN_TURN(2)] -> IN_TURN(2) : IN_TURN(3))))

/* how many events are still wanted */
#if END_AFTER
#define CLAIMS_LEFT (event_limit != 0 || sum_generations < CLAIMS)
#define WRITES_ON (!ending)
#if defined(MUTANT_LIMIT_WITHOUT_HANDS)
#define WITHIN_LIMIT(more) (event_limit == 0 || next_sequence + (more) <= event_limit)
#elif defined(MUTANT_LIMIT_COUNTS_CLAIMS)
#define WITHIN_LIMIT(more) (event_limit == 0 || sum_generations < event_limit)
#else
#define WITHIN_LIMIT(more) \
  (event_limit == 0 || next_sequence + in_hand_count + (more) <= event_limit)
#endif
#else
#define CLAIMS_LEFT (sum_generations < CLAIMS)
#define WRITES_ON (!ending && CLAIMS_LEFT)
#define WITHIN_LIMIT(more) true
#endif

/* model: TURN. Of the first event in hand, before which others of the group may have earlier ones. */
#if TURNS
#define NOT_ASKED 0
#define WAITING 1
#define OURS 2
#define EARLIER 3
#define FORGET_TURN turn[me] = NOT_ASKED
#define IS_WAITING (turn[me] == WAITING)
#define MAY_FINISH (turn[me] == NOT_ASKED || turn[me] == OURS)
#define IS_EARLIER(s) (sequence[s] < sequence[FIRST_IN_HAND])
#define OTHER_HOLDS(s) \
  (slot_word[s] == READY && IS_HELD(GROUP_WORD(s, MY_GROUP)) && !HAS(me, s) && IS_EARLIER(s))
#ifdef MUTANT_TURN_DESPITE_HELD
#define EARLIER_IS_HELD false
#else
#define EARLIER_IS_HELD (group_state[MY_GROUP] == ACTIVE && ANY_SLOT(OTHER_HOLDS))
#endif
#ifdef MUTANT_TURN_DESPITE_PENDING
#define EARLIER_IS_DUE false
#else
#define EARLIER_IS_DUE (group_state[MY_GROUP] == ACTIVE && queue_count[MY_GROUP] > 0 && \
  IS_EARLIER(QUEUE(MY_GROUP, 0)))
#endif
#else
#define FORGET_TURN skip
#define IS_WAITING false
#define MAY_FINISH true
#endif

/* groups */
#define UNUSED 0
#define ACTIVE 1
#define REMOVED 2

/* lives */
#define ALIVE 0
#define DYING 1
#define DEAD 2
#define ABSENT 3 /* has not opened its port yet */

/* the lock */
#define UNLOCKED 0
#define LOCKED 1
#define ORPHANED 2

/* Under the lock nobody else can see or change what the lock guards, and a kill elsewhere can as
 * well come before or after: so what happens under the lock is one transition, which ends early
 * if its process is killed. With FINE it is not, which must come to the same. */
#ifdef FINE
#define SECTION
#else
#define SECTION atomic
#endif
#define ENTER(condition) d_step { (lock == UNLOCKED && (condition)) -> lock = LOCKED }
#if LEDGER
#define CHECK_LEDGER ledger_balances()
#else
#define CHECK_LEDGER skip
#endif
#define LEAVE MAY_DIE; d_step { CHECK_LEDGER; lock = UNLOCKED }
#define LEAVE_FOR_GOOD MAY_DIE; d_step { CHECK_LEDGER; lock = UNLOCKED; note_gone() }

/* Stands before each store that is made under the lock. */
#if CRASHES > 0
#define MAY_DIE if :: die_with_the_lock() -> goto dead :: true fi
#else
#define MAY_DIE skip
#endif

#define DEAD_AT(p) (handle_active[(p) % PROCESSES] && life[(p) % PROCESSES] == DEAD)
#ifdef MUTANT_NO_REAPING
#define SOMEBODY_DEAD false
#else
#define SOMEBODY_DEAD (DEAD_AT(0) || DEAD_AT(1) || DEAD_AT(2) || DEAD_AT(3) || DEAD_AT(4) || \
  DEAD_AT(5))
#endif

#define STREAM_ENDED (ending || (promised[0] == 0 && promised[1] == 0 && open_writers == 0))
#ifdef MUTANT_END_DESPITE_CLAIMS
#define NOTHING_IN_WRITERS_HANDS true
#else
#define NOTHING_IN_WRITERS_HANDS (in_hand_count == 0)
#endif
#if END_READERS
#define READERS_ENDED readers_ended
#else
#define READERS_ENDED false
#endif
#ifdef MUTANT_END_OF_READERS_UNSEEN
#define IS_OVER false
#else
#define IS_OVER READERS_ENDED
#endif
#define AT_END (IS_OVER || group_state[MY_GROUP] != ACTIVE || (stream_ended && \
  held[MY_GROUP] == 0 && NOTHING_IN_WRITERS_HANDS && queue_count[MY_GROUP] == 0))
