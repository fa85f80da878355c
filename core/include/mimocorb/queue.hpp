// queue.hpp: a queue of slots in the control part of a ring. A cache, like all queues there.
#pragma once

#include <atomic>
#include <cstdint>

namespace mimocorb {

// The queue while the lock is held. What is pushed and popped is seen by others from `keep` on: they
// look at its length while they wait, and would have the cache line with every slot of a batch.
class SlotQueue {
 public:
  SlotQueue(std::uint32_t* entries, std::uint32_t capacity, std::uint32_t* head,
            std::atomic<std::uint32_t>* length)
      : entries_(entries),
        capacity_(capacity),
        kept_head_(head),
        kept_length_(length),
        head_(*head),
        length_(length->load(std::memory_order_relaxed)) {}

  [[nodiscard]] std::uint32_t length() const { return length_; }
  // The i-th from the front, of a queue with more than i.
  [[nodiscard]] std::uint32_t& operator[](std::uint32_t i) const {
    const std::uint32_t at = head_ + i;
    return entries_[at < capacity_ ? at : at - capacity_];
  }
  void push_back(std::uint32_t slot) { (*this)[length_++] = slot; }
  void push_front(std::uint32_t slot) {
    head_ = head_ == 0 ? capacity_ - 1 : head_ - 1;
    ++length_;
    (*this)[0] = slot;
  }
  void pop_front(std::uint32_t count = 1) {
    head_ = head_ + count < capacity_ ? head_ + count : head_ + count - capacity_;
    length_ -= count;
  }
  void keep() const {
    *kept_head_ = head_;
    kept_length_->store(length_, std::memory_order_relaxed);
  }

 private:
  std::uint32_t* entries_;
  std::uint32_t capacity_;
  std::uint32_t* kept_head_;
  std::atomic<std::uint32_t>* kept_length_;
  std::uint32_t head_;
  std::uint32_t length_;
};

}  // namespace mimocorb
