// The transitions of an event in a group: taken, finished with, given back; and of its slot, which is
// free after the last group. Each is one store of a word (`commit`); the caches follow.
#include <algorithm>
#include <utility>

#include "mimocorb/locked.hpp"
#include "mimocorb/ring.hpp"

namespace mimocorb {

SlotQueue Ring::due_events(std::uint32_t group) {
  GroupRecord& record = segment_->group(group);
  return {segment_->group_queue(group), segment_->number_of_slots(), &record.queue_head,
          &record.queue_count};
}

// An event that has failed comes alone, as does one that will get no second chance: the
// deliveries of the others in its batch must not count up because of it. So what is quarantined
// has failed by itself, and touches no other.
bool Ring::comes_alone(const GroupWord& word) const {
  return word.failed > 0 || header_.max_deliveries == 1;
}

// model: TAKE
void Ring::take_one(std::uint32_t handle, std::uint32_t group, std::uint32_t slot, GroupWord word) {
  word.state = DueState::kHeld;
  word.owner = handle;
  if (word.delivery < GroupWord::kMaxDelivery) ++word.delivery;
  commit(&segment_->group_word(slot, group), word.encode());
}

// Up to `count` events, in neighbouring slots unless `scattered`; there is at least one. They follow
// each other without a gap: over an event in the hands of another reader, who waits for the turn of
// the first would not have that of the others.
Run Ring::take_run(std::uint32_t handle, std::uint32_t group, std::uint32_t count, bool scattered,
                   std::vector<std::uint32_t>* taken) {
  SlotQueue due = due_events(group);
  const GroupWord first = group_word(due[0], group);
  Run run{first.failed >= header_.max_deliveries ? kPoisonous : kOk, due[0], 1};
  take_one(handle, group, run.first, first);
  taken->push_back(run.first);
  count = comes_alone(first) ? 1 : std::min(count, due.length());
  const std::uint64_t sequence = sequence_of(run.first);
  for (; run.count < count; ++run.count) {
    const std::uint32_t slot = due[run.count];
    if (!scattered && slot != run.first + run.count) break;
    const GroupWord word = group_word(slot, group);
    if (comes_alone(word) || sequence_of(slot) != sequence + run.count) break;
    take_one(handle, group, slot, word);
    taken->push_back(slot);
  }
  due.pop_front(run.count);
  due.keep();
  count_up(&segment_->group(group).held, run.count);
  return run;
}

// model: ACK (how = kDone) and QUARANTINE (how = kQuarantined)
void Ring::finish_one(std::uint32_t slot, std::uint32_t group, DueState how) {
  GroupWord word = group_word(slot, group);
  word.state = how;
  word.owner = kNoHandle;
  if (how == DueState::kQuarantined) ++word.quarantined;
  commit(&segment_->group_word(slot, group), word.encode());
}

void Ring::finish_all(std::span<const std::uint32_t> slots, std::uint32_t group, DueState how,
                      Wakes* wakes) {
  FreeSlots free = free_slots();
  const std::uint32_t free_before = free.count();
  for (const std::uint32_t slot : slots) {
    finish_one(slot, group, how);
    if (--segment_->slot(slot).due == 0) free_one(slot, &free);
  }
  free.keep();
  const bool freed = free.count() > free_before;
  if (freed) wakes->space = wakes->progress = true;

  GroupRecord& record = segment_->group(group);
  count_down(&record.held, static_cast<std::uint32_t>(slots.size()));
  if (record.turn.sleepers.load(std::memory_order_relaxed) > 0) wakes->turns |= 1ULL << group;
  if (record.held.load(std::memory_order_relaxed) == 0 &&
      record.queue_count.load(std::memory_order_relaxed) == 0 &&
      header_.stream_ended.load(std::memory_order_relaxed) != 0) {
    wakes->groups |= 1ULL << group;
    wakes->everyone = true;
  }
}

// model: FREE
void Ring::free_one(std::uint32_t slot, FreeSlots* free) {
  SlotRecord& record = segment_->slot(slot);
  const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  commit(&record.word, SlotWord{SlotState::kFree, kNoHandle, word.generation}.encode());
  free->put(slot);
}

// model: GIVE_BACK. The queue stays in publish order, so the event comes before all newer ones.
void Ring::give_back_one(std::uint32_t slot, std::uint32_t group, bool failed, SlotQueue* due) {
  GroupWord word = group_word(slot, group);
  word.give_back(failed);
  commit(&segment_->group_word(slot, group), word.encode());

  due->push_front(slot);
  for (std::uint32_t i = 1; i < due->length() && sequence_of((*due)[i]) < sequence_of(slot); ++i)
    std::swap((*due)[i - 1], (*due)[i]);
}

void Ring::give_back_all(std::span<const std::uint32_t> slots, std::uint32_t group, bool failed,
                         Wakes* wakes) {
  SlotQueue due = due_events(group);
  for (const std::uint32_t slot : slots) give_back_one(slot, group, failed, &due);
  due.keep();
  count_down(&segment_->group(group).held, static_cast<std::uint32_t>(slots.size()));
  segment_->group(group).asked_ns = 0;  // whoever gave it back may not ask again
  wakes->groups |= 1ULL << group;
  wakes->turns |= 1ULL << group;
}

}  // namespace mimocorb
