// The port of a reader: the events in its hands, and how it waits for more.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <new>
#include <span>

#include "mimocorb/locked.hpp"
#include "mimocorb/waiting.hpp"

namespace mimocorb {

Outcome ReaderPort::open(std::shared_ptr<Segment> segment, std::uint32_t group,
                         std::unique_ptr<ReaderPort>* opened) {
  std::unique_ptr<ReaderPort> port(new (std::nothrow) ReaderPort(std::move(segment)));
  if (port == nullptr) return {Fault::kSystem, ENOMEM, 0};
  port->group_ = group;
  port->in_hand_.reserve(64);
  const Outcome outcome = port->open_handle(Role::kReader, group, &port->handle_);
  if (outcome.ok()) *opened = std::move(port);
  return outcome;
}

ReaderPort::~ReaderPort() { close(); }

// A kill on the way leaves the later ones of them in hand: they are given back then.
std::uint32_t ReaderPort::finish(std::uint32_t first, std::uint32_t count, DueState how, Wakes* wakes) {
  const auto all = std::span<const std::uint32_t>(in_hand_).subspan(first);
  const auto done = all.first(std::min<std::size_t>(count, all.size()));
  const auto number = static_cast<std::uint32_t>(done.size());
  // A group that was removed has been settled with: there is nothing left to finish.
  if (is_active(segment_->group(group_))) finish_all(done, group_, how, wakes);
  in_hand_.erase(in_hand_.begin() + first, in_hand_.begin() + first + number);
  return number;
}

std::uint32_t ReaderPort::finish_in_hand(DueState how, Wakes* wakes) {
  return finish(0, kAll, how, wakes);
}

std::uint32_t ReaderPort::place_of_last(std::uint32_t count) const {
  const auto all = static_cast<std::uint32_t>(in_hand_.size());
  return all - std::min(count, all);
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

Run ReaderPort::advance(std::uint32_t count) {
  if (!in_hand_.empty()) look_for_next();
  const Round round = end_of_round();
  Locked locked(this);
  note_round(round);
  if (!in_hand_.empty()) finish_in_hand(DueState::kDone, &locked.wakes);
  return take_in_hand(count, &locked.wakes);
}

Run ReaderPort::take(std::uint32_t count) {
  const Round round = end_of_round();
  Locked locked(this);
  note_round(round);
  return take_in_hand(count, &locked.wakes);
}

// From taking events until now, when the next ones are asked for. A reader that did not sleep was at
// work for its processor time: else it was kept from a processor, which no other reader can change.
ReaderPort::Round ReaderPort::end_of_round() {
  if (round_since_ns_ == 0) return {};
  const ThreadTime now = thread_time();
  Round round{monotonic_ns() - round_since_ns_, now.sleeps > round_before_.sleeps};
  if (!round.slept) round.duration_ns = std::min(round.duration_ns, now.processor_ns - round_before_.processor_ns);
  round_since_ns_ = 0;
  constexpr std::int64_t kLongest_ns = 1'000'000'000;
  const std::int64_t events = std::max<std::int64_t>(1, round_events_);
  round.duration_ns = std::clamp<std::int64_t>(round.duration_ns / events, 1, kLongest_ns);
  return round;
}

// Lock held. How long readers of the group need for an event tells whether it pays to wake one more.
void ReaderPort::note_round(const Round& round) {
  GroupRecord& group = segment_->group(group_);
  group.asked_ns = header_.newest_ns;
  if (round.duration_ns == 0) return;
  const bool is_first = group.round_ns == 0;
  const auto usual = [&](std::int64_t before, std::int64_t now) {
    return static_cast<std::uint32_t>(is_first ? now : (7 * before + now + 7) / 8);
  };
  group.asleep = usual(group.asleep, round.slept ? GroupRecord::kAlways : 0);
  group.round_ns = usual(group.round_ns, round.duration_ns);
}

// Lock held. Whoever comes to an event wakes the next one if there is work for both. The clocks take a
// microsecond, so where readers are quick only one round in 16 is timed.
Run ReaderPort::take_in_hand(std::uint32_t count, Wakes* wakes) {
  constexpr std::uint32_t kQuick_ns = 50'000;
  const GroupRecord& group = segment_->group(group_);
  if (at_end()) return {kEnded, 0, 0};
  if (group.queue_count.load(std::memory_order_relaxed) == 0 || count == 0) return {kNotNow, 0, 0};
  const Run run = take_run(handle_, group_, count, scattered_, &in_hand_);
  if (group.readers == 1) return run;
  wakes->groups |= 1ULL << group_;
  round_events_ = run.count;
  if (takes_++ % 16 == 0 || group.round_ns > kQuick_ns) {
    round_since_ns_ = monotonic_ns();
    round_before_ = thread_time();
  }
  return run;
}

std::uint32_t ReaderPort::acknowledge() {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  return finish_in_hand(DueState::kDone, &locked.wakes);
}

std::uint32_t ReaderPort::acknowledge_first(std::uint32_t count) {
  if (in_hand_.empty() || count == 0) return 0;
  Locked locked(this);
  return finish(0, count, DueState::kDone, &locked.wakes);
}

std::uint32_t ReaderPort::quarantine(std::uint32_t count) {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  return finish(place_of_last(count), count, DueState::kQuarantined, &locked.wakes);
}

std::uint32_t ReaderPort::give_back(bool failed, std::uint32_t count) {
  if (in_hand_.empty()) return 0;
  Locked locked(this);
  const std::uint32_t first = place_of_last(count);
  const auto returned = std::span<const std::uint32_t>(in_hand_).subspan(first);
  const auto number = static_cast<std::uint32_t>(returned.size());
  if (is_active(segment_->group(group_))) give_back_all(returned, group_, failed, &locked.wakes);
  in_hand_.resize(first);
  return number;
}

// Whoever keeps events in hand while it works on later ones would else have them all condemned by one.
void ReaderPort::absolve() {
  const Locked locked(this);
  for (const std::uint32_t slot : in_hand_) {
    GroupWord word = group_word(slot, group_);
    if (word.failed == 0) continue;
    word.failed = 0;
    commit(&segment_->group_word(slot, group_), word.encode());
  }
}

std::uint32_t ReaderPort::held_by_others() const {
  const std::uint32_t held = segment_->group(group_).held.load(std::memory_order_relaxed);
  const auto ours = static_cast<std::uint32_t>(in_hand_.size());
  return held > ours ? held - ours : 0;
}

Metadata ReaderPort::metadata(std::uint32_t slot) const {
  const SlotRecord& record = segment_->slot(slot);
  return {record.counter, record.timestamp_s, record.deadtime,
          record.has_time != 0 ? segment_->time_ns(slot) : kNoTime};
}

void ReaderPort::copy(std::uint32_t slot, void* target) const {
  const void* content = segment_->payload_of(slot);
  std::memcpy(target, content, segment_->bytes_to_copy(content));
}

std::uint64_t ReaderPort::sequence(std::uint32_t slot) const {
  return sequence_of(slot);
}

std::uint32_t ReaderPort::delivery(std::uint32_t slot) const {
  return group_word(slot, group_).delivery;
}

bool ReaderPort::may_repeat(std::uint32_t slot) const {
  return group_word(slot, group_).failed > 0 || segment_->slot(slot).may_repeat != 0;
}

// Whoever has slept goes on with cold caches, where each step counts: so it takes with the same lock
// with which it counts itself out.
Run ReaderPort::wait_and_take(std::uint32_t count, std::int64_t timeout_ns, std::int64_t spin_ns) {
  GroupRecord& group = segment_->group(group_);
  const auto something = [&] {
    return group.queue_count.load(std::memory_order_relaxed) > 0 || at_end();
  };
  if (something()) return take(count);
  const WaitingTime waiting(&segment_->handle(handle_), WaitCause::kData);
  if (found_by_looking(handle_, &group.data, something, spin_ns, timeout_ns, &patience_))
    return take(count);
  Run run;
  std::uint32_t turn = 0;
  {
    Locked locked(this);
    run = take_in_hand(count, &locked.wakes);
    if (run.status != kNotNow) return run;
    count_in(handle_, Sleeping::kForWork, &group.data, &turn);
  }
  futex_sleep(&group.data.turn, turn, timeout_ns);
  {
    Locked locked(this);
    count_out(handle_, &group.data);
    run = take_in_hand(count, &locked.wakes);
  }
  patience_.slept(waiting.so_far_ns());
  if (run.status != kNotNow && group.data.turn.load(std::memory_order_relaxed) != turn) return run;
  const int after = after_sleep(turn, group.data);
  if (run.status != kNotNow) return run;
  return after == kOk ? take(count) : Run{after, 0, 0};
}

// model: TURN. Lock held. What this reader itself has in hand is not in its way. With kNotNow,
// `before` is the slot of an event that is.
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
    const GroupWord due = group_word(other, group_);
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
  const WaitingTime waiting(&segment_->handle(handle_), WaitCause::kTurn);
  const Word& word = segment_->group_word(before, group_);
  spin_until([&] { return word.load(std::memory_order_relaxed) != its_word; },
             std::min(spin_ns, timeout_ns));
  std::uint32_t turn_then = 0;
  {
    const Locked locked(this);
    const int now = turn(slot, &before);
    if (now != kNotNow) return now;
    count_in(handle_, Sleeping::kForTurn, &group.turn, &turn_then);
  }
  futex_sleep(&group.turn.turn, turn_then, timeout_ns);
  {
    const Locked locked(this);
    count_out(handle_, &group.turn);
  }
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
