// layout.hpp: the bytes of a ring in shared memory, and what they mean. Fields and limits only.
//
//   ┌────────────┬─────────┬────────┬────────┬───────┬────────────┬─────────────┬────────┬────────────┬───────┬─────────────┐
//   │ RingHeader │ handles │ tokens │ groups │ slots │ torn marks │ group words │ queues │ free marks │ times │ payload     │
//   │ (1 page)   │ [512]   │ [512]  │ [G]    │ [N]   │ [N]        │ [N][G-1]    │ [G][N] │ [N]        │ [N]   │ [N][stride] │
//   └────────────┴─────────┴────────┴────────┴───────┴────────────┴─────────────┴────────┴────────────┴───────┴─────────────┘
//    ◀─────────────────────────── control, read and written by all ─────────────────────────────────────────▶ ◀─ page aligned ▶
//
// What an event costs between two processes is the cache lines that travel with it. So what changes
// with every event lies together: in one line of the header beside that of the lock, in one line of
// its slot with the word of group 0, and in one line of each group.
//
// Two kinds of field. A *word* is truth: it changes by one 64-bit store, and that store is the
// moment at which a transition happens ("commit"). A *cache* can be computed from the words; it
// is there for speed, and recovery computes it anew rather than trusts it.
//
//   SlotRecord.word     state | owner | generation     FREE → CLAIMED → READY → FREE
//                                                      CLAIMED → FREE (aborted, or torn by death)
//                                                      FREE → RESERVED → CLAIMED, without the lock
//                                                      RESERVED → FREE (withdrawn)
//   group word          state | delivery | owner |     NONE → PENDING → HELD → DONE
//                       failed | quarantined |         HELD → PENDING (given back, or by death)
//                       redelivered
//                                                      HELD → QUARANTINED
//   HandleRecord.state  FREE → ACTIVE → FREE           one open Writer or Reader
//   GroupRecord.state   UNUSED → ACTIVE → REMOVED
//   TokenRecord.promised                               openings of a writer still to come
//   RingHeader.next_sequence                           the number the next published event gets
//   HandleRecord.refused                               claims that were given up, by cause
//
// Invariants (I), true whenever the lock is free; a kill at any instruction may break only caches.
//   I1  A slot is CLAIMED or RESERVED by exactly one ACTIVE writer handle, or neither.
//   I2  A group word is HELD by exactly one ACTIVE reader handle of that group, or not HELD.
//   I3  claimed   = Σ slot generations.                 (each claim adds one to its slot's)
//   I4  published = next_sequence − 1.
//   I5  torn      = Σ torn marks;  in hand = number of CLAIMED slots;
//       aborted   = claimed − published − torn − in hand.
//   I6  offered to a group = backlog at its start + published since;  due = PENDING + HELD;
//       acknowledged = offered − due − quarantined − abandoned.
//   I7  A slot with `sequence` != 0 that is not CLAIMED holds that event's bytes unchanged.
//   I8  Group words mean something only while their slot is READY and their group ACTIVE.
//   I9  refused = Σ over all handles, open or not: it only grows, whoever the handle belongs to.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mimocorb {

inline constexpr std::uint64_t kMagic = 0x474e49526f6d696dULL;  // "mimoRING", little-endian
inline constexpr std::uint32_t kLayoutVersion = 6;
inline constexpr std::uint32_t kMaxHandles = 512;
inline constexpr std::uint32_t kMaxTokens = 512;
inline constexpr std::uint32_t kGroupLimit = 64;
inline constexpr std::uint32_t kMaxSlots = 1U << 24;
inline constexpr std::uint64_t kMaxSlotBytes = 1ULL << 30;
inline constexpr std::uint64_t kSlotHeadBytes = 16;
inline constexpr std::uint32_t kNoHandle = 0x3ff;
inline constexpr std::uint32_t kNoSlot = 0xffffffff;
inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kPage = 4096;

enum class SlotState : std::uint8_t { kFree = 0, kClaimed = 1, kReady = 2, kReserved = 3 };

// state:8 | owner:16 | generation:40. Claiming names the owner in the same store: there is no
// instant at which a slot is taken by nobody.
struct SlotWord {
  SlotState state;
  std::uint32_t owner;
  std::uint64_t generation;

  static SlotWord decode(std::uint64_t bits) {
    return {static_cast<SlotState>(bits >> 56), static_cast<std::uint32_t>(bits >> 40) & 0xffffU,
            bits & ((1ULL << 40) - 1)};
  }
  [[nodiscard]] std::uint64_t encode() const {
    return (static_cast<std::uint64_t>(state) << 56) | (static_cast<std::uint64_t>(owner) << 40) |
           generation;
  }
};

// generation:40 | count:24. Which claim of the slot was last found torn, and how many ever were:
// writing both in one store makes the count exact even if the recoverer dies as well.
struct TornMark {
  std::uint64_t generation;
  std::uint32_t count;

  static TornMark decode(std::uint64_t bits) {
    return {bits >> 24, static_cast<std::uint32_t>(bits & 0xffffffU)};
  }
  [[nodiscard]] std::uint64_t encode() const { return (generation << 24) | count; }
};

enum class DueState : std::uint8_t {
  kNone = 0,
  kPending = 1,
  kHeld = 2,
  kDone = 3,
  kQuarantined = 4
};

// state:3 | delivery:4 | owner:10 | failed:4 | quarantined:16 | redelivered:27. The last two count
// over the life of the ring: they ride along so that a transition and its count are one store.
// `delivery` counts how often the event was handed out, `failed` how often that ended badly: an event
// that was given back only to let an earlier one go first has not failed.
struct GroupWord {
  DueState state;
  std::uint32_t delivery;
  std::uint32_t owner;
  std::uint32_t failed;
  std::uint32_t quarantined;
  std::uint32_t redelivered;

  static constexpr std::uint32_t kMaxDelivery = 15;  // of `failed`, too
  static constexpr std::uint32_t kMaxRedelivered = 0x7ffffff;

  static GroupWord decode(std::uint64_t bits) {
    return {static_cast<DueState>(bits >> 61), static_cast<std::uint32_t>(bits >> 57) & 0xfU,
            static_cast<std::uint32_t>(bits >> 47) & 0x3ffU,
            static_cast<std::uint32_t>(bits >> 43) & 0xfU,
            static_cast<std::uint32_t>(bits >> 27) & 0xffffU,
            static_cast<std::uint32_t>(bits & kMaxRedelivered)};
  }
  [[nodiscard]] std::uint64_t encode() const {
    return (static_cast<std::uint64_t>(state) << 61) |
           (static_cast<std::uint64_t>(delivery) << 57) |
           (static_cast<std::uint64_t>(owner) << 47) |
           (static_cast<std::uint64_t>(failed) << 43) |
           (static_cast<std::uint64_t>(quarantined) << 27) | redelivered;
  }
  // To be delivered again: because it failed, or only because another has to go first.
  void give_back(bool has_failed) {
    state = DueState::kPending;
    owner = kNoHandle;
    if (has_failed && failed < kMaxDelivery) ++failed;
    ++redelivered;
  }
};

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free);

// What sleeps, sleeps on one of these. `turn` is the futex; it moves only when someone sleeps to whom
// no wake-up is on its way: between wake-up and running many events may pass.
struct WaitChannel {
  std::atomic<std::uint32_t> turn;
  std::atomic<std::uint32_t> sleepers;  // cache: recomputed from HandleRecord.sleeping
  std::uint32_t woken;  // cache: how many of them were sent a wake-up and have not yet run
  std::atomic<std::uint32_t> looking;  // cache: 1 + handle of who looks for work without sleeping; 0: nobody
};

struct SlotRecord {
  Word word;
  Word first_group_word;                // of group 0; the others are in an array of their own
  std::atomic<std::uint64_t> sequence;  // 0: content is not an event
  std::int64_t counter;
  double timestamp_s;
  double deadtime;
  std::int64_t published_ns;  // CLOCK_MONOTONIC
  std::uint32_t due;          // cache: number of groups that have not finished with it
  std::uint16_t may_repeat;   // 1: it came out of an event that was worked on before, and may be here twice
  std::uint16_t has_time;     // 1: its time in whole ns is among the times, a line that others do not travel with
};
static_assert(sizeof(SlotRecord) == kCacheLine);

enum class Role : std::uint32_t { kWriter = 1, kReader = 2 };

enum class WaitCause : std::uint32_t { kFull = 0, kPaused = 1, kData = 2, kTurn = 3 };
inline constexpr std::size_t kWaitCauses = 4;
inline constexpr std::size_t kRefusalCauses = 2;  // the first of these

// On which of its two channels a handle sleeps.
enum class Sleeping : std::uint32_t { kNot = 0, kForWork = 1, kForTurn = 2 };

struct alignas(kCacheLine) HandleRecord {
  Word state;  // 0 free, 1 active
  Role role;
  std::uint32_t port;  // token of a writer, group of a reader
  std::atomic<std::int32_t> pid;
  Sleeping sleeping;  // unless kNot, it is counted in that channel's sleepers
  std::atomic<std::uint64_t> start_time;  // in clock ticks since boot: tells a reused pid
  std::uint32_t owes_promise;  // the token's count is still to be set to promise_target
  std::uint32_t promise_target;
  std::atomic<std::int64_t> waiting_since_ns;  // 0 while not waiting
  std::atomic<std::uint32_t> waiting_cause;
  std::uint32_t reservation;  // cache: 1 + slot reserved for this writer, until somebody has settled it
  std::atomic<std::int64_t> waited_ns[kWaitCauses];
  // Over the life of the ring, of everybody who had this handle: if the counts moved to the header at
  // the end, a kill between the two could lose or double them.
  Word refused[kRefusalCauses];
};
static_assert(sizeof(HandleRecord) == 2 * kCacheLine);

struct TokenRecord {
  Word promised;  // in-use flag in bit 32, openings still expected below
  std::uint32_t open;  // cache: ACTIVE writer handles of this token
  std::uint32_t reserved;
  static constexpr std::uint64_t kInUse = 1ULL << 32;
};

enum class GroupState : std::uint64_t { kUnused = 0, kActive = 1, kRemoved = 2 };

struct alignas(kCacheLine) GroupRecord {
  Word state;
  std::uint64_t first_sequence;
  std::uint64_t backlog;          // events it took over when it was added
  std::uint64_t published_before;  // published when it was added
  std::uint64_t published_until;  // published when it was removed
  std::uint64_t abandoned;
  std::uint64_t final_quarantined;
  std::uint64_t final_redelivered;
  // caches
  alignas(kCacheLine) WaitChannel data;
  WaitChannel turn;  // for readers with an event in hand that wait for those before it
  std::uint32_t queue_head;
  std::atomic<std::uint32_t> queue_count;
  std::atomic<std::uint32_t> held;
  std::uint32_t readers;
  // hints
  static constexpr std::uint32_t kAlways = 256;
  std::uint32_t round_ns;  // of late, how long after it took an event a reader asks for the next; 0: not known
  std::uint32_t asleep;    // of late, how many of 256 readers slept meanwhile, in the functions of their users
  std::int64_t asked_ns;   // when a reader last asked for events, by the newest one's time of publishing

  alignas(kCacheLine) std::int64_t waited_ns;  // cache: of readers that have left
};

struct RingHeader {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t header_bytes;
  std::uint64_t identity[2];  // random: tells this ring from whatever else a descriptor may name
  std::uint64_t total_bytes;
  std::uint32_t number_of_slots;
  std::uint32_t max_groups;
  std::uint64_t slot_bytes;
  std::uint64_t slot_stride;
  std::uint64_t offset_handles, offset_tokens, offset_groups, offset_slots, offset_torn_marks,
      offset_group_words, offset_queues, offset_free_marks, offset_times, offset_payload;
  std::uint32_t usual_slots;  // as many as are used as long as they suffice
  std::int32_t creator_pid;
  std::uint32_t max_deliveries;  // handed out more often, an event is poisonous
  std::uint32_t is_sized;        // 1: a slot begins with the number of bytes that its event has behind kSlotHeadBytes
  std::uint64_t creator_start_time;
  std::uint64_t pid_namespace;  // futex owners are thread ids: other namespaces are refused
  std::int64_t created_ns;      // CLOCK_MONOTONIC

  alignas(kCacheLine) pthread_mutex_t lock;  // robust, process-shared: guards all below and all records
  alignas(kCacheLine) Word next_sequence;  // first event is 1
  // caches
  std::atomic<std::uint32_t> newest_slot;  // 1 + slot of the newest event; 0 before the first
  std::atomic<std::uint32_t> free_count;
  std::uint32_t next_claim;  // where to look for the next free slot
  std::atomic<std::uint32_t> in_hand;
  std::int64_t newest_ns;  // hint: when the newest event was published

  // From here on: read for every event, written hardly ever.
  alignas(kCacheLine) std::atomic<std::uint32_t> handles_used;  // no handle from this one on was ever open; only grows
  std::atomic<std::uint32_t> paused;
  std::atomic<std::uint32_t> ending;        // no further claims
  std::atomic<std::uint32_t> readers_ended;  // no further takes, whatever is due
  Word event_limit;                          // the event with this number is the last; 0: no limit
  // caches
  std::atomic<std::uint32_t> stream_ended;  // ending, or all promised writers have come and gone
  std::uint32_t active_groups;
  std::uint32_t open_writers;                // reservations are for a writer that is alone
  std::uint64_t torn;
  std::int64_t waited_ns[kWaitCauses];  // of writers that have left
  std::atomic<std::int64_t> liveness_checked_ns;

  alignas(kCacheLine) WaitChannel space;
  alignas(kCacheLine) WaitChannel progress;  // for whoever waits until the ring is drained
};
static_assert(sizeof(RingHeader) <= kPage);

}  // namespace mimocorb
