// segment.hpp: the memory of a ring: an anonymous file that nobody can find by name, that exists
// as long as a process holds it, and not longer. The operating system's part of a ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "mimocorb/layout.hpp"
#include "mimocorb/result.hpp"

namespace mimocorb {

enum class Access { kWriter, kReader, kObserver };

struct Shape {
  std::uint32_t number_of_slots;
  std::uint64_t slot_bytes;
  std::uint32_t max_groups;
  std::uint32_t max_deliveries = 3;
  bool is_sized = false;  // events may have fewer bytes than a slot
};

// One mapping of a ring into this process. Control is writable for writers and readers; payload
// is writable for writers only; an observer can write nothing.
class Segment {
 public:
  // Reserves all memory now (ENOSPC or ENOMEM instead of a SIGBUS later).
  static Outcome create(const Shape& shape, std::unique_ptr<Segment>* made);
  // Opens the ring that `creator_pid` holds as descriptor `fd`; `identity` must agree.
  static Outcome open(std::int32_t creator_pid, int fd, const std::uint64_t identity[2],
                      Access access, std::unique_ptr<Segment>* opened);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] RingHeader& header() const { return *reinterpret_cast<RingHeader*>(control_); }
  [[nodiscard]] HandleRecord& handle(std::uint32_t i) const { return at<HandleRecord>(header().offset_handles)[i]; }
  [[nodiscard]] TokenRecord& token(std::uint32_t i) const { return at<TokenRecord>(header().offset_tokens)[i]; }
  [[nodiscard]] GroupRecord& group(std::uint32_t i) const { return at<GroupRecord>(header().offset_groups)[i]; }
  [[nodiscard]] SlotRecord& slot(std::uint32_t i) const { return slots_[i]; }
  [[nodiscard]] Word& group_word(std::uint32_t slot, std::uint32_t group) const {
    return group == 0 ? slots_[slot].first_group_word
                      : group_words_[std::size_t{slot} * (max_groups_ - 1U) + group - 1U];
  }
  [[nodiscard]] Word& torn_mark(std::uint32_t slot) const { return torn_marks_[slot]; }
  [[nodiscard]] std::uint8_t* free_marks() const { return free_marks_; }  // 1: free
  [[nodiscard]] std::uint32_t* group_queue(std::uint32_t group) const {
    return queues_ + std::size_t{number_of_slots_} * group;
  }
  [[nodiscard]] std::int64_t& time_ns(std::uint32_t slot) const { return times_[slot]; }
  [[nodiscard]] std::uint8_t* payload_of(std::uint32_t slot) const { return payload_ + header().slot_stride * slot; }
  [[nodiscard]] std::uint32_t number_of_slots() const { return number_of_slots_; }
  // How many of the bytes of a slot have to be copied. Its first word may be anything, such as while
  // the slot is written anew: never more than there are.
  [[nodiscard]] std::size_t bytes_to_copy(std::uint64_t first_word) const {
    const std::uint64_t slot_bytes = header().slot_bytes;
    if (header().is_sized == 0 || first_word > slot_bytes - kSlotHeadBytes) return slot_bytes;
    return kSlotHeadBytes + first_word;
  }
  [[nodiscard]] std::size_t bytes_to_copy(const void* slot) const {
    std::uint64_t first_word = 0;
    if (header().is_sized != 0) std::memcpy(&first_word, slot, sizeof first_word);
    return bytes_to_copy(first_word);
  }
  [[nodiscard]] std::uint32_t max_groups() const { return max_groups_; }

 private:
  Segment() noexcept = default;
  template <class T>
  [[nodiscard]] T* at(std::uint64_t offset) const {
    return reinterpret_cast<T*>(control_ + offset);
  }
  Outcome map(Access access, std::uint64_t control_bytes, std::uint64_t total_bytes);
  void find_parts();

  int descriptor_ = -1;  // kept by the creator only: others attach through it
  std::uint8_t* control_ = nullptr;
  std::uint8_t* payload_ = nullptr;
  std::uint64_t control_bytes_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::uint32_t number_of_slots_ = 0;
  std::uint32_t max_groups_ = 0;
  SlotRecord* slots_ = nullptr;
  Word* torn_marks_ = nullptr;
  Word* group_words_ = nullptr;
  std::uint32_t* queues_ = nullptr;
  std::uint8_t* free_marks_ = nullptr;
  std::int64_t* times_ = nullptr;
};

// Bytes that a ring of this shape takes, 0 if it exceeds the limits of the layout.
std::uint64_t bytes_needed(const Shape& shape);

}  // namespace mimocorb
