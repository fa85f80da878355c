// The port of a writer: the slots in its hands, and how it waits for more.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "mimocorb/locked.hpp"
#include "mimocorb/waiting.hpp"

namespace mimocorb {

Outcome WriterPort::open(std::shared_ptr<Segment> segment, std::uint32_t token,
                         std::unique_ptr<WriterPort>* opened) {
  std::unique_ptr<WriterPort> port(new (std::nothrow) WriterPort(std::move(segment)));
  if (port == nullptr) return {Fault::kSystem, ENOMEM, 0};
  port->in_hand_.reserve(64);
  const Outcome outcome = port->open_handle(Role::kWriter, token, &port->handle_);
  if (outcome.ok()) *opened = std::move(port);
  return outcome;
}

WriterPort::~WriterPort() { close(); }

// Before the lock is taken: the slots in hand are ours, and a clock costs more than all the rest. So
// UTC is asked for once in a millisecond, and taken from the other clock in between.
void WriterPort::date_first(std::size_t count) {
  constexpr std::int64_t kAskAgain_ns = 1'000'000;
  const std::int64_t now = monotonic_ns();
  if (now - utc_asked_ns_ > kAskAgain_ns) {
    utc_asked_ns_ = now;
    utc_ahead_ns_ = utc_ns() - now;
  }
  const double now_utc_s = 1e-9 * static_cast<double>(now + utc_ahead_ns_);
  for (std::size_t i = 0; i < count; ++i) {
    SlotRecord& record = segment_->slot(in_hand_[i]);
    record.published_ns = now;
    if (has_metadata_[i] == 0) {
      record.counter = next_counter_;
      record.timestamp_s = now_utc_s;
      record.deadtime = -1.0;
      record.has_time = 0;
    }
    ++next_counter_;
  }
}

// Lock held. Whoever had to wait, and comes to slots now, wakes the next one if there are more.
Run WriterPort::claim_in_hand(std::uint32_t count, Wakes* wakes) {
  Run run{room(), 0, 0};
  if (run.status != kOk || count == 0) return run;
  run = claim_run(handle_, std::min(count, most_to_claim()));
  take_in_hand(run);
  if (header_.space.sleepers.load(std::memory_order_relaxed) > 0) wakes->space = true;
  return run;
}

void WriterPort::take_in_hand(const Run& run) {
  claimed_by_ = pthread_self();
  for (std::uint32_t i = 0; i < run.count; ++i) {
    in_hand_.push_back(run.first + i);
    has_metadata_.push_back(0);
  }
}

// At least one, of those in hand, and the lock is held.
void WriterPort::publish_first(std::size_t count, Wakes* wakes) {
  publish_all(std::span(in_hand_).first(count), wakes);
  let_go_of_first(count, wakes);
}

void WriterPort::let_go_of_first(std::size_t count, Wakes* wakes) {
  const auto end = static_cast<std::ptrdiff_t>(count);
  in_hand_.erase(in_hand_.begin(), in_hand_.begin() + end);
  has_metadata_.erase(has_metadata_.begin(), has_metadata_.begin() + end);
  if (header_.in_hand.load(std::memory_order_relaxed) == 0 &&
      header_.ending.load(std::memory_order_relaxed) != 0)
    wake_everyone(wakes);
}

// kOk: a claim may succeed. Lock held, or as a hint without it.
int WriterPort::room() const {
  if (header_.ending.load(std::memory_order_relaxed) != 0) return kEnded;
  if (header_.paused.load(std::memory_order_relaxed) != 0) return kPaused;
  return most_to_claim() > 0 ? kOk : kNotNow;
}

// As many as are free. Slots in hand may become the last events that were asked for: whoever wants
// more waits until that is decided.
std::uint32_t WriterPort::most_to_claim() const {
  const std::uint32_t free = header_.free_count.load(std::memory_order_relaxed);
  const std::uint64_t limit = header_.event_limit.load(std::memory_order_relaxed);
  if (limit == 0) return free;
  const std::uint64_t then = header_.next_sequence.load(std::memory_order_relaxed) +
                             header_.in_hand.load(std::memory_order_relaxed);
  return then > limit ? 0 : static_cast<std::uint32_t>(std::min<std::uint64_t>(free, limit + 1 - then));
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
  record.may_repeat = 0;
  take_in_hand({kOk, slot, 1});
  return true;
}

Run WriterPort::advance(std::uint32_t count) {
  if (count == 1 && reserved_ != kNoSlot && claim_reserved()) return {kOk, in_hand_.front(), 1};
  if (!in_hand_.empty()) date_first(in_hand_.size());
  Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  reserved_ = kNoSlot;
  if (!in_hand_.empty()) publish_first(in_hand_.size(), &locked.wakes);
  return claim_in_hand(count, &locked.wakes);
}

Run WriterPort::claim(std::uint32_t count) {
  Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  reserved_ = kNoSlot;
  return claim_in_hand(count, &locked.wakes);
}

std::uint32_t WriterPort::publish(std::uint32_t count) {
  count = std::min(count, static_cast<std::uint32_t>(in_hand_.size()));
  if (count == 0) return 0;
  date_first(count);
  Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  publish_first(count, &locked.wakes);
  if (in_hand_.empty()) reserve_next();
  return count;
}

std::uint32_t WriterPort::abort() {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  settle_reservation(handle_, Reservation::kWithdraw);
  const auto count = static_cast<std::uint32_t>(in_hand_.size());
  abort_all(in_hand_, &locked.wakes);
  locked.wakes.progress = true;
  let_go_of_first(count, &locked.wakes);
  return count;
}

// The number of slots in hand if it is none of them. A run of neighbours is the rule, so the place is
// known; otherwise it is looked for.
std::size_t WriterPort::place_in_hand(std::uint32_t slot) const {
  if (in_hand_.empty()) return 0;
  const std::size_t at = slot - in_hand_.front();
  if (at < in_hand_.size() && in_hand_[at] == slot) return at;
  return static_cast<std::size_t>(std::ranges::find(in_hand_, slot) - in_hand_.begin());
}

bool WriterPort::set_metadata(std::uint32_t slot, const Metadata& metadata) {
  const std::size_t at = place_in_hand(slot);
  if (at == in_hand_.size()) return false;
  describe(slot, metadata);
  has_metadata_[at] = 1;
  return true;
}

void WriterPort::describe(std::uint32_t slot, const Metadata& metadata) {
  SlotRecord& record = segment_->slot(slot);
  record.counter = metadata.counter;
  record.timestamp_s = metadata.timestamp_s;
  record.deadtime = metadata.deadtime;
  record.has_time = metadata.time_ns != kNoTime ? 1 : 0;
  if (record.has_time != 0) segment_->time_ns(slot) = metadata.time_ns;
}

bool WriterPort::mark_repeat(std::uint32_t slot) {
  if (place_in_hand(slot) == in_hand_.size()) return false;
  segment_->slot(slot).may_repeat = 1;
  return true;
}

bool WriterPort::fill(std::uint32_t slot, const void* source) {
  if (place_in_hand(slot) == in_hand_.size()) return false;
  // Not memcpy: a view of the slot itself may be what the user wants to have in it.
  std::memmove(segment_->payload_of(slot), source, segment_->bytes_to_copy(source));
  return true;
}

bool WriterPort::fill_claimed(std::size_t at, const void* source, const MetadataRow& row) {
  if (at >= in_hand_.size()) return false;
  const std::uint32_t slot = in_hand_[at];
  describe(slot, row.metadata);
  segment_->slot(slot).may_repeat = row.may_repeat;
  has_metadata_[at] = 1;
  std::memmove(segment_->payload_of(slot), source, segment_->bytes_to_copy(source));
  return true;
}

int WriterPort::wait(std::int64_t timeout_ns, std::int64_t spin_ns) {
  HandleRecord& record = segment_->handle(handle_);
  if (has_reservation()) return kOk;
  const int reason = room();
  if (reason == kOk || reason == kEnded) return reason;
  const WaitingTime waiting(&record, reason == kPaused ? WaitCause::kPaused : WaitCause::kFull);
  if (found_by_looking(handle_, &header_.space, [&] { return room() != reason; }, spin_ns, timeout_ns, &patience_))
    return kOk;
  std::uint32_t turn = 0;
  {
    const Locked locked(this);
    if (room() != reason) return kOk;
    count_in(handle_, Sleeping::kForWork, &header_.space, &turn);
  }
  futex_sleep(&header_.space.turn, turn, timeout_ns);
  {
    const Locked locked(this);
    count_out(handle_, &header_.space);
  }
  patience_.slept(waiting.so_far_ns());
  return after_sleep(turn, header_.space);
}

int WriterPort::refuse() {
  const bool paused = header_.paused.load(std::memory_order_relaxed) != 0;
  const auto cause = static_cast<std::size_t>(paused ? WaitCause::kPaused : WaitCause::kFull);
  segment_->handle(handle_).refused[cause].fetch_add(1, std::memory_order_relaxed);
  return paused ? kPaused : kNotNow;
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

}  // namespace mimocorb
