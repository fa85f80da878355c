// The port of whoever made the ring: groups, writers to come, pause, end, and the ledger.
#include <array>
#include <numeric>

#include "mimocorb/liveness.hpp"
#include "mimocorb/locked.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

// By cause, with what it waits for at the moment.
std::array<std::int64_t, kWaitCauses> waited_until(const HandleRecord& record, std::int64_t now_ns) {
  std::array<std::int64_t, kWaitCauses> waited{};
  for (std::size_t cause = 0; cause < kWaitCauses; ++cause)
    waited[cause] = record.waited_ns[cause].load(std::memory_order_relaxed);
  const std::int64_t since = record.waiting_since_ns.load(std::memory_order_relaxed);
  if (since != 0) waited[record.waiting_cause.load(std::memory_order_relaxed)] += now_ns - since;
  return waited;
}

std::uint64_t refused(const HandleRecord& record, WaitCause cause) {
  return record.refused[static_cast<std::size_t>(cause)].load(std::memory_order_relaxed);
}

}  // namespace

Outcome ControlPort::add_token(std::uint32_t* token) {
  Locked locked(this);
  for (std::uint32_t t = 0; t < kMaxTokens; ++t) {
    Word& promised = segment_->token(t).promised;
    if (promised.load(std::memory_order_relaxed) != 0) continue;
    commit(&promised, TokenRecord::kInUse | 1U);
    update_ended(&locked.wakes);
    *token = t;
    return {};
  }
  return {Fault::kTokensFull, 0, kMaxTokens};
}

Outcome ControlPort::promise(std::uint32_t token, std::int32_t change) {
  Locked locked(this);
  if (token >= kMaxTokens) return {Fault::kNoSuchPort, 0, token};
  Word& word = segment_->token(token).promised;
  const std::uint64_t now = word.load(std::memory_order_relaxed);
  if ((now & TokenRecord::kInUse) == 0) return {Fault::kNoSuchPort, 0, token};
  const std::int64_t wanted = static_cast<std::int64_t>(now & ~TokenRecord::kInUse) + change;
  commit(&word, TokenRecord::kInUse | static_cast<std::uint64_t>(wanted > 0 ? wanted : 0));
  update_ended(&locked.wakes);
  return {};
}

// model: ADD_GROUP. The words of what is still in the ring first, then the group stands.
Outcome ControlPort::add_group(std::uint32_t* group) {
  Locked locked(this);
  std::uint32_t index = 0;
  while (index < segment_->max_groups() &&
         segment_->group(index).state.load(std::memory_order_relaxed) !=
             static_cast<std::uint64_t>(GroupState::kUnused))
    ++index;
  if (index == segment_->max_groups()) return {Fault::kGroupsFull, 0, index};
  GroupRecord& record = segment_->group(index);
  const std::uint64_t next = header_.next_sequence.load(std::memory_order_relaxed);
  record.first_sequence = next;
  record.backlog = 0;
  record.published_before = next - 1;
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
    if (!is_ready(s)) continue;
    segment_->group_word(s, index).store(GroupWord{DueState::kPending, 0, kNoHandle, 0, 0, 0}.encode(),
                                         std::memory_order_relaxed);
    const std::uint64_t sequence = segment_->slot(s).sequence.load(std::memory_order_relaxed);
    if (sequence < record.first_sequence) record.first_sequence = sequence;
    ++record.backlog;
  }
  commit(&record.state, static_cast<std::uint64_t>(GroupState::kActive));
  ++header_.active_groups;
  own_what_was_nobodys();
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s)
    if (is_ready(s)) ++segment_->slot(s).due;
  rebuild_group(index);
  wake_everyone(&locked.wakes);
  *group = index;
  return {};
}

// The slots of events published while there was no group were free; now these are due to one.
void ControlPort::own_what_was_nobodys() {
  FreeSlots free = free_slots();
  for (std::uint32_t slot = 0; slot < segment_->number_of_slots(); ++slot)
    if (free.is_free(slot) && is_ready(slot)) free.remove(slot);
  free.keep();
}

bool ControlPort::is_ready(std::uint32_t slot) const {
  return SlotWord::decode(segment_->slot(slot).word.load(std::memory_order_relaxed)).state ==
         SlotState::kReady;
}

// model: REMOVE_GROUP. Its last figures first, then it no longer stands in anybody's way.
Outcome ControlPort::remove_group(std::uint32_t group, std::uint64_t* abandoned) {
  Locked locked(this);
  if (group >= segment_->max_groups() || !is_active(segment_->group(group)))
    return {Fault::kNoSuchPort, 0, group};
  GroupRecord& record = segment_->group(group);
  const std::uint64_t published = header_.next_sequence.load(std::memory_order_relaxed) - 1;
  const GroupLedger ledger = group_ledger(group, published);
  record.published_until = published;
  record.abandoned = ledger.pending + ledger.held;
  record.final_quarantined = ledger.quarantined;
  record.final_redelivered = ledger.redelivered;
  commit(&record.state, static_cast<std::uint64_t>(GroupState::kRemoved));
  --header_.active_groups;
  FreeSlots free = free_slots();
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
    if (!is_ready(s)) continue;
    const DueState due =
        GroupWord::decode(segment_->group_word(s, group).load(std::memory_order_relaxed)).state;
    if ((due == DueState::kPending || due == DueState::kHeld) && --segment_->slot(s).due == 0)
      free_one(s, &free);
  }
  free.keep();
  wake_everyone(&locked.wakes);
  // Not only everyone active: the readers of this group sleep on a channel that is no longer.
  locked.wakes.groups |= 1ULL << group;
  locked.wakes.turns |= 1ULL << group;
  *abandoned = record.abandoned;
  return {};
}

// model: PAUSE
void ControlPort::pause(bool paused) {
  Locked locked(this);
  settle_reservations(Reservation::kWithdraw);
  header_.paused.store(paused ? 1 : 0, std::memory_order_relaxed);
  locked.wakes.space = locked.wakes.everyone = true;
}

// model: END_WRITERS
void ControlPort::end_writers() {
  Locked locked(this);
  settle_reservations(Reservation::kWithdraw);
  header_.ending.store(1, std::memory_order_relaxed);
  update_ended(&locked.wakes);
  wake_everyone(&locked.wakes);
}

// model: END_AFTER
void ControlPort::end_after(std::uint64_t events) {
  Locked locked(this);
  settle_reservations(Reservation::kWithdraw);
  commit(&header_.event_limit, events);
  end_at_limit(&locked.wakes);
  locked.wakes.space = locked.wakes.everyone = true;
}

// model: END_READERS
void ControlPort::end_readers() {
  Locked locked(this);
  header_.readers_ended.store(1, std::memory_order_release);  // SYNC stream-end: as the other end
  wake_everyone(&locked.wakes);
}

bool ControlPort::drained() const {
  if (header_.in_hand.load(std::memory_order_relaxed) > 0) return false;
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g) {
    const GroupRecord& group = segment_->group(g);
    if (is_active(group) &&
        (group.held.load(std::memory_order_relaxed) > 0 ||
         group.queue_count.load(std::memory_order_relaxed) > 0))
      return false;
  }
  return true;
}

bool ControlPort::wait_drained(std::int64_t timeout_ns) {
  std::uint32_t turn = 0;
  {
    const Locked locked(this);
    settle_reservations(Reservation::kMayStay);
    if (drained()) return true;
    header_.progress.sleepers.fetch_add(1, std::memory_order_relaxed);
    turn = header_.progress.turn.load(std::memory_order_relaxed);
  }
  futex_sleep(&header_.progress.turn, turn, timeout_ns);
  {
    const Locked locked(this);
    settle(&header_.progress);
    settle_reservations(Reservation::kMayStay);
    if (drained()) return true;
  }
  reap(false);
  return false;
}

GroupLedger ControlPort::group_ledger(std::uint32_t group, std::uint64_t published) const {
  const GroupRecord& record = segment_->group(group);
  GroupLedger ledger{};
  ledger.group = group;
  ledger.first_sequence = record.first_sequence;
  ledger.readers = record.readers;
  ledger.waited_ns = record.waited_ns;
  const bool active = is_active(record);
  ledger.offered =
      record.backlog + (active ? published : record.published_until) - record.published_before;
  if (active) {
    ledger.pending = record.queue_count.load(std::memory_order_relaxed);
    ledger.held = record.held.load(std::memory_order_relaxed);
    for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
      const GroupWord word =
          GroupWord::decode(segment_->group_word(s, group).load(std::memory_order_relaxed));
      ledger.quarantined += word.quarantined;
      ledger.redelivered += word.redelivered;
    }
  } else {
    ledger.abandoned = record.abandoned;
    ledger.quarantined = record.final_quarantined;
    ledger.redelivered = record.final_redelivered;
  }
  ledger.acknowledged =
      ledger.offered - ledger.pending - ledger.held - ledger.quarantined - ledger.abandoned;
  return ledger;
}

RingLedger ControlPort::ledger() {
  const Locked locked(this);
  settle_reservations(Reservation::kMayStay);
  RingLedger ledger{};
  std::uint32_t reserved = 0;
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
    const SlotWord word = SlotWord::decode(segment_->slot(s).word.load(std::memory_order_relaxed));
    ledger.claimed += word.generation;
    if (word.state == SlotState::kReserved) ++reserved;
  }
  ledger.published = header_.next_sequence.load(std::memory_order_relaxed) - 1;
  ledger.torn = header_.torn;
  ledger.in_hand = header_.in_hand.load(std::memory_order_relaxed);
  ledger.aborted = ledger.claimed - ledger.published - ledger.torn - ledger.in_hand;
  ledger.free_slots = header_.free_count.load(std::memory_order_relaxed) + reserved;
  ledger.paused = header_.paused.load(std::memory_order_relaxed) != 0;
  ledger.ending = header_.ending.load(std::memory_order_relaxed) != 0;
  ledger.ended = header_.stream_ended.load(std::memory_order_relaxed) != 0;
  ledger.created_ns = header_.created_ns;
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g)
    if (segment_->group(g).state.load(std::memory_order_relaxed) !=
        static_cast<std::uint64_t>(GroupState::kUnused))
      ledger.groups.push_back(group_ledger(g, ledger.published));
  for (std::uint32_t t = 0; t < kMaxTokens; ++t)
    ledger.promised += static_cast<std::uint32_t>(
        segment_->token(t).promised.load(std::memory_order_relaxed) & ~TokenRecord::kInUse);

  std::int64_t waited[kWaitCauses] = {};
  for (std::size_t cause = 0; cause < kWaitCauses; ++cause) waited[cause] = header_.waited_ns[cause];
  const std::int64_t now = monotonic_ns();
  for (std::uint32_t i = 0; i < header_.handles_used.load(std::memory_order_relaxed); ++i) {
    const HandleRecord& record = segment_->handle(i);
    ledger.refused_full += refused(record, WaitCause::kFull);
    ledger.refused_paused += refused(record, WaitCause::kPaused);
    if (record.state.load(std::memory_order_relaxed) == 0) continue;
    const auto until_now = waited_until(record, now);
    if (record.role == Role::kWriter) {
      ++ledger.writers;
      for (std::size_t cause = 0; cause < kWaitCauses; ++cause) waited[cause] += until_now[cause];
    } else {
      for (GroupLedger& group : ledger.groups)
        if (group.group == record.port)
          group.waited_ns += until_now[static_cast<std::size_t>(WaitCause::kData)];
    }
  }
  ledger.full_ns = waited[static_cast<std::size_t>(WaitCause::kFull)];
  ledger.paused_ns = waited[static_cast<std::size_t>(WaitCause::kPaused)];
  return ledger;
}

std::vector<Holding> ControlPort::held() {
  const Locked locked(this);
  settle_reservations(Reservation::kMayStay);
  std::vector<Holding> found;
  const auto add = [&](std::int32_t group, std::uint32_t slot, std::uint64_t number,
                       std::uint32_t owner, std::uint32_t delivery) {
    const std::int32_t pid = segment_->handle(owner).pid.load(std::memory_order_relaxed);
    found.push_back({group, slot, number, pid, delivery});
  };
  std::size_t expected = header_.in_hand.load(std::memory_order_relaxed);
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g)
    if (is_active(segment_->group(g)))
      expected += segment_->group(g).held.load(std::memory_order_relaxed);
  for (std::uint32_t s = 0; s < segment_->number_of_slots() && found.size() < expected; ++s) {
    const SlotRecord& record = segment_->slot(s);
    const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
    if (word.state == SlotState::kClaimed) add(Holding::kWriters, s, word.generation, word.owner, 0);
    if (word.state != SlotState::kReady) continue;
    for (std::uint32_t g = 0; g < segment_->max_groups(); ++g) {
      if (!is_active(segment_->group(g))) continue;
      const GroupWord due =
          GroupWord::decode(segment_->group_word(s, g).load(std::memory_order_relaxed));
      if (due.state != DueState::kHeld) continue;
      add(static_cast<std::int32_t>(g), s, record.sequence.load(std::memory_order_relaxed), due.owner,
          due.delivery);
    }
  }
  return found;
}

std::vector<Waited> ControlPort::waited() {
  const Locked locked(this);
  std::vector<Waited> found;
  const std::int64_t now = monotonic_ns();
  for (std::uint32_t i = 0; i < header_.handles_used.load(std::memory_order_relaxed); ++i) {
    const HandleRecord& record = segment_->handle(i);
    if (record.state.load(std::memory_order_relaxed) == 0) continue;
    const auto by_cause = waited_until(record, now);
    found.push_back({record.pid.load(std::memory_order_relaxed),
                     std::accumulate(by_cause.begin(), by_cause.end(), std::int64_t{0})});
  }
  return found;
}

}  // namespace mimocorb
