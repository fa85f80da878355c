// ring.hpp: what can be done with a ring, as four ports. See layout.hpp for the words they move.
//
// Writer:   claim → fill in place → publish, or abort
// Reader:   take → use in place → acknowledge, or give back, or quarantine
// Observer: snapshot (a copy, checked not to be torn); leaves no trace in the ring
// Control:  groups, tokens, pause, end, ledger, reaping the dead; held by whoever made the ring
//
// Every change of state happens under the ring's robust lock; each is one store of a word, made by
// `commit`, with the caches brought up to date after it. A port is used by one thread at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "mimocorb/free_slots.hpp"
#include "mimocorb/layout.hpp"
#include "mimocorb/queue.hpp"
#include "mimocorb/result.hpp"
#include "mimocorb/segment.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {

// A run of neighbouring slots, or why there is none. With kPoisonous there is one slot as well.
struct Run {
  int status;
  std::uint32_t first;
  std::uint32_t count;
};

// In the place of a time in whole ns: there is none. NumPy's NaT has the same bits.
inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

struct Metadata {
  std::int64_t counter;
  double timestamp_s;
  double deadtime;
  std::int64_t time_ns = kNoTime;
};

// As they lie in arrays of Python: METADATA_DTYPE in buffers/batch_metadata.py.
struct MetadataRow {
  Metadata metadata;
  std::uint8_t may_repeat;
};
static_assert(sizeof(MetadataRow) == 40);

struct GroupLedger {
  std::uint32_t group;
  std::uint64_t offered, acknowledged, quarantined, pending, held, abandoned, redelivered;
  std::uint32_t readers;
  std::int64_t waited_ns;
  std::uint64_t first_sequence;
};

struct RingLedger {
  std::uint64_t claimed, published, aborted, torn;
  std::uint32_t in_hand, free_slots, writers, promised;
  bool paused, ending, ended;
  std::int64_t full_ns, paused_ns, created_ns;
  std::uint64_t refused_full, refused_paused;
  std::vector<GroupLedger> groups;
};

// An event or a slot in somebody's hands. The same figures at a later look: still the same event, in
// the same hands, handed out at the same time.
struct Holding {
  static constexpr std::int32_t kWriters = -1;
  std::int32_t group;    // kWriters: claimed, not yet published
  std::uint32_t slot;
  std::uint64_t number;  // sequence of the event; of a claim, how often the slot was claimed by then
  std::int32_t pid;
  std::uint32_t delivery;  // 0: a claim
};

// An open writer or reader, and how long it has waited for anything by now.
struct Waited {
  std::int32_t pid;
  std::int64_t waited_ns;
};

// Who may have to be woken once the lock is released: of groups and of writers one at a time, as
// whoever comes wakes the next one if there is work for both.
struct Wakes {
  std::uint64_t groups = 0;
  std::uint64_t turns = 0;  // groups whose readers wait for their turn
  bool space = false;
  bool progress = false;
  bool everyone = false;

  [[nodiscard]] bool any() const { return (groups | turns) != 0 || space || progress; }
};

// Transitions and recovery on one mapping of a ring. Base of the ports.
class Ring {
 public:
  explicit Ring(std::shared_ptr<Segment> segment) noexcept;

  // Finds ports of dead processes and recovers what they held; returns how many there were.
  // Without `force`, does nothing if anyone has looked within the last 40 ms.
  std::uint32_t reap(bool force);
  [[nodiscard]] bool creator_alive() const;
  [[nodiscard]] bool foreign() const;  // opened before a fork, used in the child
  [[nodiscard]] const std::shared_ptr<Segment>& segment() const { return segment_; }

 protected:
  class Locked;  // holds the lock; on release wakes whoever `wakes` names
  friend class Locked;

  void lock();
  void unlock();
  void take_over();

  // --- transitions; lock held ---------------------------------------------------------------
  [[nodiscard]] FreeSlots free_slots();
  [[nodiscard]] SlotQueue due_events(std::uint32_t group);

  // Of one slot: its words.
  void claim_one(std::uint32_t handle, std::uint32_t slot);
  std::uint32_t publish_one(std::uint32_t slot, std::uint64_t sequence);
  void take_one(std::uint32_t handle, std::uint32_t group, std::uint32_t slot, GroupWord word);
  void finish_one(std::uint32_t slot, std::uint32_t group, DueState how);
  void free_one(std::uint32_t slot, FreeSlots* free);
  void give_back_one(std::uint32_t slot, std::uint32_t group, bool failed, SlotQueue* due);
  // Of several, with the caches: these follow once for all of them.
  Run claim_run(std::uint32_t handle, std::uint32_t count);
  void publish_all(std::span<const std::uint32_t> slots, Wakes* wakes);
  void abort_all(std::span<const std::uint32_t> slots, Wakes* wakes);
  Run take_run(std::uint32_t handle, std::uint32_t group, std::uint32_t count, bool scattered,
               std::vector<std::uint32_t>* taken);
  void finish_all(std::span<const std::uint32_t> slots, std::uint32_t group, DueState how,
                  Wakes* wakes);
  void give_back_all(std::span<const std::uint32_t> slots, std::uint32_t group, bool failed,
                     Wakes* wakes);

  bool reserve_one(std::uint32_t handle, std::uint32_t* slot);
  // What has become of reservations: claimed, and then the caches follow now, or still there, and
  // then it stays or is withdrawn.
  enum class Reservation { kMayStay, kWithdraw };
  void settle_reservation(std::uint32_t handle, Reservation reservation);
  void settle_reservations(Reservation reservation);
  [[nodiscard]] GroupWord group_word(std::uint32_t slot, std::uint32_t group) const {
    return GroupWord::decode(segment_->group_word(slot, group).load(std::memory_order_relaxed));
  }
  [[nodiscard]] std::uint64_t sequence_of(std::uint32_t slot) const {
    return segment_->slot(slot).sequence.load(std::memory_order_relaxed);
  }
  void update_ended(Wakes* wakes);
  void end_at_limit(Wakes* wakes);

  // --- recovery; lock held ------------------------------------------------------------------
  void recover_after_owner_death();
  void reclaim(std::uint32_t handle);
  void rebuild_caches();
  void rebuild_group(std::uint32_t group);
  void wake_everyone(Wakes* wakes);

  Outcome open_handle(Role role, std::uint32_t port, std::uint32_t* handle);
  void leave(std::uint32_t handle, Wakes* wakes);

  // Lock held. A sleeper counts itself in, and out once it is awake.
  void count_in(std::uint32_t handle, Sleeping how, WaitChannel* channel, std::uint32_t* turn);
  void count_out(std::uint32_t handle, WaitChannel* channel);
  int after_sleep(std::uint32_t turn_then, const WaitChannel& channel);


  [[nodiscard]] bool needs_a_reader(const GroupRecord& group) const;
  [[nodiscard]] bool needs_a_writer() const;
  void signal_all(Wakes* wakes);
  bool signal(WaitChannel* channel, std::uint32_t wanted);
  void settle(WaitChannel* channel);
  void wake(const Wakes& wakes);

  std::shared_ptr<Segment> segment_;
  RingHeader& header_;
  std::uint64_t fork_generation_;

 private:
  static SlotWord withdrawn(Word* word);
  void rebuild_slots();
  void rebuild_handles();
  [[nodiscard]] bool comes_alone(const GroupWord& word) const;
};

class WriterPort : public Ring {
 public:
  static constexpr std::uint32_t kAll = 0xffffffff;

  static Outcome open(std::shared_ptr<Segment> segment, std::uint32_t token,
                      std::unique_ptr<WriterPort>* opened);
  ~WriterPort();

  // Publish what is in hand and claim up to `count` neighbouring slots, in one step.
  Run advance(std::uint32_t count = 1);
  Run claim(std::uint32_t count);   // up to `count` neighbouring slots beside what is in hand
  std::uint32_t publish(std::uint32_t count = kAll);  // the first `count` in hand
  std::uint32_t abort();
  bool set_metadata(std::uint32_t slot, const Metadata& metadata);
  bool mark_repeat(std::uint32_t slot);  // false if it is not in hand
  // Copies an event that lies as in a slot into one in hand; false if it is not in hand.
  bool fill(std::uint32_t slot, const void* source);
  // As `fill`, with its metadata, the slot that is `at` places behind the first in hand; false if there is none.
  bool fill_claimed(std::size_t at, const void* source, const MetadataRow& row);
  // Spins up to `spin_ns`, then sleeps once. kOk: try again; kNotNow: nothing happened meanwhile.
  int wait(std::int64_t timeout_ns, std::int64_t spin_ns);
  // For who asked for slots and gives up: counted by the cause that holds now, kPaused or kNotNow (full).
  int refuse();
  [[nodiscard]] std::int64_t waited_ns(WaitCause cause) const;
  // Whether what is in hand was claimed by another thread, which may be about to fill it.
  [[nodiscard]] bool in_other_hands() const {
    return !in_hand_.empty() && pthread_equal(claimed_by_, pthread_self()) == 0;
  }
  void close();

 private:
  using Ring::Ring;
  void date_first(std::size_t count);
  void describe(std::uint32_t slot, const Metadata& metadata);
  Run claim_in_hand(std::uint32_t count, Wakes* wakes);
  void take_in_hand(const Run& run);
  void publish_first(std::size_t count, Wakes* wakes);
  void let_go_of_first(std::size_t count, Wakes* wakes);
  [[nodiscard]] std::size_t place_in_hand(std::uint32_t slot) const;
  void reserve_next();
  [[nodiscard]] bool has_reservation() const;
  bool claim_reserved();
  [[nodiscard]] int room() const;
  [[nodiscard]] std::uint32_t most_to_claim() const;

  std::uint32_t handle_ = kNoHandle;
  std::int64_t next_counter_ = 0;
  std::int64_t utc_asked_ns_ = 0;
  std::int64_t utc_ahead_ns_ = 0;
  Patience patience_;
  std::vector<std::uint32_t> in_hand_;
  pthread_t claimed_by_{};
  std::vector<std::uint8_t> has_metadata_;  // of the slots in hand, 1: given by the user
  std::uint32_t reserved_ = kNoSlot;
  std::uint64_t reserved_word_ = 0;
};

class ReaderPort : public Ring {
 public:
  static constexpr std::uint32_t kAll = 0xffffffff;

  static Outcome open(std::shared_ptr<Segment> segment, std::uint32_t group,
                      std::unique_ptr<ReaderPort>* opened);
  ~ReaderPort();

  // Acknowledge what is in hand and take up to `count` events, in one step: in neighbouring slots unless
  // scatter(true).
  Run advance(std::uint32_t count = 1);
  Run take(std::uint32_t count);  // beside what is in hand
  void scatter(bool scattered) { scattered_ = scattered; }
  std::uint32_t acknowledge();
  std::uint32_t acknowledge_first(std::uint32_t count);  // in the order of taking
  // Of both: the last `count` in hand, in the order of taking.
  std::uint32_t give_back(bool failed = true, std::uint32_t count = kAll);
  std::uint32_t quarantine(std::uint32_t count = kAll);
  // What is in hand has done its reader no harm, and stays there: what counts against it begins anew.
  void absolve();
  [[nodiscard]] const std::vector<std::uint32_t>& in_hand() const { return in_hand_; }
  // Events in the hands of the other readers of the group; a hint, as the lock is not taken.
  [[nodiscard]] std::uint32_t held_by_others() const;
  [[nodiscard]] Metadata metadata(std::uint32_t slot) const;
  void copy(std::uint32_t slot, void* target) const;  // as it lies in the slot
  [[nodiscard]] std::uint64_t sequence(std::uint32_t slot) const;
  [[nodiscard]] std::uint32_t delivery(std::uint32_t slot) const;
  // Whether what comes of an event in hand may be there already: of itself, or of one before it on the way.
  [[nodiscard]] bool may_repeat(std::uint32_t slot) const;
  // As `take`, but waits until there is something to take or nothing will come. Sleeps once at most;
  // kNotNow: nothing yet; kOrphaned: nor ever, its maker has died.
  Run wait_and_take(std::uint32_t count, std::int64_t timeout_ns, std::int64_t spin_ns);
  // Until no event of the group before that in `slot` is in others' hands or due. kOk: so it is, and
  // remains; kEarlier: one is due, and if nobody else takes it, this reader has to; kNotNow, kOrphaned.
  int wait_turn(std::uint32_t slot, std::int64_t timeout_ns, std::int64_t spin_ns);
  [[nodiscard]] std::int64_t waited_ns() const;
  void close();

 private:
  using Ring::Ring;
  std::uint32_t finish(std::uint32_t first, std::uint32_t count, DueState how, Wakes* wakes);
  std::uint32_t finish_in_hand(DueState how, Wakes* wakes);
  // Place of the first of the last `count` in hand.
  [[nodiscard]] std::uint32_t place_of_last(std::uint32_t count) const;
  Run take_in_hand(std::uint32_t count, Wakes* wakes);
  void look_for_next() const;
  struct Round {
    std::int64_t duration_ns = 0;  // for each event; 0: not known
    bool slept = false;
  };
  Round end_of_round();
  void note_round(const Round& round);
  [[nodiscard]] bool at_end() const;
  [[nodiscard]] int turn(std::uint32_t slot, std::uint32_t* before) const;

  std::uint32_t handle_ = kNoHandle;
  std::uint32_t group_ = 0;
  bool scattered_ = false;
  Patience patience_;
  std::vector<std::uint32_t> in_hand_;
  std::int64_t round_since_ns_ = 0;  // 0: this one is not timed
  ThreadTime round_before_{};
  std::uint32_t round_events_ = 0;
  std::uint32_t takes_ = 0;
};

struct Snapshot {
  std::uint64_t sequence;
  Metadata metadata;
  std::int64_t published_ns;
};

class ObserverPort {
 public:
  explicit ObserverPort(std::shared_ptr<Segment> segment);
  // Copies the newest event; false if there is none yet or none stood still long enough.
  bool snapshot(std::uint8_t* target, Snapshot* seen) const;
  [[nodiscard]] std::uint64_t newest() const;
  // Number of the oldest event that a group has not finished with; that of the next one if there is none.
  [[nodiscard]] std::uint64_t oldest_unfinished() const;
  int wait(std::uint64_t newer_than, std::int64_t timeout_ns);
  [[nodiscard]] const std::shared_ptr<Segment>& segment() const { return segment_; }

 private:
  bool copy_slot(std::uint32_t slot, std::uint8_t* target, Snapshot* seen) const;
  std::shared_ptr<Segment> segment_;
  std::int64_t liveness_checked_ns_ = 0;
};

class ControlPort : public Ring {
 public:
  explicit ControlPort(std::shared_ptr<Segment> segment) : Ring(std::move(segment)) {}

  Outcome add_token(std::uint32_t* token);
  Outcome promise(std::uint32_t token, std::int32_t change);
  Outcome add_group(std::uint32_t* group);
  Outcome remove_group(std::uint32_t group, std::uint64_t* abandoned);
  void pause(bool paused);
  void end_writers();
  void end_after(std::uint64_t events);  // the stream ends with this event; 0: no limit
  void end_readers();
  // Sleeps once until something was finished; true when nothing is in hand and nothing due.
  bool wait_drained(std::int64_t timeout_ns);
  RingLedger ledger();
  std::vector<Holding> held();    // everything in hand, in one moment
  std::vector<Waited> waited();  // one for each open writer and reader

 private:
  [[nodiscard]] bool drained() const;
  [[nodiscard]] bool is_ready(std::uint32_t slot) const;
  void own_what_was_nobodys();
  [[nodiscard]] GroupLedger group_ledger(std::uint32_t group, std::uint64_t published) const;
};

}  // namespace mimocorb
