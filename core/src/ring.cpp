// Transitions: each is one store of a word (`commit`), then the caches follow.
#include "mimocorb/ring.hpp"

#include <cerrno>
#include <cstdlib>

#include "mimocorb/liveness.hpp"
#include "mimocorb/locked.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

constexpr int kTriesBeforeBlocking = 100;
constexpr std::int64_t kLivenessInterval_ns = 40'000'000;

}  // namespace

Ring::Ring(std::shared_ptr<Segment> segment)
    : segment_(std::move(segment)),
      header_(segment_->header()),
      fork_generation_(mimocorb::fork_generation()) {}

bool Ring::foreign() const { return fork_generation_ != mimocorb::fork_generation(); }

bool Ring::creator_alive() const {
  return is_alive({header_.creator_pid, header_.creator_start_time});
}

// --- the lock ---------------------------------------------------------------------------------

// With a host language's lock around us, blocking on ours and coming back with both would make
// everybody wait for the host. So: wait until ours is free without keeping it, then try again.
void Ring::lock() {
  for (;;) {
    int error = EBUSY;
    for (int i = 0; i < kTriesBeforeBlocking && error == EBUSY; ++i) {
      error = pthread_mutex_trylock(&header_.lock);
      if (error == EBUSY) relax();
    }
    if (error == EOWNERDEAD) take_over();
    if (error == 0 || error == EOWNERDEAD) return;
    // Anything else means that someone unlocked unrepaired: to go on would be to damage data.
    if (error != EBUSY) std::abort();
    const MayBlock may_block;
    if (pthread_mutex_lock(&header_.lock) == EOWNERDEAD) take_over();
    pthread_mutex_unlock(&header_.lock);
  }
}

// Never unlock unrepaired: that would make the lock unusable for ever.
void Ring::take_over() {
  recover_after_owner_death();
  pthread_mutex_consistent(&header_.lock);
}

void Ring::unlock() { pthread_mutex_unlock(&header_.lock); }

// Lock held. Moves the futex only if someone sleeps on it who is not being woken already, so that
// waking costs nothing otherwise.
bool Ring::signal(WaitChannel* channel, std::uint32_t wanted) {
  const std::uint32_t sleepers = channel->sleepers.load(std::memory_order_relaxed);
  if (sleepers <= channel->woken) return false;
  const std::uint32_t asleep = sleepers - channel->woken;
  channel->woken += wanted < asleep ? wanted : asleep;
  channel->turn.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Ring::wake(const Wakes& wakes) {
  for (std::uint64_t rest = wakes.groups; rest != 0; rest &= rest - 1) {
    const auto group = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    futex_wake(&segment_->group(group).data.turn, wakes.events);
  }
  for (std::uint64_t rest = wakes.turns; rest != 0; rest &= rest - 1) {
    const auto group = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    futex_wake(&segment_->group(group).turn.turn, Wakes::kEveryone);
  }
  if (wakes.slots > 0) futex_wake(&header_.space.turn, wakes.slots);
  if (wakes.progress) futex_wake(&header_.progress.turn, Wakes::kEveryone);
}

// --- queues (caches) --------------------------------------------------------------------------

void Ring::push_free_queue(std::uint32_t slot) {
  const std::uint32_t n = segment_->number_of_slots();
  const std::uint32_t count = header_.free_count.load(std::memory_order_relaxed);
  const std::uint32_t at = header_.free_head + count;
  segment_->free_queue()[at < n ? at : at - n] = slot;
  header_.free_count.store(count + 1, std::memory_order_relaxed);
}

void Ring::push_front_of_free_queue(std::uint32_t slot) {
  const std::uint32_t n = segment_->number_of_slots();
  header_.free_head = header_.free_head == 0 ? n - 1 : header_.free_head - 1;
  segment_->free_queue()[header_.free_head] = slot;
  header_.free_count.store(header_.free_count.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
}

void Ring::push_group_queue(std::uint32_t group, std::uint32_t slot) {
  const std::uint32_t n = segment_->number_of_slots();
  GroupRecord& record = segment_->group(group);
  const std::uint32_t count = record.queue_count.load(std::memory_order_relaxed);
  const std::uint32_t at = record.queue_head + count;
  segment_->group_queue(group)[at < n ? at : at - n] = slot;
  record.queue_count.store(count + 1, std::memory_order_relaxed);
}

// --- writing ----------------------------------------------------------------------------------

// model: CLAIM
int Ring::claim_one(std::uint32_t handle, std::uint32_t* slot) {
  const std::uint32_t count = header_.free_count.load(std::memory_order_relaxed);
  if (count == 0) return kNotNow;
  const std::uint32_t index = segment_->free_queue()[header_.free_head];
  SlotRecord& record = segment_->slot(index);
  SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  word = {SlotState::kClaimed, handle, word.generation + 1};
  commit(&record.word, word.encode());  // SYNC slot-content: pairs with ObserverPort::copy_slot
  record.sequence.store(0, std::memory_order_relaxed);
  header_.free_head = header_.free_head + 1 < segment_->number_of_slots() ? header_.free_head + 1 : 0;
  header_.free_count.store(count - 1, std::memory_order_relaxed);
  count_up(&header_.in_hand);
  *slot = index;
  return kOk;
}

// model: RESERVE. The slot stays free in the eyes of everybody; it only leaves the queue, so that its
// writer can claim it without the lock. An event that no group needs stays, as a new one might.
bool Ring::reserve_one(std::uint32_t handle, std::uint32_t* slot) {
  const std::uint32_t count = header_.free_count.load(std::memory_order_relaxed);
  const std::uint32_t index = segment_->free_queue()[header_.free_head];
  SlotRecord& record = segment_->slot(index);
  const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  if (count == 0 || word.state != SlotState::kFree) return false;
  commit(&record.word, SlotWord{SlotState::kReserved, handle, word.generation}.encode());
  header_.free_head = header_.free_head + 1 < segment_->number_of_slots() ? header_.free_head + 1 : 0;
  header_.free_count.store(count - 1, std::memory_order_relaxed);
  segment_->handle(handle).reservation = index + 1;
  *slot = index;
  return true;
}

// model: WITHDRAW. Its writer may claim the slot at the same moment: one of the two is first.
void Ring::settle_reservation(std::uint32_t handle, Reservation reservation) {
  HandleRecord& record = segment_->handle(handle);
  if (record.reservation == 0) return;
  const std::uint32_t slot = record.reservation - 1;
  Word& word = segment_->slot(slot).word;
  const std::uint64_t bits = word.load(std::memory_order_acquire);
  const SlotWord seen = SlotWord::decode(bits);
  if (seen.state == SlotState::kReserved && reservation == Reservation::kMayStay) return;
  if (seen.state == SlotState::kReserved &&
      replace(&word, bits, SlotWord{SlotState::kFree, kNoHandle, seen.generation}.encode()))
    push_front_of_free_queue(slot);
  else
    count_up(&header_.in_hand);
  record.reservation = 0;
}

void Ring::settle_reservations(Reservation reservation) {
  for (std::uint32_t i = 0; i < header_.handles_used.load(std::memory_order_relaxed); ++i)
    settle_reservation(i, reservation);
}

// model: PUBLISH. Group words first: they mean nothing until the slot's word says READY.
void Ring::publish_one(std::uint32_t slot, Wakes* wakes) {
  SlotRecord& record = segment_->slot(slot);
  const std::uint64_t sequence = header_.next_sequence.load(std::memory_order_relaxed);
  std::uint32_t due = 0;
  for (std::uint32_t g = 0, left = header_.active_groups; left > 0; ++g) {
    if (!is_active(segment_->group(g))) continue;
    --left;
    Word& group_word = segment_->group_word(slot, g);
    GroupWord word = GroupWord::decode(group_word.load(std::memory_order_relaxed));
    word = {DueState::kPending, 0, kNoHandle, 0, word.quarantined, word.redelivered};
    group_word.store(word.encode(), std::memory_order_relaxed);
    ++due;
  }
  record.sequence.store(sequence, std::memory_order_relaxed);
  const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  commit(&record.word, SlotWord{SlotState::kReady, kNoHandle, word.generation}.encode());
  commit(&header_.next_sequence, sequence + 1);

  record.due = due;
  count_down(&header_.in_hand);
  header_.newest_slot.store(slot + 1, std::memory_order_release);
  if (due == 0) push_free_queue(slot);
  for (std::uint32_t g = 0; due > 0; ++g) {
    if (!is_active(segment_->group(g))) continue;
    --due;
    push_group_queue(g, slot);
    wakes->groups |= 1ULL << g;
  }
  ++wakes->events;
  if (sequence == header_.event_limit.load(std::memory_order_relaxed)) end_at_limit(wakes);
}

// With the last event that was asked for, claims are over.
void Ring::end_at_limit(Wakes* wakes) {
  const std::uint64_t limit = header_.event_limit.load(std::memory_order_relaxed);
  if (limit == 0 || header_.next_sequence.load(std::memory_order_relaxed) <= limit) return;
  header_.ending.store(1, std::memory_order_relaxed);
  update_ended(wakes);
  wake_everyone(wakes);
}

// model: ABORT
void Ring::abort_one(std::uint32_t slot, Wakes* wakes) {
  SlotRecord& record = segment_->slot(slot);
  const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  commit(&record.word, SlotWord{SlotState::kFree, kNoHandle, word.generation}.encode());
  count_down(&header_.in_hand);
  push_free_queue(slot);
  ++wakes->slots;
}

// --- reading ----------------------------------------------------------------------------------

// model: TAKE
int Ring::take_one(std::uint32_t handle, std::uint32_t group, std::uint32_t* slot) {
  GroupRecord& record = segment_->group(group);
  const std::uint32_t count = record.queue_count.load(std::memory_order_relaxed);
  if (count == 0) return kNotNow;
  const std::uint32_t index = segment_->group_queue(group)[record.queue_head];
  Word& group_word = segment_->group_word(index, group);
  GroupWord word = GroupWord::decode(group_word.load(std::memory_order_relaxed));
  word.state = DueState::kHeld;
  word.owner = handle;
  if (word.delivery < GroupWord::kMaxDelivery) ++word.delivery;
  commit(&group_word, word.encode());
  record.queue_head = record.queue_head + 1 < segment_->number_of_slots() ? record.queue_head + 1 : 0;
  record.queue_count.store(count - 1, std::memory_order_relaxed);
  count_up(&record.held);
  *slot = index;
  return word.failed >= header_.max_deliveries ? kPoisonous : kOk;
}

// model: ACK (how = kDone) and QUARANTINE (how = kQuarantined)
void Ring::finish_one(std::uint32_t slot, std::uint32_t group, DueState how, Wakes* wakes) {
  Word& group_word = segment_->group_word(slot, group);
  GroupWord word = GroupWord::decode(group_word.load(std::memory_order_relaxed));
  word.state = how;
  word.owner = kNoHandle;
  if (how == DueState::kQuarantined) ++word.quarantined;
  commit(&group_word, word.encode());
  GroupRecord& record = segment_->group(group);
  count_down(&record.held);
  if (record.turn.sleepers.load(std::memory_order_relaxed) > 0) wakes->turns |= 1ULL << group;
  if (record.held.load(std::memory_order_relaxed) == 0 &&
      record.queue_count.load(std::memory_order_relaxed) == 0 &&
      header_.stream_ended.load(std::memory_order_relaxed) != 0) {
    wakes->groups |= 1ULL << group;
    wakes->events = Wakes::kEveryone;
  }
  if (--segment_->slot(slot).due == 0) free_one(slot, wakes);
}

// model: FREE
void Ring::free_one(std::uint32_t slot, Wakes* wakes) {
  SlotRecord& record = segment_->slot(slot);
  const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  commit(&record.word, SlotWord{SlotState::kFree, kNoHandle, word.generation}.encode());
  push_free_queue(slot);
  if (wakes->slots < Wakes::kEveryone) ++wakes->slots;
  wakes->progress = true;
}

// model: GIVE_BACK. The queue stays in publish order, so the event comes before all newer ones.
void Ring::give_back_one(std::uint32_t slot, std::uint32_t group, bool failed, Wakes* wakes) {
  Word& group_word = segment_->group_word(slot, group);
  GroupWord word = GroupWord::decode(group_word.load(std::memory_order_relaxed));
  word.give_back(failed);
  commit(&group_word, word.encode());

  const std::uint32_t n = segment_->number_of_slots();
  GroupRecord& record = segment_->group(group);
  std::uint32_t* queue = segment_->group_queue(group);
  const std::uint32_t count = record.queue_count.load(std::memory_order_relaxed);
  const std::uint64_t sequence = segment_->slot(slot).sequence.load(std::memory_order_relaxed);
  record.queue_head = record.queue_head == 0 ? n - 1 : record.queue_head - 1;
  std::uint32_t at = record.queue_head;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t next = at + 1 < n ? at + 1 : 0;
    const std::uint32_t other = queue[next];
    if (segment_->slot(other).sequence.load(std::memory_order_relaxed) > sequence) break;
    queue[at] = other;
    at = next;
  }
  queue[at] = slot;
  record.queue_count.store(count + 1, std::memory_order_relaxed);
  count_down(&record.held);
  wakes->groups |= 1ULL << group;
  wakes->turns |= 1ULL << group;
  ++wakes->events;
}

// --- coming and going -------------------------------------------------------------------------

// The stream has ended when claims are over, or when every promised writer has come and gone.
void Ring::update_ended(Wakes* wakes) {
  std::uint32_t tokens = 0;
  std::uint32_t live = 0;
  for (std::uint32_t t = 0; t < kMaxTokens; ++t) {
    const TokenRecord& token = segment_->token(t);
    const std::uint64_t promised = token.promised.load(std::memory_order_relaxed);
    if ((promised & TokenRecord::kInUse) == 0) break;  // tokens are given out in order
    ++tokens;
    if (promised != TokenRecord::kInUse || token.open > 0) ++live;
  }
  const bool ended = header_.ending.load(std::memory_order_relaxed) != 0 || (tokens > 0 && live == 0);
  const bool was = header_.stream_ended.load(std::memory_order_relaxed) != 0;
  header_.stream_ended.store(ended ? 1 : 0, std::memory_order_relaxed);
  if (ended && !was) wake_everyone(wakes);
}

void Ring::wake_everyone(Wakes* wakes) {
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g)
    if (is_active(segment_->group(g))) wakes->groups |= 1ULL << g;
  wakes->turns = wakes->groups;
  wakes->events = Wakes::kEveryone;
  wakes->slots = Wakes::kEveryone;
  wakes->progress = true;
}

// model: ATTACH. A promise is taken after the handle stands, by an absolute value that recovery can
// store again: killed in between, the promise is neither lost nor taken twice.
Outcome Ring::open_handle(Role role, std::uint32_t port, std::uint32_t* handle) {
  reap(true);  // make room where the dead still stand, and see the ring as it is
  const ProcessId self = this_process();
  if (self.start_time == 0) return {Fault::kSystem, errno, 0};
  Locked locked(this);
  if (role == Role::kReader &&
      (port >= segment_->max_groups() || !is_active(segment_->group(port))))
    return {Fault::kNoSuchPort, 0, port};
  if (role == Role::kWriter &&
      (port >= kMaxTokens ||
       (segment_->token(port).promised.load(std::memory_order_relaxed) & TokenRecord::kInUse) == 0))
    return {Fault::kNoSuchPort, 0, port};
  std::uint32_t index = 0;
  while (index < kMaxHandles && segment_->handle(index).state.load(std::memory_order_relaxed) != 0)
    ++index;
  if (index == kMaxHandles) return {Fault::kHandlesFull, 0, kMaxHandles};

  HandleRecord& record = segment_->handle(index);
  record.role = role;
  record.port = port;
  record.pid.store(self.pid, std::memory_order_relaxed);
  record.start_time.store(self.start_time, std::memory_order_relaxed);
  record.sleeping = Sleeping::kNot;
  record.waiting_since_ns.store(0, std::memory_order_relaxed);
  for (auto& waited : record.waited_ns) waited.store(0, std::memory_order_relaxed);
  record.owes_promise = 0;
  record.reservation = 0;
  if (role == Role::kWriter) {
    const std::uint64_t promised = segment_->token(port).promised.load(std::memory_order_relaxed);
    const auto left = static_cast<std::uint32_t>(promised & ~TokenRecord::kInUse);
    record.promise_target = left > 0 ? left - 1 : 0;
    record.owes_promise = 1;
  }
  if (index >= header_.handles_used.load(std::memory_order_relaxed))
    header_.handles_used.store(index + 1, std::memory_order_relaxed);
  commit(&record.state, 1);
  if (role == Role::kWriter) {
    commit(&segment_->token(port).promised, TokenRecord::kInUse | record.promise_target);
    record.owes_promise = 0;
    ++segment_->token(port).open;
    ++header_.open_writers;
    settle_reservations(Reservation::kWithdraw);
    update_ended(&locked.wakes);
  } else {
    ++segment_->group(port).readers;
  }
  *handle = index;
  return {};
}

// model: DETACH. Nothing may be in hand any more.
void Ring::leave(std::uint32_t handle, Wakes* wakes) {
  HandleRecord& record = segment_->handle(handle);
  settle_reservation(handle, Reservation::kWithdraw);
  commit(&record.state, 0);
  if (record.role == Role::kWriter) {
    for (std::size_t cause = 0; cause < kWaitCauses; ++cause)
      header_.waited_ns[cause] += record.waited_ns[cause].load(std::memory_order_relaxed);
    --segment_->token(record.port).open;
    --header_.open_writers;
    update_ended(wakes);
  } else {
    GroupRecord& group = segment_->group(record.port);
    group.waited_ns +=
        record.waited_ns[static_cast<std::size_t>(WaitCause::kData)].load(std::memory_order_relaxed);
    --group.readers;
  }
}

// --- sleeping ---------------------------------------------------------------------------------

void Ring::sleep_registered(WaitChannel* channel, std::uint32_t turn, std::uint32_t handle,
                            std::int64_t timeout_ns) {
  futex_sleep(&channel->turn, turn, timeout_ns < kLongestSleep_ns ? timeout_ns : kLongestSleep_ns);
  const Locked locked(this);
  HandleRecord& record = segment_->handle(handle);
  if (record.sleeping != Sleeping::kNot) {
    record.sleeping = Sleeping::kNot;
    settle(channel);
  }
}

// Lock held. One sleeper less, and one wake-up less that is on its way.
void Ring::settle(WaitChannel* channel) {
  channel->sleepers.fetch_sub(1, std::memory_order_relaxed);
  if (channel->woken > 0) --channel->woken;
}

// A sleep that nobody ended may mean that whoever should have ended it is dead.
int Ring::after_sleep(std::uint32_t turn_then, const WaitChannel& channel) {
  if (channel.turn.load(std::memory_order_relaxed) != turn_then) return kOk;
  if (reap(false) > 0) return kOk;
  return creator_alive() ? kNotNow : kOrphaned;
}

std::uint32_t Ring::reap(bool force) {
  const std::int64_t now = monotonic_ns();
  std::int64_t last = header_.liveness_checked_ns.load(std::memory_order_relaxed);
  if (!force && now - last < kLivenessInterval_ns) return 0;
  if (!header_.liveness_checked_ns.compare_exchange_strong(last, now) && !force) return 0;

  std::uint32_t dead[kMaxHandles];
  ProcessId who[kMaxHandles];
  std::uint32_t found = 0;
  const ProcessId self = this_process();
  const std::uint32_t handles = header_.handles_used.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < handles; ++i) {
    const HandleRecord& record = segment_->handle(i);
    if (record.state.load(std::memory_order_acquire) == 0) continue;
    const ProcessId process = process_of(record);
    if (process == self) continue;
    if (is_alive(process)) continue;
    dead[found] = i;
    who[found] = process;
    ++found;
  }
  if (found == 0) return 0;

  Locked locked(this);
  std::uint32_t reclaimed = 0;
  for (std::uint32_t k = 0; k < found; ++k) {
    const HandleRecord& record = segment_->handle(dead[k]);
    // Someone else may have recovered it meanwhile and the place may have a new owner.
    if (record.state.load(std::memory_order_relaxed) == 0 || process_of(record) != who[k]) continue;
    reclaim(dead[k]);
    ++reclaimed;
  }
  if (reclaimed > 0) {
    rebuild_caches();
    wake_everyone(&locked.wakes);
  }
  return reclaimed;
}

}  // namespace mimocorb
