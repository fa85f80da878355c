// The ports of writers and readers: what one process holds, and how it waits for more.
#include <time.h>

#include <algorithm>
#include <iterator>

#include "mimocorb/locked.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

std::int64_t utc_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Looks at `condition` for up to `spin_ns`; the clock is read only now and then.
template <class Condition>
bool spin_until(Condition condition, std::int64_t spin_ns) {
  if (spin_ns <= 0) return condition();
  const std::int64_t until = monotonic_ns() + spin_ns;
  do {
    for (int i = 0; i < 16; ++i) {
      if (condition()) return true;
      relax();
    }
  } while (monotonic_ns() < until);
  return false;
}

// Whether `condition` came true while there was patience to look for it.
template <class Condition>
bool found_by_spinning(Condition condition, std::int64_t asked_ns, std::int64_t timeout_ns,
                       Patience* patience) {
  if (!spin_until(condition, std::min(patience->spin_ns(asked_ns), timeout_ns))) return false;
  patience->found();
  return true;
}

// Books the time from construction to destruction as waiting for one cause.
class WaitingTime {
 public:
  WaitingTime(HandleRecord* record, WaitCause cause)
      : record_(record), cause_(static_cast<std::uint32_t>(cause)), since_(monotonic_ns()) {
    record_->waiting_cause.store(cause_, std::memory_order_relaxed);
    record_->waiting_since_ns.store(since_, std::memory_order_relaxed);
  }
  ~WaitingTime() {
    record_->waiting_since_ns.store(0, std::memory_order_relaxed);
    record_->waited_ns[cause_].fetch_add(so_far_ns(), std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t so_far_ns() const { return monotonic_ns() - since_; }
  WaitingTime(const WaitingTime&) = delete;
  WaitingTime& operator=(const WaitingTime&) = delete;

 private:
  HandleRecord* record_;
  std::uint32_t cause_;
  std::int64_t since_;
};

std::int64_t waited(const HandleRecord& record, WaitCause cause) {
  return record.waited_ns[static_cast<std::size_t>(cause)].load(std::memory_order_relaxed);
}

}  // namespace

// --- writer -----------------------------------------------------------------------------------

Outcome WriterPort::open(std::shared_ptr<Segment> segment, std::uint32_t token,
                         std::unique_ptr<WriterPort>* opened) {
  std::unique_ptr<WriterPort> port(new WriterPort(std::move(segment)));
  port->in_hand_.reserve(64);
  const Outcome outcome = port->open_handle(Role::kWriter, token, &port->handle_);
  if (outcome.ok()) *opened = std::move(port);
  return outcome;
}

WriterPort::~WriterPort() { close(); }

// Before the lock is taken: the slots in hand are ours, and a clock costs more than all the rest. So
// UTC is asked for once in a millisecond, and taken from the other clock in between.
void WriterPort::date_in_hand() {
  constexpr std::int64_t kAskAgain_ns = 1'000'000;
  const std::int64_t now = monotonic_ns();
  if (now - utc_asked_ns_ > kAskAgain_ns) {
    utc_asked_ns_ = now;
    utc_ahead_ns_ = utc_ns() - now;
  }
  const double now_utc_s = 1e-9 * static_cast<double>(now + utc_ahead_ns_);
  for (const InHand& held : in_hand_) {
    SlotRecord& record = segment_->slot(held.slot);
    record.published_ns = now;
    if (!held.has_metadata) {
      record.counter = next_counter_;
      record.timestamp_s = now_utc_s;
      record.deadtime = -1.0;
    }
    ++next_counter_;
  }
}

void WriterPort::publish_in_hand(Wakes* wakes) {
  for (const InHand& held : in_hand_) publish_one(held.slot, wakes);
  if (!in_hand_.empty() && header_.in_hand.load(std::memory_order_relaxed) == 0 &&
      header_.ending.load(std::memory_order_relaxed) != 0)
    wake_everyone(wakes);
  in_hand_.clear();
}

// kOk: a claim may succeed. Lock held, or as a hint without it.
int WriterPort::room() const {
  if (header_.ending.load(std::memory_order_relaxed) != 0) return kEnded;
  if (header_.paused.load(std::memory_order_relaxed) != 0) return kPaused;
  // Slots in hand may become the last events: whoever wants more waits until that is decided.
  const std::uint64_t limit = header_.event_limit.load(std::memory_order_relaxed);
  if (limit != 0 && header_.next_sequence.load(std::memory_order_relaxed) +
                            header_.in_hand.load(std::memory_order_relaxed) > limit)
    return kNotNow;
  return header_.free_count.load(std::memory_order_relaxed) > 0 ? kOk : kNotNow;
}

// With the lock of a publish, so that the next claim needs none. Several writers would have to wait
// for slots that others do not use, so this is for a writer that is alone.
void WriterPort::reserve_next() {
  if (header_.open_writers == 1 && room() == kOk && reserve_one(handle_, &reserved_))
    reserved_word_ = segment_->slot(reserved_).word.load(std::memory_order_relaxed);
}

bool WriterPort::has_reservation() const {
  return reserved_ != kNoSlot &&
         segment_->slot(reserved_).word.load(std::memory_order_relaxed) == reserved_word_;
}

// model: CLAIM_RESERVED. Without the lock; fails if the reservation was withdrawn.
bool WriterPort::claim_reserved() {
  const std::uint32_t slot = reserved_;
  reserved_ = kNoSlot;
  SlotRecord& record = segment_->slot(slot);
  const std::uint64_t generation = SlotWord::decode(reserved_word_).generation;
  // SYNC slot-content: pairs with ObserverPort::copy_slot
  if (!replace(&record.word, reserved_word_,
               SlotWord{SlotState::kClaimed, handle_, generation + 1}.encode()))
    return false;
  record.sequence.store(0, std::memory_order_relaxed);
  in_hand_.push_back({slot, false});
  return true;
}

Run WriterPort::advance() {
  if (reserved_ != kNoSlot && claim_reserved()) return {kOk, in_hand_.front().slot, 1};
  if (!in_hand_.empty()) date_in_hand();
  Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  if (!in_hand_.empty()) publish_in_hand(&locked.wakes);
  Run run{room(), 0, 0};
  if (run.status != kOk) return run;
  run.status = claim_one(handle_, &run.first);
  if (run.status != kOk) return run;
  in_hand_.push_back({run.first, false});
  run.count = 1;
  return run;
}

Run WriterPort::claim(std::uint32_t count) {
  const Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  reserved_ = kNoSlot;
  Run run{room(), 0, 0};
  if (run.status != kOk || count == 0) return run;
  while (run.count < count && room() == kOk) {
    const std::uint32_t next = segment_->free_queue()[header_.free_head];
    if (run.count > 0 && next != run.first + run.count) break;
    std::uint32_t slot = 0;
    claim_one(handle_, &slot);
    in_hand_.push_back({slot, false});
    if (run.count == 0) run.first = slot;
    ++run.count;
  }
  return run;
}

std::uint32_t WriterPort::publish() {
  if (in_hand_.empty()) return 0;
  date_in_hand();
  Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  const auto count = static_cast<std::uint32_t>(in_hand_.size());
  publish_in_hand(&locked.wakes);
  reserve_next();
  return count;
}

std::uint32_t WriterPort::abort() {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  const auto count = static_cast<std::uint32_t>(in_hand_.size());
  for (const InHand& held : in_hand_) abort_one(held.slot, &locked.wakes);
  in_hand_.clear();
  locked.wakes.progress = true;
  if (header_.in_hand.load(std::memory_order_relaxed) == 0 &&
      header_.ending.load(std::memory_order_relaxed) != 0)
    wake_everyone(&locked.wakes);
  return count;
}

bool WriterPort::set_metadata(std::uint32_t slot, const Metadata& metadata) {
  if (in_hand_.empty()) return false;
  // A run of neighbours is the rule, so the slot's place is known; otherwise it is looked for.
  std::size_t at = slot - in_hand_.front().slot;
  if (at >= in_hand_.size() || in_hand_[at].slot != slot)
    for (at = 0; at < in_hand_.size() && in_hand_[at].slot != slot;) ++at;
  if (at == in_hand_.size()) return false;
  SlotRecord& record = segment_->slot(slot);
  record.counter = metadata.counter;
  record.timestamp_s = metadata.timestamp_s;
  record.deadtime = metadata.deadtime;
  in_hand_[at].has_metadata = true;
  return true;
}

int WriterPort::wait(std::int64_t timeout_ns, std::int64_t spin_ns) {
  HandleRecord& record = segment_->handle(handle_);
  if (has_reservation()) return kOk;
  const int reason = room();
  if (reason == kOk || reason == kEnded) return reason;
  const WaitingTime waiting(&record, reason == kPaused ? WaitCause::kPaused : WaitCause::kFull);
  if (found_by_spinning([&] { return room() != reason; }, spin_ns, timeout_ns, &patience_)) return kOk;
  std::uint32_t turn = 0;
  {
    const Locked locked(this);
    if (room() != reason) return kOk;
    record.sleeping = Sleeping::kForWork;
    header_.space.sleepers.fetch_add(1, std::memory_order_relaxed);
    turn = header_.space.turn.load(std::memory_order_relaxed);
  }
  sleep_registered(&header_.space, turn, handle_, timeout_ns);
  patience_.slept(waiting.so_far_ns());
  return after_sleep(turn, header_.space);
}

std::int64_t WriterPort::waited_ns(WaitCause cause) const {
  return waited(segment_->handle(handle_), cause);
}

void WriterPort::close() {
  if (handle_ == kNoHandle) return;
  if (!foreign()) {
    abort();
    Locked locked(this);
    leave(handle_, &locked.wakes);
  }
  handle_ = kNoHandle;
}

// --- reader -----------------------------------------------------------------------------------

Outcome ReaderPort::open(std::shared_ptr<Segment> segment, std::uint32_t group,
                         std::unique_ptr<ReaderPort>* opened) {
  std::unique_ptr<ReaderPort> port(new ReaderPort(std::move(segment)));
  port->group_ = group;
  port->in_hand_.reserve(64);
  const Outcome outcome = port->open_handle(Role::kReader, group, &port->handle_);
  if (outcome.ok()) *opened = std::move(port);
  return outcome;
}

ReaderPort::~ReaderPort() { close(); }

// A kill on the way leaves the later ones of them in hand: they are given back then.
std::uint32_t ReaderPort::finish_first(std::uint32_t count, DueState how, Wakes* wakes) {
  const auto end = in_hand_.begin() + std::min<std::ptrdiff_t>(count, std::ssize(in_hand_));
  const auto done = static_cast<std::uint32_t>(end - in_hand_.begin());
  // A group that was removed has been settled with: there is nothing left to finish.
  if (is_active(segment_->group(group_)))
    for (auto slot = in_hand_.begin(); slot != end; ++slot) finish_one(*slot, group_, how, wakes);
  in_hand_.erase(in_hand_.begin(), end);
  return done;
}

std::uint32_t ReaderPort::finish_in_hand(DueState how, Wakes* wakes) {
  return finish_first(static_cast<std::uint32_t>(in_hand_.size()), how, wakes);
}

// Lock held, or as a hint without it. Events in colleagues' hands may yet come back to us.
bool ReaderPort::at_end() const {
  const GroupRecord& group = segment_->group(group_);
  if (header_.readers_ended.load(std::memory_order_relaxed) != 0 || !is_active(group)) return true;
  return header_.stream_ended.load(std::memory_order_relaxed) != 0 &&
         group.held.load(std::memory_order_relaxed) == in_hand_.size() &&
         header_.in_hand.load(std::memory_order_relaxed) == 0 &&
         group.queue_count.load(std::memory_order_relaxed) == 0;
}

// The next event is often about to come: then it is taken with the same lock that acknowledges the
// one before. Not for long, and not while writers wait for the slot.
void ReaderPort::look_for_next() const {
  constexpr int kLooks = 40;
  const GroupRecord& group = segment_->group(group_);
  for (int i = 0; i < kLooks && group.queue_count.load(std::memory_order_relaxed) == 0 &&
                  header_.free_count.load(std::memory_order_relaxed) > 0;
       ++i)
    relax();
}

Run ReaderPort::advance() {
  if (!in_hand_.empty()) look_for_next();
  Locked locked(this);
  if (!in_hand_.empty()) finish_in_hand(DueState::kDone, &locked.wakes);
  Run run{kEnded, 0, 0};
  if (at_end()) return run;
  run.status = take_one(handle_, group_, &run.first);
  if (run.status == kNotNow) return run;
  in_hand_.push_back(run.first);
  run.count = 1;
  return run;
}

Run ReaderPort::take(std::uint32_t count) {
  const Locked locked(this);
  Run run{kEnded, 0, 0};
  if (at_end()) return run;
  const GroupRecord& group = segment_->group(group_);
  run.status = group.queue_count.load(std::memory_order_relaxed) > 0 ? kOk : kNotNow;
  while (run.count < count && group.queue_count.load(std::memory_order_relaxed) > 0) {
    const std::uint32_t next = segment_->group_queue(group_)[group.queue_head];
    const bool alone = comes_alone(next);
    if (run.count > 0 && (next != run.first + run.count || alone)) break;
    std::uint32_t slot = 0;
    const int status = take_one(handle_, group_, &slot);
    in_hand_.push_back(slot);
    if (run.count == 0) run.first = slot;
    ++run.count;
    if (status == kPoisonous) run.status = kPoisonous;
    if (alone) break;
  }
  return run;
}

// An event that has failed comes alone, as does one that will get no second chance: the
// deliveries of the others in its batch must not count up because of it. So what is quarantined
// has failed by itself, and touches no other.
bool ReaderPort::comes_alone(std::uint32_t slot) const {
  return group_word(slot).failed > 0 || header_.max_deliveries == 1;
}

GroupWord ReaderPort::group_word(std::uint32_t slot) const {
  return GroupWord::decode(segment_->group_word(slot, group_).load(std::memory_order_relaxed));
}

std::uint32_t ReaderPort::acknowledge() {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  return finish_in_hand(DueState::kDone, &locked.wakes);
}

std::uint32_t ReaderPort::acknowledge_first(std::uint32_t count) {
  if (in_hand_.empty() || count == 0) return 0;
  Locked locked(this);
  return finish_first(count, DueState::kDone, &locked.wakes);
}

std::uint32_t ReaderPort::quarantine() {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  return finish_in_hand(DueState::kQuarantined, &locked.wakes);
}

std::uint32_t ReaderPort::give_back(bool failed) {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  const auto count = static_cast<std::uint32_t>(in_hand_.size());
  if (is_active(segment_->group(group_)))
    for (const std::uint32_t slot : in_hand_) give_back_one(slot, group_, failed, &locked.wakes);
  in_hand_.clear();
  return count;
}

Metadata ReaderPort::metadata(std::uint32_t slot) const {
  const SlotRecord& record = segment_->slot(slot);
  return {record.counter, record.timestamp_s, record.deadtime};
}

std::uint64_t ReaderPort::sequence(std::uint32_t slot) const {
  return segment_->slot(slot).sequence.load(std::memory_order_relaxed);
}

std::uint32_t ReaderPort::delivery(std::uint32_t slot) const {
  return group_word(slot).delivery;
}

int ReaderPort::wait(std::int64_t timeout_ns, std::int64_t spin_ns) {
  GroupRecord& group = segment_->group(group_);
  HandleRecord& record = segment_->handle(handle_);
  const auto something = [&] {
    return group.queue_count.load(std::memory_order_relaxed) > 0 || at_end();
  };
  if (something()) return kOk;
  const WaitingTime waiting(&record, WaitCause::kData);
  if (found_by_spinning(something, spin_ns, timeout_ns, &patience_)) return kOk;
  std::uint32_t turn = 0;
  {
    const Locked locked(this);
    if (something()) return kOk;
    record.sleeping = Sleeping::kForWork;
    group.data.sleepers.fetch_add(1, std::memory_order_relaxed);
    turn = group.data.turn.load(std::memory_order_relaxed);
  }
  sleep_registered(&group.data, turn, handle_, timeout_ns);
  patience_.slept(waiting.so_far_ns());
  return after_sleep(turn, group.data);
}

// Lock held. What this reader itself has in hand is not in its way. With kNotNow, `before` is the
// slot of an event that is.
int ReaderPort::turn(std::uint32_t slot, std::uint32_t* before) const {
  const GroupRecord& group = segment_->group(group_);
  if (!is_active(group)) return kOk;
  const std::uint64_t mine = sequence(slot);
  if (group.queue_count.load(std::memory_order_relaxed) > 0 &&
      sequence(segment_->group_queue(group_)[group.queue_head]) < mine)
    return kEarlier;
  const std::uint32_t held = group.held.load(std::memory_order_relaxed);
  auto others = static_cast<std::int64_t>(held) - std::ssize(in_hand_);
  // Neighbours are the rule: what others have in hand is found soon when going back from here.
  const std::uint32_t n = segment_->number_of_slots();
  for (std::uint32_t i = 1; i < n && others > 0; ++i) {
    const std::uint32_t other = slot >= i ? slot - i : slot + n - i;
    const SlotWord word =
        SlotWord::decode(segment_->slot(other).word.load(std::memory_order_relaxed));
    if (word.state != SlotState::kReady) continue;
    const GroupWord due = group_word(other);
    if (due.state != DueState::kHeld || due.owner == handle_) continue;
    if (sequence(other) < mine) {
      *before = other;
      return kNotNow;
    }
    --others;
  }
  return kOk;
}

int ReaderPort::wait_turn(std::uint32_t slot, std::int64_t timeout_ns, std::int64_t spin_ns) {
  std::uint32_t before = 0;
  std::uint64_t its_word = 0;
  {
    const Locked locked(this);
    const int now = turn(slot, &before);
    if (now != kNotNow || timeout_ns <= 0) return now;
    its_word = segment_->group_word(before, group_).load(std::memory_order_relaxed);
  }
  GroupRecord& group = segment_->group(group_);
  HandleRecord& record = segment_->handle(handle_);
  const WaitingTime waiting(&record, WaitCause::kTurn);
  const Word& word = segment_->group_word(before, group_);
  spin_until([&] { return word.load(std::memory_order_relaxed) != its_word; },
             spin_ns < timeout_ns ? spin_ns : timeout_ns);
  std::uint32_t turn_then = 0;
  {
    const Locked locked(this);
    const int now = turn(slot, &before);
    if (now != kNotNow) return now;
    record.sleeping = Sleeping::kForTurn;
    count_up(&group.turn.sleepers);
    turn_then = group.turn.turn.load(std::memory_order_relaxed);
  }
  sleep_registered(&group.turn, turn_then, handle_, timeout_ns);
  const int after = after_sleep(turn_then, group.turn);
  if (after != kOk) return after;
  const Locked locked(this);
  return turn(slot, &before);
}

std::int64_t ReaderPort::waited_ns() const {
  return waited(segment_->handle(handle_), WaitCause::kData);
}

void ReaderPort::close() {
  if (handle_ == kNoHandle) return;
  if (!foreign()) {
    give_back();
    Locked locked(this);
    leave(handle_, &locked.wakes);
  }
  handle_ = kNoHandle;
}

}  // namespace mimocorb
