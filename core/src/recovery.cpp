// Recovery: from the words alone. Every function here may itself be killed at any instruction and
// simply runs again in the next process: it stores words that say the same, and caches anew.
#include <algorithm>

#include "mimocorb/liveness.hpp"
#include "mimocorb/locked.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {

// Called with the lock just taken over from a process that died inside. Whatever it was doing is
// either committed or not; the caches cannot be trusted.
void Ring::recover_after_owner_death() {
  for (std::uint32_t i = 0; i < header_.handles_used.load(std::memory_order_relaxed); ++i) {
    HandleRecord& record = segment_->handle(i);
    if (record.state.load(std::memory_order_relaxed) == 0) continue;
    if (record.role == Role::kWriter && record.owes_promise != 0) {
      commit(&segment_->token(record.port).promised, TokenRecord::kInUse | record.promise_target);
      record.owes_promise = 0;
    }
    // The kernel hands the lock over slightly before the process counts as ended: one that still
    // looks alive here is found by the next reap.
    if (!is_alive(process_of(record))) reclaim(i);
  }
  rebuild_caches();
  Wakes wakes;
  wake_everyone(&wakes);
  signal_all(&wakes);
  wake(wakes);
}

// model: RECLAIM. What a dead writer had claimed is torn; what a dead reader held is due again.
void Ring::reclaim(std::uint32_t handle) {
  HandleRecord& dead = segment_->handle(handle);
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
    SlotRecord& record = segment_->slot(s);
    const SlotWord word = SlotWord::decode(record.word.load(std::memory_order_relaxed));
    if (dead.role == Role::kWriter) {
      if (word.state != SlotState::kClaimed || word.owner != handle) continue;
      const TornMark mark = TornMark::decode(segment_->torn_mark(s).load(std::memory_order_relaxed));
      if (mark.generation != word.generation)  // else counted by a recoverer that died in turn
        commit(&segment_->torn_mark(s), TornMark{word.generation, mark.count + 1}.encode());
      record.sequence.store(0, std::memory_order_relaxed);
      commit(&record.word, SlotWord{SlotState::kFree, kNoHandle, word.generation}.encode());
    } else {
      if (word.state != SlotState::kReady) continue;
      Word& group_word = segment_->group_word(s, dead.port);
      GroupWord due = GroupWord::decode(group_word.load(std::memory_order_relaxed));
      if (due.state != DueState::kHeld || due.owner != handle) continue;
      due.give_back(true);
      commit(&group_word, due.encode());
    }
  }
  // As in `leave`, but the counts of open ports are caches that the caller rebuilds.
  commit(&dead.state, 0);
  if (dead.role == Role::kWriter) {
    for (std::size_t cause = 0; cause < kWaitCauses; ++cause)
      header_.waited_ns[cause] += dead.waited_ns[cause].load(std::memory_order_relaxed);
  } else {
    segment_->group(dead.port).waited_ns +=
        dead.waited_ns[static_cast<std::size_t>(WaitCause::kData)].load(std::memory_order_relaxed);
  }
}

void Ring::rebuild_caches() {
  std::uint32_t active = 0;
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g)
    if (is_active(segment_->group(g))) ++active;
  header_.active_groups = active;
  rebuild_slots();
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g)
    if (is_active(segment_->group(g))) rebuild_group(g);
  rebuild_handles();
  Wakes wakes;
  end_at_limit(&wakes);  // killed between the last publish and its consequence
  update_ended(&wakes);
}

// The word of a slot without a reservation, unless its writer, alive, was first and has claimed it.
SlotWord Ring::withdrawn(Word* word) {
  const std::uint64_t bits = word->load(std::memory_order_acquire);
  const SlotWord seen = SlotWord::decode(bits);
  if (seen.state != SlotState::kReserved) return seen;
  replace(word, bits, SlotWord{SlotState::kFree, kNoHandle, seen.generation}.encode());
  return SlotWord::decode(word->load(std::memory_order_acquire));
}

void Ring::rebuild_slots() {
  const std::uint32_t n = segment_->number_of_slots();
  std::uint64_t next_sequence = header_.next_sequence.load(std::memory_order_relaxed);
  std::uint64_t torn = 0;
  std::uint64_t newest = 0;
  std::uint32_t newest_slot = 0;
  std::uint32_t in_hand = 0;
  std::uint32_t free_count = 0;
  for (std::uint32_t s = 0; s < n; ++s) {
    SlotRecord& record = segment_->slot(s);
    SlotWord word = withdrawn(&record.word);
    torn += TornMark::decode(segment_->torn_mark(s).load(std::memory_order_relaxed)).count;
    std::uint8_t& mark = segment_->free_marks()[s];
    mark = 0;
    if (word.state == SlotState::kClaimed) {
      ++in_hand;
      continue;
    }
    const std::uint64_t sequence = record.sequence.load(std::memory_order_relaxed);
    if (word.state == SlotState::kReady) {
      // Killed between the two commits of PUBLISH: the event stands, its number is used.
      next_sequence = std::max(next_sequence, sequence + 1);
      record.due = 0;
      for (std::uint32_t g = 0; g < segment_->max_groups(); ++g) {
        if (!is_active(segment_->group(g))) continue;
        const DueState due =
            GroupWord::decode(segment_->group_word(s, g).load(std::memory_order_relaxed)).state;
        if (due == DueState::kPending || due == DueState::kHeld) ++record.due;
      }
      // Killed between the last ACK and FREE. With no group at all the event waits for one.
      if (record.due == 0 && header_.active_groups > 0) {
        word.state = SlotState::kFree;
        commit(&record.word, word.encode());
      }
    }
    if (sequence > newest) {
      newest = sequence;
      newest_slot = s + 1;
    }
    if (word.state == SlotState::kFree || record.due == 0) {
      mark = 1;
      ++free_count;
    }
  }
  commit(&header_.next_sequence, next_sequence);
  header_.next_claim = 0;
  header_.free_count.store(free_count, std::memory_order_relaxed);
  header_.torn = torn;
  header_.in_hand.store(in_hand, std::memory_order_relaxed);
  header_.newest_slot.store(newest_slot, std::memory_order_release);
}

void Ring::rebuild_group(std::uint32_t group) {
  GroupRecord& record = segment_->group(group);
  std::uint32_t* queue = segment_->group_queue(group);
  std::uint32_t pending = 0;
  std::uint32_t held = 0;
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
    const SlotWord word = SlotWord::decode(segment_->slot(s).word.load(std::memory_order_relaxed));
    if (word.state != SlotState::kReady) continue;
    const DueState due =
        GroupWord::decode(segment_->group_word(s, group).load(std::memory_order_relaxed)).state;
    if (due == DueState::kPending) queue[pending++] = s;
    if (due == DueState::kHeld) ++held;
  }
  std::sort(queue, queue + pending, [this](std::uint32_t a, std::uint32_t b) {
    return sequence_of(a) < sequence_of(b);
  });
  record.queue_head = 0;
  record.queue_count.store(pending, std::memory_order_relaxed);
  record.held.store(held, std::memory_order_relaxed);
}

void Ring::rebuild_handles() {
  for (std::uint32_t t = 0; t < kMaxTokens; ++t) {
    TokenRecord& token = segment_->token(t);
    if (token.promised.load(std::memory_order_relaxed) == 0) break;  // given out in order
    token.open = 0;
  }
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g) {
    GroupRecord& group = segment_->group(g);
    group.readers = 0;
    for (WaitChannel* channel : {&group.data, &group.turn}) {
      channel->sleepers.store(0, std::memory_order_relaxed);
      channel->woken = 0;
      channel->looking.store(0, std::memory_order_relaxed);
    }
  }
  std::uint32_t writers_asleep = 0;
  header_.open_writers = 0;
  for (std::uint32_t i = 0; i < header_.handles_used.load(std::memory_order_relaxed); ++i) {
    HandleRecord& record = segment_->handle(i);
    record.reservation = 0;
    if (record.state.load(std::memory_order_relaxed) == 0) continue;
    const bool asleep = record.sleeping != Sleeping::kNot;
    if (record.role == Role::kWriter) {
      ++segment_->token(record.port).open;
      ++header_.open_writers;
      if (asleep) ++writers_asleep;
    } else {
      GroupRecord& group = segment_->group(record.port);
      ++group.readers;
      WaitChannel& channel = record.sleeping == Sleeping::kForTurn ? group.turn : group.data;
      if (asleep) count_up(&channel.sleepers);
    }
  }
  header_.space.sleepers.store(writers_asleep, std::memory_order_relaxed);
  header_.space.woken = 0;
  header_.space.looking.store(0, std::memory_order_relaxed);
}

}  // namespace mimocorb
