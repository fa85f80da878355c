// bytes.hpp: setting and reading the words of a ring in tests, as a process would have left them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "mimocorb/liveness.hpp"
#include "stage.hpp"

namespace mimocorb::testing {

inline SlotWord slot_word(const Segment& ring, std::uint32_t slot) {
  return SlotWord::decode(ring.slot(slot).word.load());
}
inline GroupWord group_word(const Segment& ring, std::uint32_t slot, std::uint32_t group) {
  return GroupWord::decode(ring.group_word(slot, group).load());
}
inline void set(Word* word, const SlotWord& value) { word->store(value.encode()); }
inline void set(Word* word, const GroupWord& value) { word->store(value.encode()); }

// A process that nobody is: its id is beyond what the system gives out.
inline constexpr std::int32_t kNoProcess = 0x7ffffff0;

// A handle as a process that died has left it behind.
inline void set_dead_handle(const Segment& ring, std::uint32_t handle, Role role, std::uint32_t port) {
  HandleRecord& record = ring.handle(handle);
  record.role = role;
  record.port = port;
  record.pid = kNoProcess;
  record.start_time = 1;
  if (ring.header().handles_used < handle + 1) ring.header().handles_used = handle + 1;
  record.state = 1;
}

// The lock as the kernel leaves it when its owner has died: the next who takes it is told so.
inline void set_owner_died(const Segment& ring) {
  constexpr std::uint32_t kOwnerDied = 0x40000000;  // FUTEX_OWNER_DIED
  reinterpret_cast<std::atomic<std::uint32_t>*>(&ring.header().lock)->store(kOwnerDied);
}

// All bytes that are shared, without the lock, which each call takes and releases.
inline std::vector<unsigned char> all_bytes(const Segment& ring) {
  const auto* begin = reinterpret_cast<const unsigned char*>(&ring.header());
  std::vector<unsigned char> bytes(begin, begin + offsetof(RingHeader, lock));
  bytes.insert(bytes.end(), begin + offsetof(RingHeader, lock) + sizeof(pthread_mutex_t),
               begin + ring.header().offset_payload);
  return bytes;
}

inline std::vector<std::uint32_t> queue_of(const Segment& ring, std::uint32_t group) {
  std::vector<std::uint32_t> slots;
  const GroupRecord& record = ring.group(group);
  for (std::uint32_t i = 0; i < record.queue_count; ++i)
    slots.push_back(ring.group_queue(group)[(record.queue_head + i) % ring.number_of_slots()]);
  return slots;
}

}  // namespace mimocorb::testing
