// free_slots.hpp: which slots are free, and which of them is claimed next. A cache, like the queues.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

#include "mimocorb/layout.hpp"

namespace mimocorb {

// The free slots while the lock is held; others see how many there are from `keep` on.
//
// Claims go round in the first `usual` slots, which are as many as a processor's cache has room for,
// and beyond them only while those are taken. Going round, instead of by age, gives neighbours to
// whoever claims several, also after readers have freed slots out of order.
class FreeSlots {
 public:
  FreeSlots(std::uint8_t* marks, std::uint32_t slots, std::uint32_t usual, std::uint32_t* next,
            std::atomic<std::uint32_t>* count)
      : marks_(marks),
        slots_(slots),
        usual_(usual),
        kept_next_(next),
        kept_count_(count),
        next_(*next < usual ? *next : 0),
        count_(count->load(std::memory_order_relaxed)) {}

  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] bool is_free(std::uint32_t slot) const { return slot < slots_ && marks_[slot] != 0; }
  // Whether the slot whose turn it is is free: whatever else comes free, it is claimed next.
  [[nodiscard]] bool is_in_turn() const { return marks_[next_] != 0; }
  // The slot to claim next. There is one.
  [[nodiscard]] std::uint32_t next() const {
    if (is_in_turn()) return next_;
    std::uint32_t slot = find(next_, usual_);
    if (slot == kNoSlot) slot = find(0, next_);
    return slot != kNoSlot ? slot : find(usual_, slots_);
  }
  void remove(std::uint32_t slot) {
    marks_[slot] = 0;
    --count_;
  }
  void take(std::uint32_t slot) {
    remove(slot);
    if (slot < usual_) next_ = slot + 1 < usual_ ? slot + 1 : 0;
  }
  void put(std::uint32_t slot) {
    marks_[slot] = 1;
    ++count_;
  }
  // Of a slot that was taken but not used: it is the next one again.
  void put_back(std::uint32_t slot) {
    put(slot);
    if (slot < usual_) next_ = slot;
  }
  void keep() const {
    *kept_next_ = next_;
    kept_count_->store(count_, std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] std::uint32_t find(std::uint32_t begin, std::uint32_t end) const {
    const void* at = begin < end ? std::memchr(marks_ + begin, 1, end - begin) : nullptr;
    return at == nullptr ? kNoSlot
                         : static_cast<std::uint32_t>(static_cast<const std::uint8_t*>(at) - marks_);
  }

  std::uint8_t* marks_;
  std::uint32_t slots_;
  std::uint32_t usual_;
  std::uint32_t* kept_next_;
  std::atomic<std::uint32_t>* kept_count_;
  std::uint32_t next_;
  std::uint32_t count_;
};

}  // namespace mimocorb
