// The transitions of a slot: claimed or reserved, published, aborted. Each is one store of its word
// (`commit`); the caches follow.
#include "mimocorb/locked.hpp"
#include "mimocorb/ring.hpp"

namespace mimocorb {

FreeSlots Ring::free_slots() {
  return {segment_->free_marks(), segment_->number_of_slots(), header_.usual_slots,
          &header_.next_claim, &header_.free_count};
}

// model: CLAIM
void Ring::claim_one(std::uint32_t handle, std::uint32_t slot) {
  SlotRecord& record = segment_->slot(slot);
  SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  word = {SlotState::kClaimed, handle, word.generation + 1};
  commit(&record.word, word.encode());  // SYNC slot-content: pairs with ObserverPort::copy_slot
  record.sequence.store(0, std::memory_order_relaxed);
  record.may_repeat = 0;
}

// Up to `count` neighbours; at least one slot is free.
Run Ring::claim_run(std::uint32_t handle, std::uint32_t count) {
  FreeSlots free = free_slots();
  Run run{kOk, free.next(), 0};
  for (; run.count < count && free.is_free(run.first + run.count); ++run.count) {
    claim_one(handle, run.first + run.count);
    free.take(run.first + run.count);
  }
  free.keep();
  count_up(&header_.in_hand, run.count);
  return run;
}

// model: RESERVE. The slot stays free in the eyes of everybody, but is not marked so, so that its
// writer can claim it without the lock. Only the slot whose turn it is: which slot is claimed next does
// not depend on reservations. An event that no group needs stays, as a new one might.
bool Ring::reserve_one(std::uint32_t handle, std::uint32_t* slot) {
  FreeSlots free = free_slots();
  if (!free.is_in_turn()) return false;
  const std::uint32_t index = free.next();
  SlotRecord& record = segment_->slot(index);
  const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  if (word.state != SlotState::kFree) return false;
  commit(&record.word, SlotWord{SlotState::kReserved, handle, word.generation}.encode());
  free.take(index);
  free.keep();
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
  if (seen.state == SlotState::kReserved) {
    if (reservation == Reservation::kMayStay) return;
    replace(&word, bits, SlotWord{SlotState::kFree, kNoHandle, seen.generation}.encode());
  }
  if (SlotWord::decode(word.load(std::memory_order_acquire)).state == SlotState::kFree) {
    FreeSlots free = free_slots();
    free.put_back(slot);
    free.keep();
  } else {
    count_up(&header_.in_hand);
  }
  record.reservation = 0;
}

void Ring::settle_reservations(Reservation reservation) {
  for (std::uint32_t i = 0; i < header_.handles_used.load(std::memory_order_relaxed); ++i)
    settle_reservation(i, reservation);
}

// model: PUBLISH. Group words first: they mean nothing until the slot's word says READY. Returns to
// how many groups the event is due.
std::uint32_t Ring::publish_one(std::uint32_t slot, std::uint64_t sequence) {
  SlotRecord& record = segment_->slot(slot);
  std::uint32_t due = 0;
  for (std::uint32_t g = 0; due < header_.active_groups; ++g) {
    if (!is_active(segment_->group(g))) continue;
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
  return due;
}

// At least one.
void Ring::publish_all(std::span<const std::uint32_t> slots, Wakes* wakes) {
  std::uint64_t sequence = header_.next_sequence.load(std::memory_order_relaxed);
  for (const std::uint32_t slot : slots) publish_one(slot, sequence++);

  count_down(&header_.in_hand, static_cast<std::uint32_t>(slots.size()));
  header_.newest_slot.store(slots.back() + 1, std::memory_order_release);
  header_.newest_ns = segment_->slot(slots.back()).published_ns;
  if (header_.active_groups == 0) {
    FreeSlots free = free_slots();
    for (const std::uint32_t slot : slots) free.put(slot);
    free.keep();
  }
  for (std::uint32_t g = 0, left = header_.active_groups; left > 0; ++g) {
    if (!is_active(segment_->group(g))) continue;
    --left;
    SlotQueue due = due_events(g);
    for (const std::uint32_t slot : slots) due.push_back(slot);
    due.keep();
    wakes->groups |= 1ULL << g;
  }
  end_at_limit(wakes);
}

// model: ABORT
void Ring::abort_all(std::span<const std::uint32_t> slots, Wakes* wakes) {
  FreeSlots free = free_slots();
  for (const std::uint32_t slot : slots) free_one(slot, &free);
  free.keep();
  count_down(&header_.in_hand, static_cast<std::uint32_t>(slots.size()));
  wakes->space = true;
}

}  // namespace mimocorb
